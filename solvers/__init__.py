"""How a measure evolves: one family of methods a file."""

from meanfield.solvers.birth_death import BirthDeath
from meanfield.solvers.circle_flow import CircleFlow
from meanfield.solvers.conic_flow import ConicFlow
from meanfield.solvers.grid_flow import GridFlow
from meanfield.solvers.langevin import Langevin
from meanfield.solvers.particle_flow import ParticleFlow
from meanfield.solvers.quadrature_flow import QuadratureError, QuadratureFlow
from meanfield.solvers.sgd import SGD, OnlineSGD

__all__ = [
    "SGD",
    "BirthDeath",
    "CircleFlow",
    "ConicFlow",
    "GridFlow",
    "Langevin",
    "OnlineSGD",
    "ParticleFlow",
    "QuadratureError",
    "QuadratureFlow",
]
