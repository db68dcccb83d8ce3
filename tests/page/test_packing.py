"""Packed arrays are what they were, to half a level."""

from __future__ import annotations

import zlib
from base64 import b64decode

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from meanfield.page.packing import pack, packed_floats, rounding

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 3))


def unpacked(packed):
    """The definition, as it is read: sums over frames of low and high bytes."""
    frames, count, width = packed["shape"]
    content = np.frombuffer(zlib.decompress(b64decode(packed["data"])), np.uint8)
    planes = content.reshape(width, 2, frames, count).astype(np.uint16)
    levels = np.cumsum(planes[:, 0] + 256 * planes[:, 1], axis=1, dtype=np.uint16)
    shares = np.moveaxis(levels, 0, 2) / 65535.0
    return packed["low"] + shares * np.subtract(packed["high"], packed["low"])


@given(st.data())
def test_every_number_comes_back_within_the_stated_rounding(data):
    values = data.draw(arrays(np.float64, data.draw(SHAPES), elements=st.floats(-1e6, 1e6)))
    packed = pack(values)
    slack = 1e-9 * np.abs(values).max(initial=1.0)  # of sums in floating point
    assert (np.abs(unpacked(packed) - values) <= rounding(packed) + slack).all()


def test_what_lies_beyond_the_bounds_is_moved_there():
    packed = pack(np.array([[[-5.0], [0.5], [9.0]]]), np.zeros(1), np.ones(1))
    np.testing.assert_allclose(unpacked(packed).ravel(), [0.0, 0.5, 1.0], atol=1e-5)


def test_what_rests_takes_no_room():
    positions = np.random.default_rng(0).standard_normal((1, 1000, 2))
    one, many = (len(pack(np.repeat(positions, count, axis=0))["data"]) for count in (1, 50))
    assert many < 1.3 * one  # 98,000 zeros deflate to less than 1 kB


def test_floats_keep_their_bits():
    values = np.random.default_rng(0).standard_normal(100)
    content = zlib.decompress(b64decode(packed_floats(values)))
    np.testing.assert_array_equal(np.frombuffer(content, "<f8"), values)
