import numpy as np
import pytest

from meanfield import noise
from meanfield.engines import threads
from meanfield.noise import add_noise


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_any_number_of_threads_gives_the_same_noise(monkeypatch, dtype):
    monkeypatch.setattr(noise, "_LEAST", 1000)
    results = []
    for count in (1, 2, 4):
        monkeypatch.setattr(threads, "thread_count", lambda count=count: count)
        threads._pool.cache_clear()
        positions = np.zeros((3001, 3), dtype)
        add_noise(positions, 1.0, seed=5, step=2)
        results.append(positions)
    threads._pool.cache_clear()
    np.testing.assert_array_equal(results[0], results[1])
    np.testing.assert_array_equal(results[0], results[2])


def test_the_first_particles_get_the_same_noise_whatever_their_number():
    few, many = np.zeros((10, 3)), np.zeros((5000, 3))
    add_noise(few, 1.0, seed=1, step=0)
    add_noise(many, 1.0, seed=1, step=0)
    np.testing.assert_array_equal(few, many[:10])
