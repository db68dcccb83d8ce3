import json
import pickle

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.laws import Box, Gaussian, Sphere, law_from_dict, laws
from meanfield.measures import ParticleMeasure

MANY = 4096
LAWS = [
    Gaussian(3, mean=(1.0, 0.0, -2.0), std=(0.5, 1.0, 2.0)),
    Sphere(3, radius=2.0),
    Box(3, lower=(-1.0, 0.0, 2.0), upper=(1.0, 0.5, 5.0)),
]
MOMENTS = [
    ([1.0, 0.0, -2.0], [0.25, 1.0, 4.0]),
    ([0.0, 0.0, 0.0], [4 / 3, 4 / 3, 4 / 3]),
    ([0.0, 0.25, 3.5], [4 / 12, 0.25 / 12, 9 / 12]),
]
each_law = pytest.mark.parametrize("law", LAWS, ids=lambda law: law.name)
each_sampling = pytest.mark.parametrize("sampling", ["iid", "sobol"])


@each_sampling
@pytest.mark.parametrize(("law", "moments"), list(zip(LAWS, MOMENTS, strict=True)))
def test_samples_have_the_moments_of_their_law(law, moments, sampling):
    mean, variances = (np.array(moment) for moment in moments)
    measure = law.sample(MANY, seed=1, sampling=sampling)
    # 4 standard errors: sqrt(v / M) of a mean, at most v sqrt(2 / M) of a (co)variance.
    np.testing.assert_array_less(np.abs(measure.mean() - mean), 4 * np.sqrt(variances / MANY))
    spread = 4 * np.sqrt(2 / MANY) * np.sqrt(np.outer(variances, variances))
    np.testing.assert_array_less(np.abs(measure.covariance() - np.diag(variances)), spread)


def test_normal_coordinates_are_normal():
    z = Gaussian(2).sample(MANY, seed=2).positions
    # P(|z| <= 1) = 0.68269; standard error sqrt(0.68 * 0.32 / 8192) = 0.005.
    assert abs(np.mean(np.abs(z) <= 1.0) - 0.68269) < 0.02
    # Fourth moment 3; standard error sqrt(96 / 8192) = 0.11.
    assert abs(np.mean(z**4) - 3.0) < 0.44


@each_sampling
def test_points_of_a_sphere_lie_on_it(sampling):
    positions = Sphere(4, radius=3.0).sample(100, seed=0, sampling=sampling).positions
    np.testing.assert_allclose(np.linalg.norm(positions, axis=1), 3.0, rtol=1e-15 * 4)


def test_the_sphere_of_the_line_is_two_points():
    positions = Sphere(1, radius=2.0).sample(50, seed=0).positions
    assert set(positions[:, 0]) == {-2.0, 2.0}


@each_sampling
def test_points_of_a_box_lie_in_it(sampling):
    box = LAWS[2]
    positions = box.sample(1000, seed=0, sampling=sampling).positions
    assert (positions >= box.lower).all()
    assert (positions <= box.upper).all()


@pytest.mark.parametrize("law", [Gaussian(2), Box(2, -1.0, 1.0)], ids=lambda law: law.name)
def test_sobol_points_integrate_smooth_functions_far_better(law):
    def mean_cosine(seed, sampling):
        return np.mean(np.cos(law.sample(1024, seed, sampling).positions.sum(axis=1)))

    # E cos(z1 + z2) is e^-1 for normals, (sin 1)² for the box.
    exact = np.exp(-1.0) if law.name == "gaussian" else np.sin(1.0) ** 2
    errors = {
        sampling: np.sqrt(np.mean([(mean_cosine(s, sampling) - exact) ** 2 for s in range(10)]))
        for sampling in ("iid", "sobol")
    }
    # 1/32 * deviation of the cosine for independent points, nearly 1/1024 for Sobol points.
    assert 0.005 < errors["iid"] < 0.05
    assert errors["sobol"] < errors["iid"] / 10


@each_sampling
@pytest.mark.parametrize("particles", [1, 2, 3, 100])
def test_any_number_of_particles_can_be_drawn_without_a_warning(particles, sampling):
    measure = Gaussian(2).sample(particles, seed=0, sampling=sampling)
    assert len(measure) == particles
    assert measure.is_uniform


@each_law
@each_sampling
def test_a_seed_gives_the_same_particles_each_time(law, sampling):
    first = law.sample(65, seed=7, sampling=sampling)
    assert first == law.sample(65, seed=7, sampling=sampling)
    assert first != law.sample(65, seed=8, sampling=sampling)


@each_law
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_particles_have_the_requested_precision(law, dtype):
    measure = law.sample(20, seed=0, dtype=dtype)
    assert measure.positions.dtype == dtype
    assert measure.weights.dtype == np.float64
    exact = law.sample(20, seed=0).positions
    np.testing.assert_array_equal(measure.positions, exact.astype(dtype))


@each_law
def test_a_law_survives_json(law):
    rebuilt = law_from_dict(json.loads(json.dumps(law.to_dict())))
    assert rebuilt == law
    assert hash(rebuilt) == hash(law)
    assert laws[law.name] is type(law)


def test_dimensions_counted_by_numpy_are_plain_integers():
    law = Gaussian(np.int64(2), mean=np.float32(0.5), std=np.array([1.0, 2.0]))
    assert law_from_dict(json.loads(json.dumps(law.to_dict()))) == law


@pytest.mark.parametrize(
    ("measure", "law"),
    [
        (ParticleMeasure.gaussian(9, 2, 1.0, [0.5, 2.0], seed=3), Gaussian(2, 1.0, [0.5, 2.0])),
        (ParticleMeasure.sphere(9, 2, 1.5, seed=3), Sphere(2, 1.5)),
        (ParticleMeasure.box(9, 2, -2.0, [0.0, 1.0], seed=3), Box(2, -2.0, [0.0, 1.0])),
    ],
    ids=["gaussian", "sphere", "box"],
)
def test_short_forms_draw_from_the_laws(measure, law):
    assert measure == law.sample(9, seed=3)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Gaussian(0), "dim must be an integer >= 1, got 0"),
        (lambda: Gaussian(2, std=-1.0), "std must be >= 0, got -1.0"),
        (lambda: Gaussian(2, mean=[1, 2, 3]), "mean must be one number or 2 numbers, got 3"),
        (lambda: Gaussian(2, mean=[1, [2]]), "mean must be an array of real numbers"),
        (lambda: Gaussian(2, mean=np.nan), "mean must be a finite number, got nan"),
        (lambda: Sphere(2, radius=0.0), "radius must be a positive finite number, got 0.0"),
        (lambda: Box(2, 1.0, 0.0), "lower must be <= upper, got 1.0 and 0.0"),
        (lambda: Gaussian(2).sample(0, 0), "particles must be an integer >= 1, got 0"),
        (lambda: Gaussian(2).sample(5, -1), "seed must be an integer >= 0, got -1"),
        (lambda: Gaussian(2).sample(5, 0.5), "seed must be an integer >= 0, got 0.5"),
        (lambda: Gaussian(2).sample(5, 0, "sobel"), "sampling 'sobel'; did you mean 'sobol'"),
        (lambda: Sphere(2).sample(5, 0, dtype="float16"), "unknown dtype 'float16'"),
        (lambda: law_from_dict({"name": "gausian", "dim": 1}), "did you mean 'gaussian'"),
        (lambda: law_from_dict({"dim": 1, "sdt": 1}), "law gaussian 'sdt'; did you mean 'std'"),
    ],
)
def test_a_wrong_law_or_draw_is_explained(make, message):
    with pytest.raises(InvalidInputError, match=message):
        make()


def test_masses_are_equal_unless_given():
    uniform = ParticleMeasure([[0.0], [1.0], [2.0]])
    np.testing.assert_array_equal(uniform.weights, np.full(3, 1 / 3))
    assert uniform.is_uniform
    assert uniform == ParticleMeasure(uniform.positions, np.full(3, 1 / 3))


def test_moments_are_weighted():
    measure = ParticleMeasure([[0.0, 0.0], [4.0, 8.0]], [0.75, 0.25])
    np.testing.assert_array_equal(measure.mean(), [1.0, 2.0])
    np.testing.assert_array_equal(measure.covariance(), [[3.0, 6.0], [6.0, 12.0]])
    assert not measure.is_uniform


def test_particles_without_mass_are_allowed():
    assert len(ParticleMeasure([[0.0], [1.0]], [0.0, 1.0])) == 2


def test_moments_of_single_precision_particles_are_double():
    ones = np.full((3, 1), 2**24, np.float32)
    ones[0] += 2
    assert ParticleMeasure(ones).mean() == pytest.approx(2**24 + 2 / 3, rel=1e-15)


def test_a_measure_does_not_change_with_the_arrays_it_came_from():
    positions = np.zeros((2, 1))
    measure = ParticleMeasure(positions)
    positions[0] = 9.0
    assert measure.positions[0, 0] == 0.0
    for array in (measure.positions, measure.weights):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0
    with pytest.raises(AttributeError, match="cannot assign to field"):
        measure.positions = positions


def test_equal_measures_are_equal_and_hash_alike():
    first, second = ParticleMeasure([[0.0], [1.0]]), ParticleMeasure([[-0.0], [1.0]])
    assert first == second
    assert hash(first) == hash(second)
    assert first != ParticleMeasure([[0.0], [1.0]], [0.25, 0.75])
    assert first != ParticleMeasure(np.array([[0.0], [1.0]], np.float32))
    assert first != "measure"


def test_a_measure_survives_pickling():
    measure = ParticleMeasure([[0.0], [1.0]], [0.25, 0.75])
    assert pickle.loads(pickle.dumps(measure)) == measure


def test_a_measure_says_its_size_in_words():
    assert repr(ParticleMeasure([[0.0]])) == "ParticleMeasure(1 particles in 1 dimensions)"
    weighted = ParticleMeasure([[0.0], [1.0]], [0.25, 0.75])
    assert repr(weighted) == "ParticleMeasure(2 weighted particles in 1 dimensions)"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.0, 1.0],), r"positions must have 2 axes, got an array of shape \(2,\)"),
        ((np.zeros((0, 2)),), "positions must not be empty"),
        (([[0.0], [np.nan]],), "positions must be finite, but row 1 holds"),
        (([[0.0], [1.0]], [0.5, 0.4]), "weights must sum to 1, got 0.9; divide"),
        (([[0.0], [1.0]], [1.0, 1.0]), "weights must sum to 1, got 2"),
        (([[0.0], [1.0]], [2.0, -1.0]), "weights must be >= 0, got -1.0"),
        (([[0.0], [1.0]], [1.0]), "weights must have length 2, got 1"),
    ],
)
def test_what_is_no_probability_measure_is_refused(arguments, message):
    with pytest.raises(InvalidInputError, match=message):
        ParticleMeasure(*arguments)
