import json

import numpy as np
import pytest

from meanfield.errors import InvalidInputError
from meanfield.laws import Box, Gaussian, Sphere, law_from_dict, laws
from meanfield.measures import ParticleMeasure
from meanfield.radial_laws import RadialGaussian

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


def test_laws_of_lengths_are_in_the_vocabulary():
    law = RadialGaussian(3, column=1, freedom=40, std=(0.5, 1.0, 2.0))
    assert law_from_dict(json.loads(json.dumps(law.to_dict()))) == law
    assert laws["radial-gaussian"] is RadialGaussian


def test_a_missing_setting_is_named():
    with pytest.raises(InvalidInputError, match="law radial-gaussian needs the setting freedom"):
        law_from_dict({"name": "radial-gaussian", "dim": 2, "column": 0})
