"""The scalar nonlinearities by name, with parameters, and made by users."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType
from typing import Any

import numpy as np

from meanfield.activation import Activation, ScalarFunction
from meanfield.checks import as_count, as_finite_array, as_number
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.radial_average import RadialAverage
from meanfield.registry import Registry

__all__ = [
    "activation_from_dict",
    "activations",
    "clipped_linear",
    "custom",
    "leaky_relu",
    "linear_spline",
    "radial_average",
]

# A rule with so many nodes is exact to rounding for whatever is smooth.
_MOST_NODES = 1000
# Kernels hold the knots: 300 take a minute to compile.
_MOST_KNOTS = 500

#: Vocabulary of activations by name.
activations: Registry[Activation] = Registry("activation")


def leaky_relu(slope: float = 0.01) -> Activation:
    """σ(z) = z for z > 0 and ``slope * z`` otherwise.

    Parameters
    ----------
    slope : float
        Slope on the negative side.

    Raises
    ------
    InvalidInputError
        If `slope` is not a finite number.

    Examples
    --------
    >>> leaky_relu(0.1)([-1.0, 1.0])
    array([-0.1,  1. ])
    """
    parameters = {"slope": as_number("slope", slope)}
    return Activation("leaky_relu", parameters, homogeneity=1.0, kinks=(0.0,), smoothness=0)


def clipped_linear(
    start: float = 0.0, stop: float = 1.0, low: float = 0.0, high: float = 1.0
) -> Activation:
    """σ(z) = `low` below `start`, `high` above `stop`, linear between.

    Parameters
    ----------
    start, stop : float
        The kinks t1 < t2.
    low, high : float
        The constants s1 and s2.

    Raises
    ------
    InvalidInputError
        If a number is not finite or ``start >= stop``.

    References
    ----------
    Mei, Montanari, Nguyen (2018), section 3, with s1 = -2.5, s2 = 7.5, t1 = 0.5, t2 = 1.5.

    Examples
    --------
    >>> clipped_linear(0.5, 1.5, -2.5, 7.5)([0.0, 1.0, 2.0])
    array([-2.5,  2.5,  7.5])
    """
    parameters = {
        "start": as_number("start", start),
        "stop": as_number("stop", stop),
        "low": as_number("low", low),
        "high": as_number("high", high),
    }
    if parameters["start"] >= parameters["stop"]:
        raise InvalidInputError(f"start must be below stop, got start={start}, stop={stop}")
    kinks = (parameters["start"], parameters["stop"])
    return Activation("clipped_linear", parameters, kinks=kinks, smoothness=0)


def custom(
    name: str,
    value: ScalarFunction,
    derivative: ScalarFunction,
    second_derivative: ScalarFunction | None = None,
    *,
    homogeneity: float | None = None,
    kinks: tuple[float, ...] = (),
    smoothness: float = math.inf,
) -> Activation:
    """Activation from two scalar functions that numba can compile.

    The activation joins the vocabulary under `name`, so that files that mention it
    can be opened in a process that has called this function.

    Parameters
    ----------
    name : str
        A name that is not taken.
    value, derivative : callables, float -> float
        σ and σ', plain Python or numba-compiled. The derivative is checked against
        differences of the value at points away from `kinks`.
    second_derivative : callable, optional
        σ'', which only Hessians need; not checked.
    homogeneity, kinks, smoothness
        As in `Activation`.

    Returns
    -------
    Activation

    Raises
    ------
    InvalidInputError
        If the name is taken, numba cannot compile a function, or the derivative
        does not fit the value.

    Examples
    --------
    >>> cubic = custom("cubic", lambda z: z**3, lambda z: 3 * z**2, homogeneity=3.0)
    >>> cubic([2.0])
    array([8.])
    """
    functions = tuple(f for f in (value, derivative, second_derivative) if f is not None)
    if name in activations and activations[name].functions != functions:
        raise InvalidInputError(f"the activation name {name!r} is taken already")
    activation = Activation(name, {}, homogeneity, tuple(kinks), smoothness, functions)
    _check_derivative(activation)
    activations.register(name, activation)
    return activation


def linear_spline(
    knots: Sequence[float],
    values: Sequence[float],
    left_slope: float | None = None,
    right_slope: float | None = None,
) -> Activation:
    """σ through the points (knots, values), linear between and outside them.

    Parameters
    ----------
    knots : (q,) sequence
        Increasing numbers.
    values : (q,) sequence
        σ at the knots.
    left_slope, right_slope : float, optional
        Slopes outside the knots; by default those of the first and the last piece.

    Raises
    ------
    InvalidInputError
        If a number is not finite, knots do not increase, lengths differ, there are too
        many, or there is one knot only and a slope is missing.

    Examples
    --------
    >>> hat = linear_spline([-1.0, 0.0, 1.0], [0.0, 1.0, 0.0], 0.0, 0.0)
    >>> hat([-2.0, -0.5, 0.0, 0.25])
    array([0.  , 0.5 , 1.  , 0.75])
    """
    points = as_finite_array("knots", knots, 1).astype(np.float64)
    heights = as_finite_array("values", values, 1).astype(np.float64)
    if len(points) != len(heights) or not (np.diff(points) > 0.0).all():
        raise InvalidInputError(
            f"knots must increase and come with one value each, got {len(points)} knots and "
            f"{len(heights)} values: knots={points.tolist()}"
        )
    if len(points) == 1 and (left_slope is None or right_slope is None):
        raise InvalidInputError("a spline with one knot needs left_slope and right_slope")
    if len(points) > _MOST_KNOTS:
        raise InvalidInputError(
            f"a spline has at most {_MOST_KNOTS} knots, which are compiled one by one, got "
            f"{len(points)}"
        )
    inside = np.diff(heights) / np.diff(points)
    left, right = (
        as_number(name, inside[end] if slope is None else slope)
        for name, slope, end in (("left_slope", left_slope, 0), ("right_slope", right_slope, -1))
    )
    places = tuple(points.tolist())
    parameters = {
        "knots": places,
        "values": tuple(heights.tolist()),
        "left_slope": left,
        "right_slope": right,
    }
    return Activation("linear_spline", parameters, kinks=places, smoothness=0)


def radial_average(
    activation: Activation | Mapping[str, Any] | str, dim: int, nodes: int = 40
) -> Activation:
    """g(s) = E σ(s U) with U one coordinate of a uniform unit vector in R^dim.

    A neuron σ(w·x) averaged over the directions of w (or of x) is g(|w| |x|).

    Parameters
    ----------
    activation : str, dict or Activation
        σ. A piecewise linear one has a closed form; a smooth one is averaged by a Gauss
        rule for the law of U.
    dim : int
        Dimension d.
    nodes : int
        Nodes of the rule for a smooth σ. It is exact to rounding while σ(s u) is close to
        a polynomial of degree 2 nodes − 1 in u: with 40 nodes, softplus is right to 1e-12
        for |s| ≤ 10 and to 1e-5 for |s| ≤ 30.

    Raises
    ------
    InvalidInputError
        If σ has kinks without being piecewise linear, or is such an average itself.

    Examples
    --------
    >>> g = radial_average("relu", dim=3)  # E relu(s U) = |s| / 4
    >>> g([2.0]), g.derivative([2.0])
    (array([0.5]), array([0.25]))
    """
    inner = activation_from_dict(activation)
    if isinstance(inner, RadialAverage) or (inner.kinks and inner.spline is None):
        raise InvalidInputError(
            f"radial_average needs a smooth or a piecewise linear activation, got {inner.name!r}"
        )
    if as_count("nodes", nodes) > _MOST_NODES:
        raise InvalidInputError(f"nodes must be at most {_MOST_NODES}, got {nodes}")
    return RadialAverage.of(inner, as_count("dim", dim), nodes)


def _check_derivative(activation: Activation) -> None:
    from numba.core.errors import NumbaError

    for function in activation.functions or ():
        if not isinstance(getattr(function, "py_func", function), FunctionType):
            raise InvalidInputError(
                f"value and derivative of the activation {activation.name!r} must be Python "
                f"functions of one number, got {function!r}"
            )
    width = 1e-5
    points = np.linspace(-2.03, 2.01, 41)
    for kink in activation.kinks:
        points = points[np.abs(points - kink) > 2 * width]
    try:
        for function in activation.functions or ():
            _compile_alone(function)
        slopes = activation.derivative(points)
        with np.errstate(invalid="ignore"):
            differences = (activation(points + width) - activation(points - width)) / (2 * width)
    except NumbaError as error:
        reason = _first_reason(str(error))
        raise InvalidInputError(
            f"numba cannot compile the activation {activation.name!r}: {reason}"
        ) from None
    deviation = np.abs(slopes - differences)
    worst = int(np.argmax(np.where(np.isnan(deviation), np.inf, deviation)))
    if not deviation[worst] <= 1e-4 * (1.0 + abs(differences[worst])):
        raise InvalidInputError(
            f"the derivative of the activation {activation.name!r} is {slopes[worst]:.6g} at "
            f"z = {points[worst]:.4g}, but differences of its value give {differences[worst]:.6g}"
        )


def _compile_alone(function: ScalarFunction) -> None:
    """Let numba say what it cannot compile, without the kernels around it."""
    import numba

    from meanfield.kernels.compilation import OPTIONS, part

    scalar = part(getattr(function, "py_func", function))
    numba.njit(**OPTIONS)(lambda z: scalar(z))(0.5)


def _first_reason(message: str) -> str:
    """The line of a numba error that says something: not a stage of its pipeline."""
    lines = [line.strip() for line in message.splitlines() if line.strip()]
    return next((line for line in lines if not line.startswith("Failed in")), lines[0])


_PARAMETRISED: dict[str, Callable[..., Activation]] = {
    "leaky_relu": leaky_relu,
    "clipped_linear": clipped_linear,
    "linear_spline": linear_spline,
}

for _activation in (
    Activation("relu", homogeneity=1.0, kinks=(0.0,), smoothness=0),
    leaky_relu(),
    Activation("tanh"),
    Activation("erf"),
    Activation("sigmoid"),
    Activation("softplus"),
    Activation("gelu"),
    Activation("silu"),
    Activation("sin"),
    Activation("square", homogeneity=2.0),
    Activation("linear", homogeneity=1.0),
    clipped_linear(),
    linear_spline((-1.0, 1.0), (-1.0, 1.0), 0.0, 0.0),
):
    activations.register(_activation.name, _activation)


def activation_from_dict(described: Mapping[str, Any] | str | Activation) -> Activation:
    """Activation from a name, a dictionary with name and parameters, or itself.

    Raises
    ------
    InvalidInputError
        If the name or a parameter is unknown.

    Examples
    --------
    >>> activation_from_dict({"name": "leaky_relu", "parameters": {"slope": 0.2}}).parameters
    {'slope': 0.2}
    """
    if isinstance(described, Activation):
        return described
    if isinstance(described, str):
        return activations[described]
    if not isinstance(described, Mapping):
        raise InvalidInputError(
            f"activation must be a name, a dictionary or an Activation, got {described!r}; "
            "make one from functions with meanfield.activations.custom"
        )
    name = described.get("name", "")
    given = described.get("parameters", {})
    if not isinstance(given, Mapping):
        raise InvalidInputError(f"parameters of an activation must be a table, got {given!r}")
    parameters = dict(given)
    if name == "radial_average":
        return _rebuilt_average(parameters)
    default = activations[name]
    for parameter in parameters:
        if parameter not in default.parameters:
            raise unknown_name(f"parameter of {name}", parameter, default.parameters)
    return _PARAMETRISED[name](**parameters) if parameters else default


def _rebuilt_average(parameters: dict[str, Any]) -> Activation:
    known = ("activation", "dim", "nodes")
    for parameter in parameters:
        if parameter not in known:
            raise unknown_name("parameter of radial_average", parameter, known)
    for parameter in known[:2]:
        if parameter not in parameters:
            raise InvalidInputError(f"radial_average needs the parameter {parameter}")
    return radial_average(**parameters)
