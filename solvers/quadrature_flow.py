"""The mean-field limit itself: quadrature nodes of the initial law, carried by the flow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar

import numpy as np

from meanfield.checks import as_count, as_number
from meanfield.errors import InvalidInputError, unknown_name
from meanfield.laws import InitialLaw
from meanfield.measures import Measure, ParticleMeasure
from meanfield.observers import Frame, Observer
from meanfield.problems import AnyProblem
from meanfield.quadrature import QuadratureNodes, coarser, quadrature
from meanfield.rules import rules
from meanfield.solver import settings_to_dict, solver_from_dict
from meanfield.solvers.adaptive_panels import adapted_panels
from meanfield.solvers.particle_flow import FlowState, ParticleFlow
from meanfield.solvers.rule_choice import choose_rule, default_nodes, is_smooth
from meanfield.standard_laws import StandardForm

__all__ = ["QuadratureError", "QuadratureFlow"]

# Relative tolerances with smooth activations and with kinked ones; absolute ones are
# smaller by this factor.
_SMOOTH, _KINKED, _ABSOLUTE = 1e-10, 1e-3, 1e-2
# What panels may leave in their last coefficients: the error is smaller by more than this.
_PANEL_SHARE = 100.0


@dataclass(frozen=True)
class QuadratureFlow:
    """Wasserstein gradient flow of the energy, carried by quadrature nodes of the law μ_0.

    The nodes θ_i move by −∇Ψ as neurons do, with the adaptive Dormand–Prince method of
    `ParticleFlow`, and keep the masses of the rule: what differs from the network of
    infinite width is the error of the quadrature, which is far below 1/√N.

    Parameters
    ----------
    rule : str
        Name of a rule of `meanfield.quadrature.quadrature`, or ``"auto"``: for one free
        parameter panels which are cut until they resolve the flow up to the end of the
        run; for two and three the better of a spectral rule and Sobol points in a pilot
        run, and Sobol points where the activation has kinks; beyond, Sobol points; on a
        circle equidistant nodes.
    rtol, atol : float, optional
        Tolerances of one step, to which panels are adapted. By default 1e-10 and 1e-12, and 1e-3
        and 1e-5 for activations with kinks, where steps are of first order only.
    nodes : int, optional
        Number of nodes in total; for panels the largest one.

    Raises
    ------
    InvalidInputError
        For an unknown rule, or a number that is not positive.

    Notes
    -----
    The flow map grows layers at the boundaries between basins, exponentially thin in time.
    Spectral rules stall when these are thinner than the distance of their nodes, each of
    which carries per cents of the mass; equal masses (quantile, sobol) keep converging,
    and panels follow the layers. `QuadratureError` says how large the error is.

    With a kinked activation and finitely many data the integrand has kinks in θ and the
    velocity has jumps. Spectral rules are refused. Sobol points and quantiles converge
    at first order; cut panels isolate the kinks, each at the price of some nodes, and
    leave the first order of the steps in time.

    Examples
    --------
    >>> import numpy as np
    >>> import meanfield as mf
    >>> x = np.linspace(-2.0, 2.0, 9)
    >>> neuron = mf.Neuron(1, outer="fixed", bias=False)
    >>> problem, law = mf.Problem(neuron, mf.Dataset(x, np.sin(x))), mf.Gaussian(1)
    >>> flow = QuadratureFlow()
    >>> nodes = flow.place(problem, law, None, t_end=2.0, seed=0)
    >>> estimate = flow.observers(problem, law, nodes, seed=0)
    >>> run = mf.simulate(problem, nodes, flow, t_end=2.0, observers=estimate)
    >>> bool(run.observables["quadrature_error"].max() < 1e-9)
    True
    """

    rule: str = "auto"
    rtol: float | None = None
    atol: float | None = None
    nodes: int | None = None
    name: ClassVar[str] = "quadrature"
    follows_velocity: ClassVar[bool] = True
    state_type: ClassVar[type[FlowState]] = FlowState

    def __post_init__(self) -> None:
        if self.rule != "auto" and self.rule not in rules:
            raise unknown_name("quadrature rule", self.rule, ("auto", *rules))
        for name in ("rtol", "atol"):
            if getattr(self, name) is not None:
                as_number(name, getattr(self, name), "positive")
        if self.nodes is not None:
            as_count("nodes", self.nodes)

    def place(
        self,
        problem: AnyProblem,
        law: InitialLaw,
        particles: int | None,
        t_end: float,
        seed: int,
    ) -> QuadratureNodes:
        """Nodes of the initial law.

        Parameters
        ----------
        problem : Problem or PopulationProblem
        law : InitialLaw
            μ_0.
        particles : int or None
            Number of nodes in total, in place of the setting.
        t_end : float
            Time up to which the nodes are to serve.
        seed : int
            Of the scrambling of Sobol points.

        Raises
        ------
        InvalidInputError
            If the rule serves neither the law nor the activation, or the problem is noisy.
        """
        _require_noiseless(problem)
        if particles is not None:
            as_count("particles", particles)
        nodes = particles or self.nodes or default_nodes(problem, law)
        rule = choose_rule(problem, law, nodes, t_end, seed) if self.rule == "auto" else self.rule
        if rules[rule].spectral and not is_smooth(problem):
            raise InvalidInputError(
                f"the rule {rule} loses its order at the kinks of "
                f"{problem.neuron.activation.name}; use panels, quantile or sobol"
            )
        # Refuses what does not fit, and is where panels begin.
        measure = quadrature(law, rule, nodes, seed)
        if rule == "panels":
            flow = self.flow(problem)
            tolerance = flow.tolerances(problem)[0] * (_PANEL_SHARE if is_smooth(problem) else 1.0)
            form = StandardForm.of(law)
            cut = adapted_panels(problem, form, flow, tolerance, t_end, nodes).measure()
            return QuadratureNodes(cut.positions, cut.weights, rule)
        return measure

    def resolved(self, problem: AnyProblem, measure: Measure) -> QuadratureFlow:
        """The same with the rule that ``auto`` has become, and with tolerances."""
        rule = getattr(measure, "rule", self.rule) if self.rule == "auto" else self.rule
        flow = self.flow(problem)
        return replace(self, rule=rule, rtol=flow.rtol, atol=flow.atol)

    def could_be(self, other: Any) -> bool:
        """Whether `other` is this solver, or what its open settings have become."""
        if not isinstance(other, QuadratureFlow):
            return False
        is_open = {
            entry.name: getattr(self, entry.name) in (None, "auto") for entry in fields(self)
        }
        return all(is_open[name] or getattr(self, name) == getattr(other, name) for name in is_open)

    def observers(
        self, problem: AnyProblem, law: InitialLaw, measure: ParticleMeasure, seed: int
    ) -> tuple[Observer, ...]:
        """The estimate of the error of a run from a measure that `place` gave."""
        return (QuadratureError(coarser(law, measure, seed), self.flow(problem)),)

    def energy_rise(self, problem: AnyProblem) -> float:
        """Relative rise of the energy between frames that errors of steps explain."""
        return self.flow(problem).energy_rise(problem)

    def flow(self, problem: AnyProblem) -> ParticleFlow:
        """How the nodes of a problem are moved."""
        rtol = self.rtol or (_SMOOTH if is_smooth(problem) else _KINKED)
        return ParticleFlow(rtol=rtol, atol=self.atol or _ABSOLUTE * rtol)

    def start(self, problem: AnyProblem, measure: Measure, seed: int) -> FlowState:
        """State at time 0."""
        _require_noiseless(problem)
        return self.flow(problem).start(problem, measure, seed)

    def advance(
        self, problem: AnyProblem, state: FlowState, t: float
    ) -> tuple[FlowState, ParticleMeasure]:
        """State whose last step contains `t`, and the measure at `t`."""
        return self.flow(problem).advance(problem, state, t)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionary with the name and every setting."""
        return settings_to_dict(self)


class QuadratureError:
    """Record how far the outputs at the data are from those at a lower resolution.

    max_j |f(x_j; μ_t) − f(x_j; ν_t)|, where ν_0 has about half the nodes in each parameter
    and is moved along. It estimates the error of the coarser nodes, and so bounds that of
    the run as long as finer nodes are better ones.

    Parameters
    ----------
    measure : ParticleMeasure
        ν_0, for example from `meanfield.quadrature.coarser`.
    flow : ParticleFlow
        How it is moved.

    Attributes
    ----------
    name : str
        Name of the recorded variable.

    Examples
    --------
    >>> import meanfield as mf
    >>> law = mf.Gaussian(1)
    >>> problem = mf.Problem(mf.Neuron(1, outer="fixed", bias=False), mf.Dataset([[1.0]], [1.0]))
    >>> flow = ParticleFlow(rtol=1e-10, atol=1e-12)
    >>> error = QuadratureError(mf.quadrature(law, "trapezoid", 100), flow)
    >>> fine = mf.quadrature(law, "trapezoid", 200)
    >>> run = mf.simulate(problem, fine, flow, t_end=1.0, observers=[error])
    >>> bool(run.observables["quadrature_error"].max() < 1e-8)
    True
    """

    name = "quadrature_error"

    def __init__(self, measure: ParticleMeasure, flow: ParticleFlow) -> None:
        self._measure, self._flow = measure, flow
        self._state: FlowState | None = None
        self._time = 0.0

    def __call__(self, frame: Frame) -> float:
        """Difference of the outputs at the time of a frame."""
        if self._state is None or frame.time < self._time:
            self._state = self._flow.start(frame.problem, self._measure, 0)
        self._time = frame.time
        self._state, moved = self._flow.advance(frame.problem, self._state, frame.time)
        difference = frame.problem.outputs(frame.measure) - frame.problem.outputs(moved)
        return float(np.abs(difference).max())

    def to_dict(self) -> dict[str, Any]:
        """Description from which `from_dict` rebuilds the observer."""
        coarse = {"positions": self._measure.positions, "weights": self._measure.weights}
        return {"kind": "quadrature-error", "flow": self._flow.to_dict(), "measure": coarse}

    @classmethod
    def from_dict(cls, described: Mapping[str, Any]) -> QuadratureError:
        """Observer from the dictionary that `to_dict` makes."""
        coarse = described["measure"]
        return cls(
            ParticleMeasure(coarse["positions"], coarse["weights"]),
            solver_from_dict(described["flow"]),
        )


def _require_noiseless(problem: AnyProblem) -> None:
    if problem.temperature > 0.0:
        raise InvalidInputError(
            "the solver quadrature moves nodes without noise, but the temperature is "
            f"{problem.temperature:g}; use the solver grid or langevin, or set the temperature of "
            "the problem to 0"
        )
