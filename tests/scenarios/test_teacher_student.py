import numpy as np
import pytest

from meanfield.distributions import Teacher
from meanfield.errors import InvalidInputError
from meanfield.scenarios.teacher_student import TeacherStudent


def test_the_teacher_solves_the_problem():
    scenario = TeacherStudent(points=50, test_points=50, outputs=2, data_seed=3)
    experiment = scenario.build()
    teacher = Teacher(experiment.problem.neuron, scenario.teacher_width, seed=3).measure
    assert experiment.problem.risk(teacher) < 1e-28
    assert experiment.problem.risk_on(teacher, experiment.test) < 1e-28


def test_training_and_test_points_differ():
    experiment = TeacherStudent(points=50, test_points=50).build()
    assert not np.isin(experiment.test.inputs, experiment.problem.data.inputs).any()


def test_the_student_learns_the_teacher_not_the_sample():
    run = TeacherStudent(particles=256, frames=3).build().run()
    # 1000 points for 4 neurons of 10 inputs: the test risk stays within a factor of the risk.
    assert run.risk[-1] < run.risk[0] / 50.0
    assert run.observables["test_risk"][-1] < 2.0 * run.risk[-1]


def test_neurons_turn_towards_the_teacher():
    scenario = TeacherStudent(particles=256, frames=2)
    experiment = scenario.build()
    run = experiment.run()
    teacher = Teacher(experiment.problem.neuron, scenario.teacher_width).measure.positions[:, 1:]

    def alignment(measure):
        a, w = measure.positions[:, 0], measure.positions[:, 1:]
        length = np.linalg.norm(w, axis=1)
        cosines = (w @ teacher.T / length[:, None]).max(axis=1)
        return np.average(cosines, weights=np.abs(a) * length)

    # A random direction has a best cosine of about 0.35 with four others in ten dimensions.
    assert alignment(run.measures[0]) < 0.45
    assert alignment(run.measures[-1]) > 0.8


def test_label_noise_bounds_the_test_risk_from_below():
    run = TeacherStudent(particles=64, noise=0.5, t_end=10.0, frames=2).build().run()
    # ½ E noise² = 0.125, measured on 2000 points: standard error 0.004.
    assert run.observables["test_risk"][-1] > 0.125 - 0.016


def test_a_negative_noise_is_refused():
    with pytest.raises(InvalidInputError, match="noise must be a nonnegative finite number"):
        TeacherStudent(noise=-0.1)
