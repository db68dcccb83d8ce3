"""Problems with few parameters, and grids to solve them on."""

import numpy as np
from scipy.special import ndtr

import meanfield as mf
from meanfield.grids import GridMeasure
from meanfield.laws import Gaussian
from oracles import NoisyQuadraticNeuron, quadratic_data

NOISY = ["scharfetter-gummel", "strang", "implicit"]
SCHEMES = ["muscl", *NOISY]
MEAN, STD = 0.5, 0.6


def closure(temperature, ridge=0.3):
    """A quadratic neuron, whose Gaussian laws are known."""
    return NoisyQuadraticNeuron(quadratic_data(), ridge, temperature)


def on_grid(cells, mean=MEAN, std=STD, reach=7.0):
    return GridMeasure.from_density(Gaussian(1, mean, std).density, -reach, reach, cells)


def bumps(loss="squared", temperature=0.1, ridge=0.2, dim=1):
    """A tanh neuron w, or (w, b), with five data points."""
    x = np.linspace(-1.0, 1.0, 5)
    targets = np.sign(x + 0.1) if loss == "logistic" else 2.0 * np.sin(2.0 * x)
    neuron = mf.Neuron(1, activation="tanh", outer="fixed", bias=dim == 2)
    return mf.Problem(neuron, mf.Dataset(x, targets), loss, ridge=ridge, temperature=temperature)


def confined(temperature, ridge=1.0, volume=None):
    """Neurons that see no data: V is the whole potential."""
    neuron = mf.Neuron(1, activation="linear", outer="fixed", bias=False)
    data = mf.Dataset([[0.0]], [0.0])
    return mf.Problem(neuron, data, ridge=ridge, temperature=temperature, volume=volume)


def evolve(problem, grid, solver, t):
    return solver.advance(problem, solver.start(problem, grid, 0), t)


def final(problem, grid, solver, t):
    return evolve(problem, grid, solver, t)[1]


def distance(grid, mean, variance):
    """W1 in one dimension to a normal law, by distribution functions on a fine line."""
    faces = np.linspace(grid.lower[0], grid.upper[0], len(grid) + 1)
    x = np.linspace(grid.lower[0], grid.upper[0], 20001)
    below = np.interp(x, faces, np.append(0.0, np.cumsum(grid.weights)))
    return np.abs(below - ndtr((x - mean) / np.sqrt(variance))).mean() * (x[-1] - x[0])


def orders(errors):
    return np.log2(np.array(errors[:-1]) / np.array(errors[1:]))
