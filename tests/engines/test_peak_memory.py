"""Nothing of the size (particles) × (data) is formed, and few copies of the particles."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="ru_maxrss counts kilobytes only on Linux"
)

PREAMBLE = """
import resource, numpy as np
from meanfield.datasets import Dataset
from meanfield.engines import tiled
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.problem import Problem
from meanfield.solvers.particle_flow import ParticleFlow
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
rng = np.random.default_rng(0)
def problem(points, inputs, activation):
    data = Dataset(rng.standard_normal((points, inputs)), rng.standard_normal(points))
    return Problem(Neuron(inputs, 1, activation), data)
def cloud(particles, dim, dtype):
    return ParticleMeasure.gaussian(particles, dim, seed=0, dtype=dtype)
"""

EULER = """
flow, case = ParticleFlow("euler", step=0.01), problem(200, 1, "relu")
def use(particles):
    start = cloud(particles, 3, "float32")
    state, measure = flow.advance(case, flow.start(case, start, 0), 0.03)
    assert np.isfinite(measure.positions).all()
use(1000)
before = peak()
use(2_000_000)
print(peak() - before)
"""

ONE_PASS = """
tiled._MEMORY_BYTES = 0
case = problem(500, INPUTS, "tanh")
def use(particles):
    measure = cloud(particles, INPUTS + 2, "float64")
    case.velocity(measure), case.risk(measure), case.potential(measure, measure.positions)
use(1000)
before = peak()
use(200_000)
print(peak() - before)
"""


def grown(script):
    """Megabytes by which a script's last line says that the peak has grown."""
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + script],
        cwd=ROOT,
        env={**os.environ, "NUMBA_NUM_THREADS": "2"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_euler_steps_of_many_particles_take_a_few_copies_of_them():
    # Positions of 2e6 particles in float32 have 23 MB. 1e7 particles in 4 GB would leave
    # 800 MB; here half of that is allowed, against 1500 MB of one (N, n) array.
    assert grown(EULER) < 400


@pytest.mark.parametrize("inputs", [1, 11])
def test_one_evaluation_keeps_nothing_for_pairs_of_particle_and_point(inputs):
    # One (N, n) array of doubles has 763 MB; one of positions 5 or 20 MB.
    assert grown(ONE_PASS.replace("INPUTS", str(inputs))) < 40 + 8 * 1.6 * (inputs + 2)
