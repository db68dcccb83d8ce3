"""What --resume accepts as the same run."""

import numpy as np
import pytest

import meanfield as mf
from meanfield.errors import InvalidInputError
from meanfield.experiment import Experiment
from meanfield.same_run import check_same_run
from meanfield.solvers import GridFlow


def test_a_scheme_chosen_for_the_user_is_the_same_run(tmp_path):
    neuron = mf.Neuron(1, activation="tanh", outer="fixed", bias=False)
    problem = mf.Problem(neuron, mf.Dataset([[1.0]], [0.5]), ridge=0.5, temperature=0.5)
    times = np.array([0.0, 0.1])
    experiment = Experiment("example", problem, mf.Gaussian(1), 60, times, {"grid": GridFlow()})
    path = tmp_path / "run.h5"
    experiment.run(path, solver="grid", particles=60)
    check_same_run(path, experiment, GridFlow(), 0, 60)
    check_same_run(path, experiment, GridFlow("scharfetter-gummel"), 0, 60)
    with pytest.raises(InvalidInputError, match="another run: the solver is .*gummel.*not"):
        check_same_run(path, experiment, GridFlow("strang"), 0, 60)
    with pytest.raises(InvalidInputError, match="another run: the solver"):
        check_same_run(path, experiment, GridFlow(tolerance=1e-3), 0, 60)
