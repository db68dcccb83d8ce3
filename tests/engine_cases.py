"""Cases for engines: a neuron with arrays, and how far its sums may be from exact."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from dense import Sums, bounds, dense
from meanfield.activation import Activation
from meanfield.activations import activations, clipped_linear, leaky_relu, linear_spline
from meanfield.engines.direct import DirectEngine
from meanfield.engines.sorted_data import SortedEngine
from meanfield.engines.tiled import TiledEngine
from meanfield.neurons import Neuron

CLIP = clipped_linear(-0.5, 1.5, -1.0, 2.0)
HAT = linear_spline((-0.75, 0.5, 1.0), (0.5, -1.0, 0.25), 0.25, -0.75)
CUBIC = Activation("cubic", functions=(lambda z: z**3, lambda z: 3.0 * z * z, lambda z: 6.0 * z))
ACTIVATIONS = [
    *(a for a in activations.values() if a.functions is None and not a.parameters),
    leaky_relu(0.2), CLIP, HAT, CUBIC,
]  # fmt: skip
KINKED = [activations["relu"], leaky_relu(0.2), CLIP, HAT]
NAMED = {"ids": lambda activation: activation.name}
DTYPES = ["float32", "float64"]

#: Errors relative to sums of absolute terms: hundreds of roundings. A pre-activation
#: of up to twenty inputs rounds some twenty times.
ROUNDING = {"float32": 1e-5, "float64": 1e-13}
CROSSING = {"float32": 32 * 2.0**-24, "float64": 32 * 2.0**-53}


@dataclass
class Case:
    """A neuron with particles, masses, data and a covector, all read-only as in a measure."""

    neuron: Neuron
    particles: int
    points: int
    dtype: str = "float64"
    seed: int = 0
    spread: float = 1.0
    positions: np.ndarray = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        positions = self.spread * rng.standard_normal((self.particles, self.neuron.dim))
        masses = rng.dirichlet(np.ones(self.particles))
        inputs = rng.standard_normal((self.points, self.neuron.inputs))
        self.covector = rng.standard_normal((self.points, self.neuron.outputs)) / self.points
        self.take(positions, masses, inputs)

    def take(self, positions, masses, inputs):
        """Set the arrays, with values that the precision holds."""
        self.positions = np.ascontiguousarray(positions, self.dtype)
        self.masses = np.array(masses, dtype=np.float64)
        self.inputs = np.asarray(inputs).astype(self.dtype).astype(np.float64)
        for array in (self.positions, self.masses, self.inputs):
            array.flags.writeable = False

    def engines(self):
        kinds = [TiledEngine]
        if self.neuron.outputs == 1:
            kinds.append(DirectEngine)
            if self.neuron.activation.name in ("clipped_linear", "linear_spline"):
                # Tiles treat them as any other smooth or kinked function, by the same code.
                kinds.remove(TiledEngine)
            if self.neuron.inputs == 1 and self.neuron.activation.spline is not None:
                kinds.append(SortedEngine)
        return [kind(self.neuron, self.inputs, self.dtype) for kind in kinds]

    def sums(self, engine):
        gradients = np.full(self.positions.shape, np.nan, self.dtype)
        received = []

        def covector(outputs):
            received.append(outputs.copy())
            return self.covector

        passed = engine.velocity_pass(self.positions, self.masses, covector, gradients)
        outputs = engine.outputs(self.positions, self.masses)
        assert outputs.dtype == passed.dtype == np.float64
        assert len(received) == 1
        np.testing.assert_array_equal(received[0], passed)
        np.testing.assert_array_equal(outputs, passed)
        return Sums(outputs, gradients, engine.potentials(self.positions, self.covector))

    def pulled(self, engine, chosen=slice(None)):
        """Gradients under the covector, of some of the particles without the others."""
        positions = np.ascontiguousarray(self.positions[chosen])
        gradients = np.full(positions.shape, np.nan, self.dtype)
        engine.gradients(positions, self.covector, gradients)
        return gradients

    @property
    def arrays(self):
        return self.neuron, self.positions, self.masses, self.inputs, self.covector

    def allowed(self):
        # Products of small numbers may fall below the least normal number.
        tiny = float(np.finfo(self.dtype).tiny) * (self.points + 1)
        limits = bounds(*self.arrays, ROUNDING[self.dtype], CROSSING[self.dtype], tiny)
        return Sums(*(bound + tiny for bound in parts(limits)))


def parts(sums):
    return sums.outputs, sums.gradients, sums.potentials


def assert_within(computed, exact, allowed, label):
    names = ("outputs", "gradients", "potentials")
    for name, one, other, limit in zip(
        names, parts(computed), parts(exact), parts(allowed), strict=True
    ):
        error = np.abs(one - other)
        worst = np.unravel_index(np.argmax(np.where(error <= limit, 0.0, 1.0)), error.shape)
        assert (error <= limit).all(), (
            f"{label}: {name}{worst} = {one[worst]!r}, exact {other[worst]!r}, "
            f"allowed {limit[worst]:.1e}"
        )


def check(case):
    exact, allowed = dense(*case.arrays), case.allowed()
    for engine in case.engines():
        assert_within(case.sums(engine), exact, allowed, engine.name)
