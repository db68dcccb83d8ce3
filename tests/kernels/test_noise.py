"""Counter-based normal numbers: known answers, distribution, independence of order."""

import mpmath
import numba
import numpy as np
import pytest
from scipy import stats

from meanfield.kernels.compilation import OPTIONS
from meanfield.kernels.elementary import log_unit
from meanfield.kernels.noise import _box_muller, _philox, add_noise

SEED, STEP = np.uint64(20261124), np.uint64(3)


@numba.njit(**OPTIONS)
def philox(number, step, seed):
    return _philox(number, step, seed)


@numba.njit(**OPTIONS)
def box_muller(bits0, bits1):
    return _box_muller(bits0, bits1)


@numba.njit(**OPTIONS)
def fill_logarithms(points, results):
    for i in range(points.size):
        results[i] = log_unit(points[i])


def noise(count, first=0, seed=SEED, step=STEP, dtype=np.float64):
    numbers = np.zeros(count, dtype)
    add_noise(numbers, 1.0, seed, step, first)
    return numbers


# The known answers that Random123 publishes for philox4x32 with 10 rounds.
@pytest.mark.parametrize(
    ("counter", "key", "answer"),
    [
        ([0, 0, 0, 0], [0, 0], [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]),
        (
            [0xFFFFFFFF] * 4,
            [0xFFFFFFFF] * 2,
            [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD],
        ),
        (
            [0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344],
            [0xA4093822, 0x299F31D0],
            [0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1],
        ),
    ],
)
def test_philox_gives_the_published_answers(counter, key, answer):
    low, high, seed = (
        np.uint64(words[1] << 32 | words[0]) for words in (counter[:2], counter[2:], key)
    )
    first, second = (int(bits) for bits in philox(low, high, seed))
    assert [first >> 32, first % 2**32, second >> 32, second % 2**32] == answer


def test_the_numbers_are_standard_normal_and_pairs_independent():
    numbers = noise(200_000)
    assert stats.kstest(numbers, "norm").pvalue > 1e-3
    assert abs(numbers.mean()) < 4.0 / np.sqrt(numbers.size)
    for power, moment, spread in ((2, 1.0, 2.0), (4, 3.0, 96.0)):
        assert abs(np.mean(numbers**power) - moment) < 4.0 * np.sqrt(spread / numbers.size)
    pairs = numbers.reshape(-1, 2)
    for lag in (pairs[:, 0] * pairs[:, 1], numbers[1:] * numbers[:-1], numbers[6:] * numbers[:-6]):
        assert abs(lag.mean()) < 4.0 / np.sqrt(lag.size)


def test_steps_and_seeds_are_independent():
    base = noise(100_000)
    for other in (noise(100_000, step=STEP + np.uint64(1)), noise(100_000, seed=np.uint64(1))):
        assert abs(np.mean(base * other)) < 4.0 / np.sqrt(base.size)


def test_box_muller_is_the_transform():
    rng = np.random.default_rng(0)
    for bits0, bits1 in rng.integers(0, 2**64, (50, 2), dtype=np.uint64):
        u, v = (float(int(bits) >> 12) * 2.0**-52 for bits in (bits0, bits1))
        radius = np.sqrt(-2.0 * np.log(1.0 - u))
        expected = radius * np.cos(2 * np.pi * v), radius * np.sin(2 * np.pi * v)
        np.testing.assert_allclose(box_muller(bits0, bits1), expected, rtol=0, atol=1e-14)


def test_the_logarithm_is_right_to_2_ulp_down_to_the_least_unit():
    rng = np.random.default_rng(1)
    points = np.concatenate(
        [[1.0, 2.0**-52, 1.0 - 2.0**-53, 0.5], rng.random(500), 2.0 ** -rng.uniform(0, 52, 300)]
    )
    results = np.empty_like(points)
    fill_logarithms(points, results)
    with mpmath.workdps(40):
        for x, result in zip(points.tolist(), results.tolist(), strict=True):
            truth = mpmath.log(mpmath.mpf(x))
            assert abs(mpmath.mpf(result) - truth) <= 2.0 * float(np.spacing(abs(float(truth))))


@pytest.mark.parametrize("count", [1, 2, 3, 1023, 1024, 1025, 5000])
def test_any_piece_is_the_same_as_in_the_whole(count):
    whole = noise(6000)
    np.testing.assert_array_equal(noise(count), whole[:count])
    np.testing.assert_array_equal(noise(count, first=700), whole[700 : 700 + count])


def test_noise_is_added_and_scaled_in_the_precision_of_the_array():
    numbers = np.full(10, 2.0, np.float32)
    add_noise(numbers, 0.5, SEED, STEP, 0)
    np.testing.assert_allclose(numbers, 2.0 + 0.5 * noise(10), rtol=1e-6)
