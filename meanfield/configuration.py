"""Experiments from TOML files: a user's own data, without Python."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, get_type_hints

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, TypeAdapter, ValidationError

from meanfield.assignments import assign_nested
from meanfield.datasets import Dataset
from meanfield.errors import FileError, InvalidInputError, unknown_name
from meanfield.experiment import Experiment
from meanfield.laws import InitialLaw, law_from_dict, laws
from meanfield.losses import loss_from_dict
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.regularizers import ridge_from_dict
from meanfield.solver import Solver, solver_from_dict, solvers
from meanfield.typing import Float64Array
from meanfield.wording import rule_in_words

__all__ = ["Configuration", "ExperimentFile", "example"]

_SHIPPED = "meanfield:"
# Bytes of a file, and parts of a dotted key: far above what anybody writes.
_LARGEST, _DEEPEST = 10_000_000, 100

Names = Annotated[
    list[str], BeforeValidator(lambda value: [value] if isinstance(value, str) else value)
]
PositiveNumber = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DataSection(_Section):
    """Where points and targets come from, and which points are held out."""

    file: str
    inputs: Names | None = None
    targets: Names | None = None
    test_fraction: float = Field(default=0.0, ge=0.0, lt=1.0)
    test_file: str | None = None
    split_seed: int = Field(default=0, ge=0)


class NeuronSection(_Section):
    """What a neuron is; the dimensions follow from the data."""

    activation: Any = "tanh"
    outer: Literal["trained", "fixed"] = "trained"
    bias: bool = True
    outputs: int | None = Field(default=None, ge=1)


class ProblemSection(_Section):
    """What is minimised."""

    loss: Any = "squared"
    ridge: Any = 0.0
    temperature: float = Field(default=0.0, ge=0.0, allow_inf_nan=False)
    scale: PositiveNumber = 1.0


class InitialSection(_Section):
    """Law of the neurons at time 0; other keys are settings of that law."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)

    law: str = "gaussian"
    particles: int = Field(default=1000, ge=1)
    sampling: Literal["iid", "sobol"] = "iid"


class TimeSection(_Section):
    """When the run ends and when it is saved."""

    t_end: PositiveNumber | None = None
    frames: int | None = Field(default=None, ge=2, le=10_000_000)
    save_at: list[float] | None = Field(default=None, min_length=1)


class Configuration(_Section):
    """All that a file may say."""

    name: str | None = Field(default=None, pattern=r"^[\w.-]+$")
    summary: str = ""
    data: DataSection
    neuron: NeuronSection = NeuronSection()
    problem: ProblemSection = ProblemSection()
    initial: InitialSection = InitialSection()
    solvers: dict[str, dict[str, Any]] = Field(default={"particle-flow": {}}, min_length=1)
    time: TimeSection


@dataclass(frozen=True)
class ExperimentFile:
    """A TOML file that describes an experiment.

    Tables ``[data]`` (``file``, ``inputs``, ``targets``, ``test_fraction`` with
    ``split_seed`` or ``test_file``), ``[neuron]`` (``activation``, ``outer``, ``bias``,
    ``outputs``), ``[problem]`` (``loss``, ``ridge``, ``temperature``, ``scale``),
    ``[initial]`` (``law`` and its settings, ``particles``, ``sampling``; the solvers grid
    and quadrature place cells and nodes of their own number),
    ``[solvers.NAME]`` with the settings of that solver (the first is the default) and
    ``[time]`` (``t_end`` and ``frames``, or ``save_at``); only ``data.file`` and the
    times are required. Vector settings of a law take one number, one for each
    parameter, or a table by kind of parameter, ``std = { a = 1.0, w = 0.5, b = 0.0 }``.

    Attributes
    ----------
    path : Path
        The file; paths inside it are relative to its folder, and ``meanfield:NAME`` is
        a data set that comes with the package.
    configuration : Configuration
        Its content, checked.

    Examples
    --------
    >>> from importlib.resources import files
    >>> path = files("meanfield.scenarios") / "example.toml"
    >>> ExperimentFile.read(path, {"initial.particles": "20"}).build().particles
    20
    """

    path: Path
    configuration: Configuration

    @classmethod
    def read(cls, path: str | Path, assignments: Mapping[str, str] | None = None) -> ExperimentFile:
        """Read and check a file.

        Parameters
        ----------
        path : path
        assignments : mapping of str to str, optional
            Values that replace those of the file, by dotted key.

        Raises
        ------
        FileError
            If the file cannot be read or is not TOML.
        InvalidInputError
            If a key is unknown or missing, or a value is not allowed.
        """
        source = Path(path)
        described = _read_toml(source)
        try:
            with _located(source):
                described = assign_nested(described, assignments or {})
            return cls(source, Configuration.model_validate(described))
        except ValidationError as error:
            raise _sentence(source, error) from None

    @property
    def name(self) -> str:
        """Name of the experiment: as the file says, or as the file is called."""
        return self.configuration.name or self.path.stem

    def build(self) -> Experiment:
        """Experiment that the file describes.

        Raises
        ------
        FileError
            If a data file cannot be read.
        InvalidInputError
            If parts do not fit together.
        """
        content = self.configuration
        data, test = self._data()
        problem = self._problem(data, test)
        return Experiment(
            name=self.name,
            problem=problem,
            initial=self._initial(problem.neuron),
            particles=content.initial.particles,
            save_at=self._times(),
            solvers=self._solvers(),
            test=test,
            sampling=content.initial.sampling,
            summary=content.summary,
        )

    def _data(self) -> tuple[Dataset, Dataset | None]:
        section = self.configuration.data
        data = self._load(section.file)
        if section.test_file is not None:
            if section.test_fraction > 0.0:
                raise InvalidInputError(
                    f"{self.path}: data has test_fraction or test_file, not both"
                )
            return data, self._load(section.test_file)
        held_out = round(section.test_fraction * len(data))
        if held_out == 0:
            return data, None
        if held_out == len(data):
            raise InvalidInputError(
                f"{self.path}: data.test_fraction = {section.test_fraction:g} leaves none of "
                f"{len(data)} points for training"
            )
        order = np.random.default_rng(section.split_seed).permutation(len(data))
        train, test = np.sort(order[held_out:]), np.sort(order[:held_out])
        return (
            Dataset(data.inputs[train], data.targets[train]),
            Dataset(data.inputs[test], data.targets[test]),
        )

    def _load(self, name: str) -> Dataset:
        section = self.configuration.data
        columns: dict[str, Any] = {}
        for part in ("inputs", "targets"):
            names = getattr(section, part)
            if names is not None:
                columns[part] = names[0] if len(names) == 1 else names
        with _located(self.path, "data"):
            return Dataset.load(self._find(name), **columns)

    def _find(self, name: str) -> Path:
        if not name.startswith(_SHIPPED):
            return self.path.parent / os.path.expanduser(name)
        folder = Path(str(files("meanfield.data")))
        shipped = [entry.name for entry in folder.iterdir() if entry.suffix in (".csv", ".npz")]
        wanted = name.removeprefix(_SHIPPED)
        if wanted not in shipped:
            raise unknown_name("data set of the package", wanted, shipped)
        return folder / wanted

    def _problem(self, data: Dataset, test: Dataset | None) -> Problem:
        neuron_section, section = self.configuration.neuron, self.configuration.problem
        with _located(self.path, "problem.loss"):
            loss = loss_from_dict(section.loss)
        with _located(self.path, "problem.ridge"):
            ridge = ridge_from_dict(section.ridge)
        outputs = neuron_section.outputs
        if outputs is None and loss.name == "cross_entropy":
            targets = [part.targets for part in (data, test) if part is not None]
            outputs = max(int(np.concatenate(targets).max()) + 1, 2)
        with _located(self.path, "neuron"):
            neuron = Neuron(
                inputs=data.inputs.shape[1],
                outputs=outputs or data.targets.shape[1],
                activation=neuron_section.activation,
                outer=neuron_section.outer,
                bias=neuron_section.bias,
            )
        with _located(self.path, "problem"):
            problem = Problem(neuron, data, loss, ridge, section.temperature, section.scale)
        if test is not None:
            with _located(self.path, "held-out data"):
                Problem(neuron, test, loss)
        return problem

    def _initial(self, neuron: Neuron) -> InitialLaw:
        section = self.configuration.initial
        with _located(self.path, "initial.law"):
            law = laws[section.law]
        known = [entry.name for entry in fields(law) if entry.name != "dim"]
        keys = [f"initial.{key}" for key in (*InitialSection.model_fields, *known)]
        settings = {}
        for key, value in (section.model_extra or {}).items():
            if key not in known:
                with _located(self.path):
                    raise unknown_name("key", f"initial.{key}", keys)
            with _located(self.path, f"initial.{key}"):
                settings[key] = _by_parameter(neuron, value)
        with _located(self.path, "initial"):
            return law_from_dict({"name": section.law, "dim": neuron.dim, **settings})

    def _solvers(self) -> dict[str, Solver[Any]]:
        found = {}
        for name, settings in self.configuration.solvers.items():
            with _located(self.path, f"solvers.{name}"):
                _check_settings(solvers[name], settings)
                found[name] = solver_from_dict({**settings, "name": name})
        return found

    def _times(self) -> Float64Array:
        section = self.configuration.time
        with _located(self.path, "time"):
            if section.save_at is None:
                if section.t_end is None:
                    raise InvalidInputError("t_end or save_at is missing")
                return np.linspace(0.0, section.t_end, section.frames or 101)
            if section.t_end is not None or section.frames is not None:
                raise InvalidInputError("save_at says all; leave out t_end and frames")
            times = np.array(section.save_at)
            if not np.isfinite(times).all() or times[0] < 0.0 or (np.diff(times) <= 0.0).any():
                raise InvalidInputError(
                    f"save_at must increase from a time >= 0, got {section.save_at}"
                )
            if times[-1] == 0.0:
                raise InvalidInputError("save_at must hold at least one time after 0")
            return times


def example() -> str:
    """Text of a complete file that runs: a start for one's own."""
    return (files("meanfield.scenarios") / "example.toml").read_text(encoding="utf-8")


@contextmanager
def _located(path: Path, key: str = "") -> Iterator[None]:
    """Errors inside say in which file and at which key they arose."""
    where = f"{path}: {key}: " if key else f"{path}: "
    try:
        yield
    except InvalidInputError as error:
        raise InvalidInputError(f"{where}{error}") from None
    except FileError as error:
        raise FileError(f"{where}{error}") from None


def _read_toml(path: Path) -> dict[str, Any]:
    if os.path.isdir(path):
        raise FileError(f"cannot read {path}: Is a directory")
    if not os.path.isfile(path):
        raise FileError(f"there is no file {path}")
    try:
        if path.stat().st_size > _LARGEST:
            raise FileError(f"{path} is larger than any description, {_LARGEST / 1e6:g} MB")
        content = path.read_text(encoding="utf-8")
        for number, line in enumerate(content.splitlines(), 1):
            if any(part.count(".") > _DEEPEST for part in re.split(r"[=,{}\[\]]", line)):
                raise FileError(f"{path}: line {number} has a key of more than {_DEEPEST} parts")
        return tomllib.loads(content)
    except ValueError as error:  # of TOML, of UTF-8, of integers with too many digits
        raise FileError(f"{path} is not valid TOML: {error}") from None
    except RecursionError:
        raise FileError(f"{path} is nested too deeply") from None
    except FileError:
        raise
    except OSError as error:
        raise FileError(f"cannot read {path}: {error.strerror}") from None


def _sentence(path: Path, error: ValidationError) -> InvalidInputError:
    """What is wrong with the content of a file; unknown keys first, they explain the rest."""
    mistakes = sorted(error.errors(), key=lambda mistake: mistake["type"] != "extra_forbidden")
    mistake = mistakes[0]
    *way, last = [str(part) for part in mistake["loc"]]
    key = ".".join((*way, last))
    if mistake["type"] == "extra_forbidden":
        meant = get_close_matches(
            last, [known.rpartition(".")[2] for known in _known_keys()], 1, 0.8
        )
        namesakes = [known for known in _known_keys() if known.rpartition(".")[2] in meant]
        if namesakes:
            paths = " or ".join(repr(known) for known in namesakes)
            return InvalidInputError(f"{path}: unknown key {key!r}; did you mean {paths}?")
        section: Any = Configuration.model_fields[way[0]].annotation if way else Configuration
        known = [".".join((*way, name)) for name in section.model_fields]
        return InvalidInputError(f"{path}: {unknown_name('key', key, known)}")
    if mistake["type"] == "missing":
        needed = " with t_end or save_at" if key == "time" else ""
        needed = " with a file" if key == "data" else needed
        what = f"the table [{key}]{needed}" if "." not in key else key
        return InvalidInputError(f"{path}: {what} is missing")
    if mistake["type"] in ("model_type", "dict_type"):
        return InvalidInputError(f"{path}: {key} must be a table, got {mistake['input']!r}")
    if mistake["type"] == "string_pattern_mismatch":
        rule = "must consist of letters, digits, '_', '.' and '-'"
    else:
        rule = rule_in_words(mistake["msg"])
    return InvalidInputError(f"{path}: {key} {rule}, got {mistake['input']!r}")


def _known_keys() -> list[str]:
    """Dotted keys of all values in the tables of a file."""
    tables = {name: entry.annotation for name, entry in Configuration.model_fields.items()}
    return [
        f"{name}.{key}"
        for name, table in tables.items()
        if isinstance(table, type) and issubclass(table, _Section)
        for key in table.model_fields
    ]


def _by_parameter(neuron: Neuron, value: Any) -> Any:
    """Expand a table by kind of parameter, ``{a = 1, w = 0.5, b = 0}``, to a list."""
    if not isinstance(value, dict):
        return value
    kinds = [name.partition("_")[0] for name in neuron.parameter_names]
    for kind in value:
        if kind not in kinds:
            raise unknown_name("kind of parameter", kind, dict.fromkeys(kinds))
    for kind in kinds:
        if kind not in value:
            raise InvalidInputError(f"a value for the parameters {kind} is missing")
    return [value[kind] for kind in kinds]


def _check_settings(solver: Any, settings: Mapping[str, Any]) -> None:
    """Raise unless plain settings have the right type; the others check themselves."""
    hints = get_type_hints(solver)
    if "name" in settings:
        raise unknown_name("setting", "name", [entry.name for entry in fields(solver)])
    for entry in fields(solver):
        if entry.name in settings and hints[entry.name] in (bool, str):
            value = settings[entry.name]
            try:
                TypeAdapter(hints[entry.name]).validate_python(value, strict=True)
            except ValidationError:
                allowed = "true or false" if hints[entry.name] is bool else "a text"
                raise InvalidInputError(f"{entry.name} must be {allowed}, got {value!r}") from None
