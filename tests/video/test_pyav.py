from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.video.frames import turn
from vidgan.video.pyav import Orientation, orientation_from_matrix, to_fraction

AVRational = pytest.importorskip("av.rational").AVRational
UNIT = 1 << 16


@given(st.integers(1, 2**31 - 1), st.integers(1, 2**31 - 1))
def test_fractions_of_both_kinds(numerator, denominator):
    expected = Fraction(numerator, denominator)
    assert to_fraction(expected) == expected
    assert to_fraction(AVRational(numerator, denominator)) == expected


@pytest.mark.parametrize("unset", [None, AVRational(0, 1), AVRational(0, 0), AVRational(1, 0), Fraction(0)])
def test_unset_is_none(unset):
    assert to_fraction(unset) is None


@pytest.mark.parametrize(
    ("matrix", "code"),
    [
        ((0, UNIT, 0, -UNIT, 0), cv2.ROTATE_90_CLOCKWISE),
        ((-UNIT, 0, 0, 0, -UNIT), cv2.ROTATE_180),
        ((0, -UNIT, 0, UNIT, 0), cv2.ROTATE_90_COUNTERCLOCKWISE),
    ],
)
def test_right_angles(matrix, code):
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    orientation = orientation_from_matrix(matrix)
    assert np.array_equal(turn(image, orientation), cv2.rotate(image, code))
    assert orientation.exact
    assert not orientation.mirrored


@given(st.booleans(), st.booleans(), st.booleans())
def test_every_orientation_moves_pixels_as_its_matrix_says(transpose, flip_x, flip_y):
    sx, sy = (-1 if flip_x else 1), (-1 if flip_y else 1)
    a, b, c, d = (0, sy, sx, 0) if transpose else (sx, 0, 0, sy)
    orientation = orientation_from_matrix((a * UNIT, b * UNIT, 0, c * UNIT, d * UNIT))
    assert orientation == Orientation(transpose, flip_x, flip_y)
    image = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    y, x = np.mgrid[:4, :6]
    new_x, new_y = a * x + c * y, b * x + d * y
    expected = np.empty((new_y.max() - new_y.min() + 1, new_x.max() - new_x.min() + 1, 3), np.uint8)
    expected[new_y - new_y.min(), new_x - new_x.min()] = image
    assert np.array_equal(turn(image, orientation), expected)


def test_a_slanted_matrix_is_said():
    assert not orientation_from_matrix((46341, 46341, 0, -46341, 46341)).exact
