"""Neural networks trained as probability measures: simulate, compare, look.

A two-layer network is an average over neurons, f(x; μ) = ∫ Φ(x; θ) dμ(θ); at infinite
width its training is the Wasserstein gradient flow of an energy F(μ).

Names are loaded when they are first used, so that ``import meanfield`` is quick.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from meanfield import (
        activations,
        coupling,
        distances,
        distributions,
        losses,
        observers,
        plot,
        reductions,
    )
    from meanfield.activation import Activation
    from meanfield.array_networks import measure_from_arrays
    from meanfield.compare import compare
    from meanfield.comparison import (
        TrajectoryComparison,
        compare_trajectories,
        compare_with_limit,
    )
    from meanfield.compression import compress
    from meanfield.datasets import Dataset
    from meanfield.errors import (
        DivergenceError,
        FileError,
        InvalidInputError,
        MeanfieldError,
    )
    from meanfield.experiment import Experiment
    from meanfield.fluctuations import Fluctuations, fluctuations
    from meanfield.gibbs import Gibbs, gibbs
    from meanfield.grids import GridMeasure
    from meanfield.laws import Box, Gaussian, Sphere
    from meanfield.losses import Loss
    from meanfield.mean_field import MeanField
    from meanfield.measures import ParticleMeasure
    from meanfield.neurons import Neuron
    from meanfield.plotting.movie import animate
    from meanfield.population import PopulationProblem
    from meanfield.problem import Problem
    from meanfield.quadrature import quadrature
    from meanfield.radial_laws import RadialGaussian
    from meanfield.recorder import Recorder
    from meanfield.recording import Recording
    from meanfield.reduced import ReducedProblem
    from meanfield.reductions import Reduction
    from meanfield.regularizers import Ridge
    from meanfield.relaxation import DecayRate, decay_rate
    from meanfield.simulate import resume, simulate
    from meanfield.study import Study
    from meanfield.tangent_kernel import tangent_kernel
    from meanfield.torch_networks import (
        load_into_torch,
        measure_from_torch,
        neuron_from_torch,
    )
    from meanfield.torch_training import TorchRecorder, mean_field_parameter_groups
    from meanfield.trajectory import Trajectory, open
    from meanfield.volumes import RadialVolume

__version__ = "0.1.0"

_HOMES = {
    "Activation": "meanfield.activation",
    "Box": "meanfield.laws",
    "Dataset": "meanfield.datasets",
    "DecayRate": "meanfield.relaxation",
    "DivergenceError": "meanfield.errors",
    "Experiment": "meanfield.experiment",
    "FileError": "meanfield.errors",
    "Fluctuations": "meanfield.fluctuations",
    "Gaussian": "meanfield.laws",
    "Gibbs": "meanfield.gibbs",
    "GridMeasure": "meanfield.grids",
    "InvalidInputError": "meanfield.errors",
    "Loss": "meanfield.losses",
    "MeanField": "meanfield.mean_field",
    "MeanfieldError": "meanfield.errors",
    "Neuron": "meanfield.neurons",
    "ParticleMeasure": "meanfield.measures",
    "PopulationProblem": "meanfield.population",
    "Problem": "meanfield.problem",
    "RadialGaussian": "meanfield.radial_laws",
    "RadialVolume": "meanfield.volumes",
    "Recording": "meanfield.recording",
    "Recorder": "meanfield.recorder",
    "ReducedProblem": "meanfield.reduced",
    "Reduction": "meanfield.reductions",
    "Ridge": "meanfield.regularizers",
    "Sphere": "meanfield.laws",
    "Study": "meanfield.study",
    "TorchRecorder": "meanfield.torch_training",
    "Trajectory": "meanfield.trajectory",
    "TrajectoryComparison": "meanfield.comparison",
    "animate": "meanfield.plotting.movie",
    "compare": "meanfield.compare",
    "compress": "meanfield.compression",
    "compare_trajectories": "meanfield.comparison",
    "compare_with_limit": "meanfield.comparison",
    "decay_rate": "meanfield.relaxation",
    "fluctuations": "meanfield.fluctuations",
    "gibbs": "meanfield.gibbs",
    "load_into_torch": "meanfield.torch_networks",
    "mean_field_parameter_groups": "meanfield.torch_training",
    "measure_from_arrays": "meanfield.array_networks",
    "measure_from_torch": "meanfield.torch_networks",
    "neuron_from_torch": "meanfield.torch_networks",
    "open": "meanfield.trajectory",
    "quadrature": "meanfield.quadrature",
    "resume": "meanfield.simulate",
    "simulate": "meanfield.simulate",
    "tangent_kernel": "meanfield.tangent_kernel",
}
_MODULES = (
    "activations",
    "coupling",
    "distances",
    "distributions",
    "losses",
    "observers",
    "plot",
    "reductions",
)

__all__ = [
    "Activation",
    "Box",
    "Dataset",
    "DecayRate",
    "DivergenceError",
    "Experiment",
    "FileError",
    "Fluctuations",
    "Gaussian",
    "Gibbs",
    "GridMeasure",
    "InvalidInputError",
    "Loss",
    "MeanField",
    "MeanfieldError",
    "Neuron",
    "ParticleMeasure",
    "PopulationProblem",
    "Problem",
    "RadialGaussian",
    "RadialVolume",
    "Recording",
    "Recorder",
    "ReducedProblem",
    "Reduction",
    "Ridge",
    "Sphere",
    "Study",
    "TorchRecorder",
    "Trajectory",
    "TrajectoryComparison",
    "activations",
    "animate",
    "compare",
    "compress",
    "compare_trajectories",
    "compare_with_limit",
    "coupling",
    "decay_rate",
    "distances",
    "distributions",
    "fluctuations",
    "gibbs",
    "load_into_torch",
    "losses",
    "mean_field_parameter_groups",
    "measure_from_arrays",
    "measure_from_torch",
    "neuron_from_torch",
    "observers",
    "open",
    "plot",
    "quadrature",
    "reductions",
    "resume",
    "simulate",
    "tangent_kernel",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"meanfield.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'meanfield' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


class _Package(ModuleType):
    """The package, where ``simulate`` and ``compare`` are the functions of that name.

    Importing ``meanfield.simulate`` would otherwise bind the module of the same name.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOMES and isinstance(value, ModuleType)):
            super().__setattr__(name, value)


sys.modules[__name__].__class__ = _Package
