from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.metrics.frames import Box, finite_mean, luma, points_box
from vidgan.metrics.mask_iou import mask_iou
from vidgan.metrics.sharpness import sharpness


def square(left, top, side=10):
    mask = np.zeros((40, 40), bool)
    mask[top : top + side, left : left + side] = True
    return mask


def test_iou_of_half_overlapping_squares_is_one_third():
    assert mask_iou(square(0, 0), square(5, 0)) == pytest.approx(1 / 3)


def test_iou_of_equal_disjoint_and_empty_masks():
    assert mask_iou(square(3, 4), square(3, 4)) == 1
    assert mask_iou(square(0, 0), square(20, 20)) == 0
    assert math.isnan(mask_iou(square(0, 0, 0), square(0, 0, 0)))


def test_iou_takes_probabilities():
    assert mask_iou(square(0, 0).astype(np.uint8) * 130, square(0, 0)) == 1


def test_sharpness_of_one_bright_pixel_is_its_laplacian():
    frame = np.zeros((9, 9, 3), np.uint8)
    frame[4, 4] = 81
    assert sharpness(frame) == pytest.approx(81 * 8 / 81)  # |-4| at the pixel, 1 at each of its four neighbours


def test_sharpness_falls_with_blur():
    frame = np.random.default_rng(0).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    blurred = [sharpness(cv2.GaussianBlur(frame, (0, 0), sigma)) for sigma in (0.6, 1, 2)]
    assert sharpness(frame) > blurred[0] > blurred[1] > blurred[2]


def test_luma_of_primaries_is_bt709():
    primaries = np.eye(3, dtype=np.float32)[None] * 255
    np.testing.assert_allclose(luma(primaries)[0] / 255, (0.2126, 0.7152, 0.0722), rtol=1e-6)


@given(st.lists(st.tuples(st.floats(-300, 500), st.floats(-300, 500)), min_size=1, max_size=8))
def test_box_around_points_stays_in_the_frame_and_holds_the_points_inside(points):
    box = points_box(np.array(points), 200, 100)
    assert 0 <= box.left <= box.right <= 200
    assert 0 <= box.top <= box.bottom <= 100
    for x, y in points:
        if 0 <= x <= 200 and 0 <= y <= 100:
            assert box.left <= x <= box.right
            assert box.top <= y <= box.bottom


def test_box_around_no_points_is_empty():
    assert points_box(np.full((3, 2), np.nan), 200, 100).empty


def test_box_crops_rows_and_columns():
    frame = np.arange(40 * 30 * 3).reshape(40, 30, 3)
    np.testing.assert_array_equal(Box(2, 5, 7, 9).crop(frame), frame[5:9, 2:7])
    inside = Box(2, 5, 7, 9).mask(*frame.shape[:2])
    np.testing.assert_array_equal(np.argwhere(inside), [(y, x) for y in range(5, 9) for x in range(2, 7)])


def test_mean_leaves_out_what_has_no_value():
    assert finite_mean([1, float("nan"), 3]) == 2
    assert finite_mean([float("nan")]) is None
