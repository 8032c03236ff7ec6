from __future__ import annotations

import math

import numpy as np
import pytest

from vidgan.metrics.psnr import psnr


def test_known_error_has_its_textbook_value():
    frame = np.full((4, 5, 3), 100, np.uint8)
    assert psnr(frame, frame + 10) == pytest.approx(28.1308, abs=1e-4)  # 20 log10(255 / 10)


def test_opposite_frames_are_at_zero_decibels():
    assert psnr(np.zeros((2, 2, 3), np.uint8), np.full((2, 2, 3), 255, np.uint8)) == pytest.approx(0)


def test_equal_frames_read_the_ceiling():
    frame = np.full((4, 5, 3), 7, np.uint8)
    assert psnr(frame, frame) == 100


def test_only_the_mask_counts():
    frame, truth = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4, 3), np.uint8)
    truth[:2] = 10
    mask = np.zeros((4, 4), bool)
    mask[:2] = True
    assert psnr(frame, truth, mask) == pytest.approx(28.1308, abs=1e-4)
    assert psnr(frame, truth, ~mask) == 100
    assert math.isnan(psnr(frame, truth, np.zeros((4, 4), bool)))
