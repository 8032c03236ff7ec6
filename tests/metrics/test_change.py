from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from vidgan.metrics.change import inter_frame_change, per_class, ratio, second_difference


def flat(*levels):
    return np.stack([np.full((4, 4, 3), level, np.uint8) for level in levels])[None]


def test_change_is_in_grey_levels_whichever_way():
    assert inter_frame_change(flat(10, 14, 8)).tolist() == [5]  # |4|, |-6|


def test_even_change_has_no_jitter_and_a_bend_has():
    assert second_difference(flat(10, 20, 30, 40)).tolist() == [0]
    assert second_difference(flat(10, 14, 8)).tolist() == [10]  # |8 - 28 + 10|


def test_independent_noise_jitters_the_square_root_of_three_times_its_change():
    noise = np.random.default_rng(0).normal(128, 20, (1, 40, 24, 24, 3)).clip(0, 255).astype(np.uint8)
    assert float(second_difference(noise) / inter_frame_change(noise)) == pytest.approx(3**0.5, rel=0.02)


def test_each_clip_has_its_own():
    clips = np.concatenate([flat(0, 1), flat(0, 7)])
    assert inter_frame_change(clips).tolist() == [1, 7]


def test_means_by_class_leave_out_classes_without_clips():
    values, labels = torch.tensor([1.0, 3.0, 9.0]), torch.tensor([0, 0, 2])
    assert per_class(values, labels, ("a", "b", "c")) == {"a": 2, "c": 9}
    assert per_class(values, None, ()) == {}


def test_ratio_to_clips_that_stand_still_has_no_value():
    assert ratio(3, 2) == 1.5
    assert math.isnan(ratio(3, 0))
