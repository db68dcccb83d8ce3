"""How networks of finite width and step fluctuate about the limit, without sampling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from meanfield.checks import as_count, as_finite_array, as_number
from meanfield.conjugates import curvature_roots
from meanfield.engines.threads import single_threaded_blas
from meanfield.errors import DivergenceError, InvalidInputError
from meanfield.linear_response import LinearResponse
from meanfield.measures import ParticleMeasure
from meanfield.neuron_jets import NeuronJets
from meanfield.output_fluctuations import OutputFluctuations
from meanfield.problem import Problem
from meanfield.reduced import ReducedProblem
from meanfield.typing import Float64Array

__all__ = ["Fluctuations", "check_linearisable", "fluctuations"]

# Lines, less one, of the table that notebooks show.
_MOST_LINES = 8


@dataclass(frozen=True, eq=False)
class Fluctuations:
    """Predicted constants of width and step, at each of T times.

    A network of N neurons from μ_0 that follows the flow, or SGD with step ε and batches of
    B points drawn with replacement, is off by

    - E Σ_j p_j |f_N(x_j) − f(x_j)|² ≈ C/N + D ε/B,
    - E D_N² ≈ K/N + D_c ε/B, with D_N² = (1/N) Σ_i |θ_i − θ̄_i|² the distance to the same
      neurons carried by the limit,
    - E R_N − R ≈ b/N in its risk, for the flow,

    up to terms of higher order in 1/N and ε. Momentum is not covered. Without replacement the
    terms in ε cancel over every epoch: what is left in D and D_c is of order ε² within an
    epoch, and of order ε³ at its end.

    Attributes
    ----------
    times : (T,) array
    function_constant : (T,) array
        C.
    coupling_constant : (T,) array
        K.
    step_constant : (T,) array
        D.
    step_coupling_constant : (T,) array
        D_c.
    risk_bias : (T,) array
        b = α⁻² Σ_j p_j (⟨ℓ'_j, β_j⟩ + ½ tr(ℓ''_j Σ_j)) from the bias β/N and the covariance
        Σ/N of the outputs; NaN for the Huber loss.
    at_data : OutputFluctuations
        Outputs at the data.
    at_inputs : OutputFluctuations or None
        Outputs at the inputs that were asked for.
    """

    times: Float64Array
    function_constant: Float64Array
    coupling_constant: Float64Array
    step_constant: Float64Array
    step_coupling_constant: Float64Array
    risk_bias: Float64Array
    at_data: OutputFluctuations = field(repr=False)
    at_inputs: OutputFluctuations | None = field(repr=False)

    def _repr_html_(self) -> str:
        from meanfield.notebook import columns

        names = {
            "t": self.times, "function C": self.function_constant,
            "coupling K": self.coupling_constant, "step D": self.step_constant,
            "step, coupling D_c": self.step_coupling_constant, "risk b": self.risk_bias,
        }  # fmt: skip
        last = len(self.times) - 1
        chosen = sorted({round(k * last / _MOST_LINES) for k in range(_MOST_LINES + 1)})
        lines = [[f"{values[row]:.4g}" for values in names.values()] for row in chosen]
        return columns("Fluctuations", list(names), lines)

    def function_error(self, width: int, step: float = 0.0, batch_size: int = 1) -> Float64Array:
        """Predicted root mean square √(C/N + D ε/B) of the error of the outputs, (T,).

        Parameters
        ----------
        width : int
            N.
        step : float
            ε; 0 for the flow.
        batch_size : int
            B.

        Raises
        ------
        InvalidInputError
            For a width or batch below 1, or a negative step.
        """
        return _root_error(self.function_constant, self.step_constant, width, step, batch_size)

    def coupling_error(self, width: int, step: float = 0.0, batch_size: int = 1) -> Float64Array:
        """Predicted root mean square √(K/N + D_c ε/B) of the coupling distance D_N, (T,).

        Parameters and errors are those of `function_error`.
        """
        return _root_error(
            self.coupling_constant, self.step_coupling_constant, width, step, batch_size
        )


def fluctuations(
    problem: Problem,
    nodes: ParticleMeasure,
    times: Any,
    *,
    inputs: Any = None,
    step: float | None = None,
) -> Fluctuations:
    """Constants of finite width and of SGD's step, from the linearised flow.

    One neuron more at z changes the start by (δ_z − μ_0)/N. To first order the node X_w
    then moves by Y(w; z)/N and the outputs by δf(z)/N, where Y(w; z) = 0 at time 0 and

    - δf_j(z) = Φ(x_j; X_z) − f_j + Σ_w c_w ⟨∂Φ(x_j; X_w), Y(w; z)⟩, times α,
    - Y' = −∇²Ψ Y − Σ_j ∂Φ(x_j; X_w) p_j ℓ''_j δf_j(z) / α.

    The N neurons of a network are independent, hence C = Σ_j p_j ∫ |δf_j|² dμ_0 and
    K = ∫∫ |Y|² dμ_0 dμ_0; √N (f_N − f) tends to a Gaussian field (Sirignano, Spiliopoulos
    2020; Rotskoff, Vanden-Eijnden 2022). The noise of SGD's gradients moves all neurons
    together: with A the operator of the linearised flow and Q the covariance of the velocity
    from one data point, the covariance ε P of the nodes obeys P' = A P + P Aᵀ + Q.

    Parameters
    ----------
    problem : Problem
        Without noise, with a smooth activation.
    nodes : ParticleMeasure
        M weighted nodes of μ_0, for example from `meanfield.quadrature`, or a Sobol sample.
    times : (T,) array
        Increasing, ≥ 0.
    inputs : (m, d) array, optional
        Points at which outputs are wanted besides the data.
    step : float, optional
        Longest time step; chosen by the fastest rate of the linearised flow by default.

    Returns
    -------
    Fluctuations

    Raises
    ------
    InvalidInputError
        If the problem has noise, a kinked activation or one without σ'', or is a population
        or a reduced one; if times are not increasing; if memory would not suffice.
    DivergenceError
        If the nodes leave the finite numbers.

    Notes
    -----
    Only second moments over z are needed, so Y is carried along r functions of z which span
    the Φ(x_j; X_z(s)) met so far, and P along its q principal directions; for smooth neurons
    both are a few dozen. A step costs about 16 M p n k (r + q) operations, instead of the
    16 M² p n k of all pairs of nodes.

    Constants are those of N → ∞, ε → 0: at N < 100 errors are often some 10 % larger.

    References
    ----------
    Sirignano, Spiliopoulos (2020), Mean field analysis of neural networks: a central limit
    theorem, Stoch. Proc. Appl. 130; Rotskoff, Vanden-Eijnden (2022), Trainability and
    accuracy of artificial neural networks, Comm. Pure Appl. Math. 75; Chen, Rotskoff, Bruna,
    Vanden-Eijnden (2020), A dynamical central limit theorem for shallow neural networks.

    Examples
    --------
    >>> from meanfield import Dataset, Gaussian, Neuron, quadrature
    >>> neuron = Neuron(1, activation="linear", outer="fixed", bias=False)
    >>> problem = Problem(neuron, Dataset([[1.0]], [1.0]))
    >>> nodes = quadrature(Gaussian(1), "gauss-hermite", 4)
    >>> found = fluctuations(problem, nodes, [0.0, 1.0])  # Var f_N = Var(w) x² e^{−2t} / N
    >>> found.function_constant.round(4)
    array([1.    , 0.1353])
    >>> found.function_error(width=100).round(4)
    array([0.1   , 0.0368])
    """
    check_linearisable(problem)
    if not isinstance(nodes, ParticleMeasure):
        raise InvalidInputError(
            "nodes must be a ParticleMeasure, for example from meanfield.quadrature, got "
            f"{type(nodes).__name__}"
        )
    problem.check_measure(nodes)
    moments = _checked_times(times)
    points = None if inputs is None else _checked_inputs(problem, inputs)
    longest = None if step is None else as_number("step", step, "positive")
    start = nodes.positions.astype(np.float64), nodes.weights
    with single_threaded_blas(), np.errstate(over="ignore", invalid="ignore"):
        try:
            frames = list(_frames(LinearResponse.start(problem, *start), moments, longest, points))
        except np.linalg.LinAlgError:  # eigenvalues of numbers that are not finite
            raise DivergenceError("the linearised flow left the finite numbers", 0.0) from None
    return _assembled(problem, moments, frames)


@dataclass(frozen=True, eq=False)
class _Frame:
    """What is recorded at one time: modes and bias of outputs, K, D_c and b."""

    data: tuple[Float64Array, Float64Array, Float64Array]
    inputs: tuple[Float64Array, Float64Array, Float64Array] | None
    coupling: float
    step_coupling: float
    risk_bias: float


def _frames(
    response: LinearResponse,
    times: Float64Array,
    step: float | None,
    inputs: Float64Array | None,
) -> Iterator[_Frame]:
    for time in times:
        response, frame = _frame(response.advanced(float(time), step), inputs)
        yield frame


def _frame(response: LinearResponse, inputs: Float64Array | None) -> tuple[LinearResponse, _Frame]:
    """What is recorded, and the response, whose basis has learned the neurons at inputs."""
    flow, further = response.flow, None
    if inputs is not None:
        jets = NeuronJets.of(response.problem.neuron, response.positions, inputs)
        response = response.including(jets.features())
        further = _outputs(response, jets)
    data = _outputs(response, flow.jets)
    frame = _Frame(
        data,
        further,
        float(np.sum(flow.masses * response.influence**2)),
        float(np.sum(flow.masses * response.noise**2)),
        _risk_bias(response, *data),
    )
    return response, frame


def _outputs(
    response: LinearResponse, jets: NeuronJets
) -> tuple[Float64Array, Float64Array, Float64Array]:
    """Modes (m, k, r) and (m, k, q) of width and steps, and the bias (m, k)."""
    shape = (len(jets.points), response.problem.neuron.outputs)
    scale, masses = response.flow.scale, response.flow.masses
    gradients = jets.gradients()
    own = response.projected(jets.features())
    width = scale * (own + gradients.T @ (masses * response.influence))
    step = scale * (gradients.T @ (masses * response.noise))
    bias = response.bias(jets, gradients)
    return (
        width.reshape(*shape, width.shape[1]),
        step.reshape(*shape, step.shape[1]),
        bias.reshape(shape),
    )


def _risk_bias(
    response: LinearResponse, width: Float64Array, step: Float64Array, bias: Float64Array
) -> float:
    problem, flow = response.problem, response.flow
    roots = curvature_roots(problem.loss, flow.outputs, problem.data.targets)
    spread = np.square(roots.transpose(0, 2, 1) @ width).sum(axis=(1, 2))
    slopes = np.sum(flow.residuals * bias, axis=1)
    return float(problem.data.weights @ (slopes + 0.5 * spread)) / problem.scale**2


def _assembled(problem: Problem, times: Float64Array, frames: list[_Frame]) -> Fluctuations:
    at_data = _fields([frame.data for frame in frames])
    further = [frame.inputs for frame in frames if frame.inputs is not None]
    weights = problem.data.weights
    return Fluctuations(
        times,
        at_data.variance.sum(axis=2) @ weights,
        np.array([frame.coupling for frame in frames]),
        at_data.step_variance.sum(axis=2) @ weights,
        np.array([frame.step_coupling for frame in frames]),
        np.array([frame.risk_bias for frame in frames]),
        at_data,
        _fields(further) if further else None,
    )


def _fields(frames: list[tuple[Float64Array, Float64Array, Float64Array]]) -> OutputFluctuations:
    width, step, bias = zip(*frames, strict=True)
    return OutputFluctuations(tuple(width), tuple(step), np.array(bias))


def _root_error(
    of_width: Float64Array, of_step: Float64Array, width: int, step: float, batch_size: int
) -> Float64Array:
    noise = as_number("step", step, "nonnegative") / as_count("batch_size", batch_size)
    return np.asarray(np.sqrt(of_width / as_count("width", width) + of_step * noise))


def check_linearisable(problem: Problem) -> None:
    """Raise `InvalidInputError` unless the flow of a problem can be linearised."""
    if not isinstance(problem, Problem) or isinstance(problem, ReducedProblem):
        kind = getattr(problem, "kind", type(problem).__name__)
        raise InvalidInputError(
            f"fluctuations need a Problem on data, got a {kind} one: draw data from its "
            "distribution, in the coordinates of the whole neurons"
        )
    if problem.temperature > 0.0:
        raise InvalidInputError(
            "fluctuations are those of the flow without noise, but the temperature is "
            f"{problem.temperature:g}; set it to 0, or measure them with meanfield.compare"
        )
    activation = problem.neuron.activation
    if activation.kinks:
        raise InvalidInputError(
            f"the activation {activation.name!r} has kinks, where the flow cannot be linearised; "
            "use a smooth one (softplus or gelu in place of relu), or measure fluctuations with "
            "meanfield.compare"
        )
    if not activation.has_curvature:
        raise InvalidInputError(
            f"the activation {activation.name!r} has no second derivative; give one to "
            "meanfield.activations.custom"
        )


def _checked_times(times: Any) -> Float64Array:
    moments = as_finite_array("times", times, 1).astype(np.float64)
    if moments[0] < 0.0 or (np.diff(moments) <= 0.0).any():
        raise InvalidInputError(f"times must be >= 0 and increasing, got {moments.tolist()}")
    return moments


def _checked_inputs(problem: Problem, inputs: Any) -> Float64Array:
    points = as_finite_array("inputs", inputs, 2).astype(np.float64)
    if points.shape[1] != problem.neuron.inputs:
        raise InvalidInputError(
            f"inputs must have {problem.neuron.inputs} columns, got {points.shape[1]}"
        )
    return points
