"""The vocabulary of initial laws: their names, and laws from dictionaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from meanfield.errors import InvalidInputError, unknown_name
from meanfield.measures import Box, Gaussian, Sphere
from meanfield.radial_laws import RadialGaussian
from meanfield.registry import Registry

__all__ = ["law_from_dict", "laws"]

#: Vocabulary of initial laws by name.
laws: Registry[type[Gaussian] | type[Sphere] | type[Box] | type[RadialGaussian]]
laws = Registry("initial law")
for _law in (Gaussian, Sphere, Box, RadialGaussian):
    laws.register(_law.name, _law)


def law_from_dict(described: Mapping[str, Any]) -> Gaussian | Sphere | Box | RadialGaussian:
    """Initial law from the dictionary that its ``to_dict`` makes.

    Raises
    ------
    InvalidInputError
        If the name or a setting is unknown, or a setting is missing.

    Examples
    --------
    >>> law_from_dict({"name": "gaussian", "dim": 3, "std": 0.5})
    Gaussian(dim=3, mean=0.0, std=0.5)
    """
    settings = {key: value for key, value in described.items() if key != "name"}
    law = laws[described.get("name", "gaussian")]
    known = {setting.name: setting.default is MISSING for setting in fields(law)}
    for setting in settings:
        if setting not in known:
            raise unknown_name(f"setting of the law {law.name}", setting, known)
    for setting, required in known.items():
        if required and setting not in settings:
            raise InvalidInputError(f"the law {law.name} needs the setting {setting}")
    return law(**settings)
