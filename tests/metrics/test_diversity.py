from __future__ import annotations

import math

import pytest
import torch

from vidgan.metrics.diversity import collapse_warning, diversity


def test_mean_distance_of_pairs():
    assert diversity(torch.tensor([[0.0, 0], [3, 4], [0, 0]])) == pytest.approx(10 / 3)


def test_all_one_is_zero_and_one_clip_has_none():
    assert diversity(torch.ones(5, 3)) == 0
    assert math.isnan(diversity(torch.ones(1, 3)))


def test_only_clips_of_one_class_are_compared():
    features = torch.tensor([[0.0], [4.0], [100.0], [100.0]])
    assert diversity(features, torch.tensor([0, 0, 1, 1])) == pytest.approx(2)
    assert math.isnan(diversity(features, torch.arange(4)))


def test_collapse_is_said_of_what_collapsed():
    assert collapse_warning(0.9, 0.8) is None
    assert "look too much alike (5 %" in collapse_warning(0.05, 0.8)
    assert "look and move too much alike (5 %, 20 %" in collapse_warning(0.05, 0.2)
    assert collapse_warning(math.nan, math.nan) is None
