from __future__ import annotations

import math

import numpy as np
import pytest

from tests.metrics.moving import shuffled, swinging_discs
from vidgan.metrics.colour_lag import colour_lag_error, colour_similarity


def test_a_still_clip_keeps_its_colours_at_every_lag():
    clip = np.repeat(swinging_discs(1)[0][:, :1], 9, 1)
    assert colour_similarity(clip) == pytest.approx({1: 1, 2: 1, 4: 1, 8: 1})


def test_the_share_of_pixels_that_changes_colour_is_missing():
    clip = np.zeros((1, 2, 4, 4, 3), np.uint8)
    clip[0, 1, :1] = 200  # 4 of 16 pixels
    assert colour_similarity(clip) == {1: 0.75}


def test_equals_the_definition_by_numpy():
    clip = np.random.default_rng(0).integers(0, 256, (1, 2, 6, 6, 3)).astype(np.uint8)
    histograms = [np.histogramdd(frame.reshape(-1, 3), 8, [(0, 256)] * 3)[0] / 36 for frame in clip[0]]
    assert colour_similarity(clip)[1] == pytest.approx(np.minimum(*histograms).sum())


def test_a_drift_falls_with_lag_and_shuffled_frames_are_flat():
    ramp = np.stack([np.full((8, 8, 3), 0, np.uint8) for _ in range(9)])
    for time in range(9):
        ramp[time].reshape(-1, 3)[: 7 * time] = 255
    drift = colour_similarity(ramp[None])
    assert drift[1] > drift[2] > drift[4] > drift[8]
    mixed = colour_similarity(np.stack([shuffled(ramp[None], seed)[0] for seed in range(60)]))
    assert max(mixed.values()) - min(mixed.values()) < 0.3 * (drift[1] - drift[8])


def test_error_is_the_mean_difference_over_shared_lags():
    assert colour_lag_error({1: 0.9, 2: 0.7, 4: 0.1}, {1: 1.0, 2: 0.4}) == pytest.approx(0.2)
    assert math.isnan(colour_lag_error({}, {}))
