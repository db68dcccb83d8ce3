import json

import pytest

from meanfield.errors import InvalidInputError
from meanfield.laws import law_from_dict, laws
from meanfield.radial_laws import RadialGaussian


def test_laws_of_lengths_are_in_the_vocabulary():
    law = RadialGaussian(3, column=1, freedom=40, std=(0.5, 1.0, 2.0))
    assert law_from_dict(json.loads(json.dumps(law.to_dict()))) == law
    assert laws["radial-gaussian"] is RadialGaussian


def test_a_missing_setting_is_named():
    with pytest.raises(InvalidInputError, match="law radial-gaussian needs the setting freedom"):
        law_from_dict({"name": "radial-gaussian", "dim": 2, "column": 0})
