from __future__ import annotations

import math

import numpy as np
import pytest

from vidgan.metrics.frames import luma
from vidgan.metrics.ssim import C1, C2, ssim, ssim_map


def slow_ssim_map(x, y):
    """The paper's formula, window by window."""
    axis = np.arange(-5, 6)
    weights = np.exp(-(axis[:, None] ** 2 + axis**2) / (2 * 1.5**2))
    weights /= weights.sum()
    result = np.empty((x.shape[0] - 10, x.shape[1] - 10))
    for row, column in np.ndindex(result.shape):
        a, b = (v[row : row + 11, column : column + 11].astype(np.float64) for v in (x, y))
        mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
        var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
        cov = (weights * (a - mean_a) * (b - mean_b)).sum()
        result[row, column] = ((2 * mean_a * mean_b + C1) * (2 * cov + C2)) / (
            (mean_a**2 + mean_b**2 + C1) * (var_a + var_b + C2)
        )
    return result


@pytest.fixture
def frames():
    random = np.random.default_rng(0)
    frame = random.integers(0, 256, (26, 21, 3)).astype(np.uint8)
    return frame, np.clip(frame.astype(int) + random.integers(-40, 60, frame.shape), 0, 255).astype(np.uint8)


def test_map_matches_the_formula_computed_window_by_window(frames):
    x, y = (luma(frame) for frame in frames)
    np.testing.assert_allclose(ssim_map(x, y), slow_ssim_map(x, y), atol=1e-9)


def test_flat_frames_have_their_closed_form():
    x, y = np.full((11, 11, 3), 100, np.uint8), np.full((11, 11, 3), 120, np.uint8)
    assert ssim(x, y) == pytest.approx((2 * 100 * 120 + C1) / (100**2 + 120**2 + C1), abs=1e-5)


def test_equal_frames_read_one_and_order_does_not_matter(frames):
    x, y = frames
    assert ssim(x, x) == pytest.approx(1)
    assert ssim(x, y) == pytest.approx(ssim(y, x))
    assert ssim(x, y) < 1


def test_mask_picks_window_centres(frames):
    x, y = frames
    mask = np.zeros(x.shape[:2], bool)
    mask[8:12, 9:14] = True
    expected = slow_ssim_map(luma(x), luma(y))[3:7, 4:9].mean()
    assert ssim(x, y, mask) == pytest.approx(expected, abs=1e-6)


def test_frame_smaller_than_the_window_has_no_value(frames):
    assert math.isnan(ssim(frames[0][:10], frames[1][:10]))
