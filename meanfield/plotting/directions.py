"""In which two directions of parameter space a measure is shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from meanfield.datasets import Dataset
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.neurons import Neuron
from meanfield.plotting.style import symbol
from meanfield.plotting.survey import Survey
from meanfield.registry import Registry
from meanfield.typing import Array, Float64Array

__all__ = ["Directions", "choose_directions", "rules"]

Interval = tuple[float, float]

_TELLING_SHARE = 0.2  # of the motion, below which two principal directions show little of it


@dataclass(frozen=True, eq=False)
class Directions:
    """Axes of a picture of a measure: one or two functions of a neuron's parameters.

    Parameters
    ----------
    name : str
        Rule that made them.
    labels : tuple of one or two str
        Labels of the axes.
    function : callable
        (N, p) array of positions -> (N, 1) or (N, 2) array of coordinates.
    windows : tuple of (low, high) or None
        Limits of an axis where the rule prescribes them; None leaves them to the measure.
    equal : bool
        Whether both axes have the same unit, so that angles mean something.
    columns : tuple of int
        Parameters that the coordinates are, where they are parameters themselves.

    Examples
    --------
    >>> radii = Directions("radius", ("$|w|$",), lambda x: np.linalg.norm(x, axis=1)[:, None])
    >>> radii.project(np.array([[3.0, 4.0]]))
    array([[5.]])
    """

    name: str
    labels: tuple[str, ...]
    function: Callable[[Float64Array], Float64Array]
    windows: tuple[Interval | None, ...] = (None, None)
    equal: bool = False
    columns: tuple[int, ...] = ()

    def project(self, positions: Array) -> Float64Array:
        """Coordinates of particles (N, p), shape (N, 1) or (N, 2)."""
        return self.function(np.asarray(positions, dtype=np.float64))


@dataclass(frozen=True, eq=False)
class Subject:
    """What a rule may look at: particles over time and, where known, what they mean."""

    survey: Survey
    neuron: Neuron | None = None
    data: Dataset | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the parameters; ``theta_0 …`` without a neuron."""
        if self.neuron is not None:
            return self.neuron.parameter_names
        return tuple(f"theta_{column}" for column in range(self.survey.positions.shape[2]))


Rule = Callable[[Subject], Directions]

#: Vocabulary of rules by name; a rule raises InvalidInputError where it does not apply.
rules: Registry[Rule] = Registry("rule for directions")


def choose_directions(
    subject: Subject, wanted: Directions | str | tuple[str, ...] | None = None
) -> Directions:
    """Directions in which to show a measure.

    Parameters
    ----------
    subject : Subject
    wanted : Directions, name of a rule or of a parameter, one or two of these, or None
        With None, the first rule that applies: ``"parameters"`` if there are at most
        two; ``"kinks"`` for piecewise linear neurons on the line; ``"weights"`` for
        neurons on the plane; ``"principal"`` where these two directions hold a fifth of the
        motion or more; else ``"lengths"``, |w| against a. By name there is also ``"angles"``,
        the angle of w against |w| for two inputs.

    Raises
    ------
    InvalidInputError
        If a name is unknown or the rule does not apply to these neurons.
    """
    if isinstance(wanted, Directions):
        return wanted
    if isinstance(wanted, str):
        if wanted in subject.names:
            return _named_parameters(subject, (wanted,))
        if wanted not in rules:
            raise unknown_name("direction", wanted, [*rules, *subject.names])
        return rules[wanted](subject)
    if wanted is not None:
        return _named_parameters(subject, tuple(wanted))
    if len(subject.names) <= 2:
        return _parameters(subject)
    if _has_kinks(subject.neuron):
        return _kinks(subject)
    if subject.neuron is not None and subject.neuron.inputs == 2:
        return _weights(subject)
    if subject.neuron is not None and subject.neuron.inputs > 2:
        _, shares = _principal_axes(subject)
        return (_principal if shares.sum() >= _TELLING_SHARE else _lengths)(subject)
    return _principal(subject)


def _labels(names: tuple[str, ...], chosen: tuple[str, ...]) -> tuple[str, ...]:
    letters = [name.partition("_")[0] for name in names]
    words = {"a": "outer weight ", "w": "inner weight ", "b": "bias "}
    return tuple(
        words.get(name[0], "") + symbol(name, alone=letters.count(name.partition("_")[0]) == 1)
        if not name.startswith("theta")
        else symbol(name)
        for name in chosen
    )


def _named_parameters(subject: Subject, chosen: tuple[str, ...]) -> Directions:
    names = subject.names
    if len(chosen) not in (1, 2):
        raise InvalidInputError(f"directions take one or two parameters, got {len(chosen)}")
    for name in chosen:
        if name not in names:
            raise unknown_name("parameter", name, names)
    if len(set(chosen)) < len(chosen):
        raise InvalidInputError(f"directions must be different parameters, got {chosen[0]} twice")
    columns = tuple(names.index(name) for name in chosen)
    labels = _labels(names, chosen)
    return Directions(
        "parameters", labels, lambda positions: positions[:, list(columns)], columns=columns
    )


def _parameters(subject: Subject) -> Directions:
    """The parameters themselves, if there are one or two."""
    if len(subject.names) > 2:
        raise InvalidInputError(
            f"neurons have {len(subject.names)} parameters; name two of them, for example "
            f"directions={subject.names[:2]}"
        )
    return _named_parameters(subject, subject.names)


def _has_kinks(neuron: Neuron | None) -> bool:
    return (
        neuron is not None
        and neuron.inputs == 1
        and neuron.outputs == 1
        and neuron.bias
        and neuron.activation.kinks == (0.0,)
        and neuron.activation.homogeneity == 1.0
    )


def _kinks(subject: Subject) -> Directions:
    """Kink −b/w against slope a |w|: what a piecewise linear neuron on the line is."""
    if not _has_kinks(subject.neuron) or subject.neuron is None:
        raise InvalidInputError(
            "the rule 'kinks' is for neurons with one input, one output, a bias and an "
            "activation like relu"
        )
    trained = subject.neuron.outer == "trained"
    window = None
    if subject.data is not None:
        low, high = float(subject.data.inputs.min()), float(subject.data.inputs.max())
        margin = 0.35 * (high - low) or 1.0
        window = (low - margin, high + margin)

    def function(positions: Float64Array) -> Float64Array:
        inner, bias = positions[:, -2], positions[:, -1]
        safe = np.where(inner == 0.0, np.finfo(np.float64).tiny, inner)
        slope = positions[:, 0] * np.abs(inner) if trained else inner
        with np.errstate(over="ignore"):
            return np.column_stack([-bias / safe, slope])

    labels = ("kink $-b/w$", "slope $a\\,|w|$" if trained else "slope $w$")
    return Directions("kinks", labels, function, (window, None))


def _weights(subject: Subject) -> Directions:
    """Inner weights of neurons on the plane, times |a| where that is the invariant."""
    neuron = subject.neuron
    if neuron is None or neuron.inputs != 2:
        raise InvalidInputError("the rule 'weights' is for neurons with two inputs")
    outer = neuron.outer_columns
    scaled = outer > 0 and neuron.activation.homogeneity is not None
    if not scaled:
        chosen = ("w_0", "w_1")
        return Directions(
            "weights",
            _labels(subject.names, chosen),
            lambda positions: positions[:, outer : outer + 2],
            equal=True,
            columns=(outer, outer + 1),
        )

    def function(positions: Float64Array) -> Float64Array:
        strength = np.linalg.norm(positions[:, :outer], axis=1, keepdims=True)
        return np.asarray(strength * positions[:, outer : outer + 2])

    labels = ("feature $|a|\\,w_0$", "feature $|a|\\,w_1$")
    return Directions("weights", labels, function, equal=True)


def _angles(subject: Subject) -> Directions:
    """Angle of w against |w|, times |a| where that is the invariant; neurons on the plane.

    What leaves at the angle π comes in again at −π.
    """
    neuron = subject.neuron
    if neuron is None or neuron.inputs != 2:
        raise InvalidInputError("the rule 'angles' is for neurons with two inputs")
    outer = neuron.outer_columns
    scaled = outer > 0 and neuron.activation.homogeneity is not None

    def function(positions: Float64Array) -> Float64Array:
        inner = positions[:, outer : outer + 2]
        lengths = np.linalg.norm(inner, axis=1)
        if scaled:
            lengths = lengths * np.linalg.norm(positions[:, :outer], axis=1)
        return np.column_stack([np.arctan2(inner[:, 1], inner[:, 0]), lengths])

    labels = ("angle of $w$", "feature $|a|\\,|w|$" if scaled else "length $|w|$")
    return Directions("angles", labels, function, ((-np.pi, np.pi), None))


def _lengths(subject: Subject) -> Directions:
    """Length |w| against the outer weight a, or its length if there are several; or alone."""
    neuron = subject.neuron
    if neuron is None:
        raise InvalidInputError("the rule 'lengths' needs to know the neuron")
    outer, inputs = neuron.outer_columns, neuron.inputs

    def function(positions: Float64Array) -> Float64Array:
        lengths = np.linalg.norm(positions[:, outer : outer + inputs], axis=1, keepdims=True)
        if outer == 0:
            return np.asarray(lengths)
        weights = positions[:, :1]
        if outer > 1:
            weights = np.linalg.norm(positions[:, :outer], axis=1, keepdims=True)
        return np.hstack([lengths, weights])

    labels = ("length $|w|$", "outer weight $a$" if outer == 1 else "outer weights $|a|$")
    return Directions("lengths", labels[: 1 + (outer > 0)], function)


def _principal_axes(subject: Subject) -> tuple[Float64Array, Float64Array]:
    """Two orthonormal axes, (2, p), and the share of the motion along each, (2,)."""
    survey = subject.survey
    moved = survey.displacement
    of_motion = bool(np.abs(moved).max() > 1e-12 * np.abs(survey.positions).max())
    if not of_motion:
        last, mass = survey.positions[-1], survey.weights[-1]
        moved = (last - mass @ last)[None]
    size = np.abs(moved).max() or 1.0
    scaled = (moved / size) * np.sqrt(survey.weights[-len(moved) :])[..., None]
    scaled = scaled.reshape(-1, moved.shape[2])
    values, vectors = np.linalg.eigh(scaled.T @ scaled)
    axes = vectors[:, ::-1][:, :2].T
    largest = np.abs(axes).argmax(axis=1)
    axes = axes * np.sign(axes[np.arange(len(axes)), largest])[:, None]
    shares = np.maximum(values[::-1][:2], 0.0) / (values.sum() or 1.0)
    return axes, shares


def _principal(subject: Subject) -> Directions:
    """Principal directions of the motion, or of the measure if nothing moved.

    The leading eigenvectors of the second moment ∫ δ δᵀ of the displacements δ from the
    first frame, averaged over frames; their largest entry is positive. Labels give the
    share of the trace and the main entries.
    """
    axes, shares = _principal_axes(subject)
    labels = tuple(
        f"direction {number + 1} ({share:.0%}): {_loadings(axis, subject.names)}"
        for number, (axis, share) in enumerate(zip(axes, shares, strict=False))
    )
    return Directions("principal", labels, lambda positions: np.asarray(positions @ axes.T))


def _loadings(axis: Float64Array, names: tuple[str, ...]) -> str:
    """Main entries of a unit vector, ``0.9 $w_0$ − 0.4 $b$``, or where most of it lies."""
    order = np.argsort(-np.abs(axis), kind="stable")
    main = [column for column in order[:2] if axis[column] ** 2 >= 0.1]
    if sum(axis[column] ** 2 for column in main) < 0.5:
        letters = [name.partition("_")[0] for name in names]
        parts = dict.fromkeys(letters, 0.0)
        for letter, entry in zip(letters, axis, strict=True):
            parts[letter] += float(entry**2)
        leading = max(parts, key=lambda letter: parts[letter])
        words = {"a": "outer weights", "w": "inner weights", "b": "bias"}
        return words.get(leading, "many parameters")
    terms = [f"{abs(axis[column]):.1f} {symbol(names[column])}" for column in main]
    signs = ["" if axis[main[0]] > 0 else "−"]
    signs += [" + " if axis[column] > 0 else " − " for column in main[1:]]
    return "".join(sign + term for sign, term in zip(signs, terms, strict=True))


for _name, _rule in (
    ("parameters", _parameters),
    ("kinks", _kinks),
    ("weights", _weights),
    ("angles", _angles),
    ("lengths", _lengths),
    ("principal", _principal),
):
    rules.register(_name, _rule)
