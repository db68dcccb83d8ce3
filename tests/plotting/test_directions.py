"""Which two directions are shown: rules with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.measures import ParticleMeasure
from meanfield.neurons import Neuron
from meanfield.plotting.directions import Directions, Subject, choose_directions, rules
from meanfield.plotting.survey import Survey
from pictured_runs import in_many_dimensions, of_one_parameter, on_the_line, on_the_plane


def subject_of(run):
    return Subject(Survey.of(run.measures), run.problem.neuron, run.problem.data)


def moving(start, *moved):
    return Survey.of([ParticleMeasure(positions) for positions in (start, *moved)])


def test_one_parameter_is_shown_as_it_is():
    directions = choose_directions(subject_of(of_one_parameter()))
    assert directions.labels == ("inner weight $w$",)
    assert directions.project(np.array([[3.0]])).tolist() == [[3.0]]


def test_two_parameters_are_shown_as_they_are():
    survey = moving([[1.0, 2.0], [3.0, 4.0]])
    subject = Subject(survey, Neuron(1, outer="fixed"))
    directions = choose_directions(subject)
    assert directions.labels == ("inner weight $w$", "bias $b$")
    assert directions.project(np.array([[5.0, 6.0]])).tolist() == [[5.0, 6.0]]


def test_relu_on_the_line_is_shown_by_slope_over_kink():
    directions = choose_directions(subject_of(on_the_line()))
    assert directions.name == "kinks"
    # a relu(w x + b) with (a, w, b) = (2, -3, 6): its kink is at 2, its slope 2 * 3
    assert directions.project(np.array([[2.0, -3.0, 6.0]])).tolist() == [[2.0, 6.0]]


def test_kinks_are_shown_around_the_data():
    directions = choose_directions(subject_of(on_the_line()))
    assert directions.windows[0] == pytest.approx((-1.7, 1.7))  # 35 % of the width 2 beyond


def test_a_kink_at_infinity_is_no_accident():
    directions = choose_directions(subject_of(on_the_line()))
    point = directions.project(np.array([[1.0, 0.0, 0.0]]))
    assert np.isfinite(point).all()


def test_fixed_outer_weights_have_the_slope_w():
    subject = Subject(moving([[1.0, 2.0]]), Neuron(1, activation="relu", outer="fixed"))
    directions = choose_directions(subject, "kinks")
    assert directions.project(np.array([[-2.0, 1.0]])).tolist() == [[0.5, -2.0]]


def test_neurons_on_the_plane_are_shown_by_inner_weights():
    directions = choose_directions(subject_of(on_the_plane()))
    assert (directions.name, directions.equal) == ("weights", True)
    assert directions.project(np.array([[9.0, 1.0, 2.0, 3.0]])).tolist() == [[1.0, 2.0]]


def test_homogeneous_neurons_on_the_plane_are_scaled_by_their_outer_weight():
    directions = choose_directions(subject_of(on_the_plane(activation="relu")))
    assert directions.project(np.array([[-2.0, 1.0, 3.0, 0.0]])).tolist() == [[2.0, 6.0]]


def test_principal_directions_are_those_of_the_motion():
    start = np.random.default_rng(0).standard_normal((50, 4))
    moved = start.copy()
    moved[:, 2] -= np.linspace(2.0, 3.0, 50)
    moved[:, 0] += 0.1 * np.linspace(-1.0, 1.0, 50)
    directions = choose_directions(Subject(moving(start, moved)), "principal")
    axes = directions.project(np.eye(4)).T
    # the displacement lies in the plane of parameters 2 and 0; off-diagonal moment ~ 0.01
    # against 6.3 tilts the axes by less than 0.005
    assert axes == pytest.approx(np.eye(4)[[2, 0]], abs=0.02)


def test_the_largest_loading_of_a_principal_direction_is_positive():
    for seed in range(5):
        start = np.random.default_rng(seed).standard_normal((20, 5))
        moved = start + np.random.default_rng(seed + 100).standard_normal((20, 5))
        directions = choose_directions(Subject(moving(start, moved)))
        for axis in directions.project(np.eye(5)).T:
            assert axis[np.abs(axis).argmax()] > 0.0


def test_a_measure_at_rest_is_shown_by_its_spread():
    positions = np.random.default_rng(0).standard_normal((400, 3)) * [0.1, 1.0, 5.0] + 7.0
    directions = choose_directions(Subject(moving(positions, positions)))
    axes = directions.project(np.eye(3)).T
    # sample covariances are off by 1/sqrt(400) = 5 %, the eigenvalues differ by factors of 25
    assert axes == pytest.approx(np.eye(3)[[2, 1]], abs=0.05)


def test_massless_particles_do_not_turn_principal_directions():
    start = np.zeros((2, 3))
    moved = np.array([[1.0, 0.0, 0.0], [0.0, 9.0, 0.0]])
    measures = [ParticleMeasure(positions, [1.0, 0.0]) for positions in (start, moved)]
    directions = choose_directions(Subject(Survey.of(measures)))
    assert directions.project(np.eye(3))[:, 0] == pytest.approx([1.0, 0.0, 0.0])


def test_labels_tell_share_and_main_entries():
    start = np.zeros((2, 3))
    moved = np.array([[3.0, 4.0, 0.0], [-3.0, -4.0, 0.0]])
    directions = choose_directions(Subject(moving(start, moved), Neuron(1, activation="tanh")))
    assert directions.labels[0] == "direction 1 (100%): 0.8 $w_{0}$ + 0.6 $a_{0}$"


def test_labels_of_spread_out_directions_name_the_block():
    neuron = Neuron(20, activation="relu")
    moved = np.outer([1.0, -2.0], np.r_[1.0, np.ones(20), 0.5])
    directions = choose_directions(Subject(moving(np.zeros((2, 22)), moved), neuron))
    assert directions.labels[0] == "direction 1 (100%): inner weights"


def test_lengths_are_shown_where_two_directions_hold_little_of_the_motion():
    neuron = Neuron(inputs=30, outer="fixed", bias=False)
    spread = np.vstack([np.eye(30), -np.eye(30)])
    everywhere = Subject(moving(np.zeros((60, 30)), spread), neuron)
    assert choose_directions(everywhere).labels == ("length $|w|$",)
    few = Subject(moving(np.zeros((60, 30)), spread * (np.arange(30) < 8)), neuron)
    assert choose_directions(few).name == "principal"  # 2 of 8 are more than a fifth


def test_parameters_can_be_named():
    directions = choose_directions(subject_of(on_the_plane()), ("w_1", "a_0"))
    assert directions.labels == ("inner weight $w_{1}$", "outer weight $a$")
    assert directions.project(np.array([[9.0, 1.0, 2.0, 3.0]])).tolist() == [[2.0, 9.0]]


def test_own_directions_are_taken_as_they_are():
    own = Directions("own", ("x", "y"), lambda positions: positions[:, :2])
    assert choose_directions(subject_of(on_the_line()), own) is own


def test_an_unknown_parameter_is_answered_by_the_nearest_one():
    with pytest.raises(InvalidInputError, match="unknown parameter 'w0'; did you mean 'w_0'"):
        choose_directions(subject_of(on_the_plane()), ("w0", "b"))


def test_an_unknown_rule_is_answered_by_the_nearest_one():
    with pytest.raises(InvalidInputError, match="did you mean 'principal'"):
        choose_directions(subject_of(on_the_line()), "principle")


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("kinks", "is for neurons with one input"),
        ("weights", "is for neurons with two inputs"),
        ("parameters", "name two of them"),
    ],
)
def test_a_rule_that_does_not_apply_says_so(rule, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        choose_directions(subject_of(in_many_dimensions()), rule)


def test_three_parameters_are_too_many():
    with pytest.raises(InvalidInputError, match="one or two parameters, got 3"):
        choose_directions(subject_of(on_the_line()), ("a_0", "w_0", "b"))


def test_rules_are_a_vocabulary():
    assert set(rules) == {
        "parameters",
        "kinks",
        "weights",
        "angles",
        "lengths",
        "principal",
    }


def test_angles_and_lengths_are_polar_coordinates_of_the_weights():
    subject = subject_of(on_the_plane())  # tanh: the outer weight is no scale of the inner one
    directions = choose_directions(subject, "angles")
    assert directions.project(np.array([[7.0, 0.0, 2.0, 1.0]])) == pytest.approx(
        np.array([[np.pi / 2, 2.0]])
    )
    assert directions.windows[0] == (-np.pi, np.pi)
    lengths = choose_directions(subject, "lengths")
    assert lengths.project(np.array([[-7.0, 3.0, 4.0, 1.0]])).tolist() == [[5.0, -7.0]]
    with pytest.raises(InvalidInputError, match="'angles' is for neurons with two inputs"):
        choose_directions(subject_of(on_the_line()), "angles")


def test_a_plane_needs_two_parameters():
    with pytest.raises(InvalidInputError, match="must be different parameters, got b twice"):
        choose_directions(subject_of(on_the_line()), ("b", "b"))
