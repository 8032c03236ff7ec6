from __future__ import annotations

import math

import pytest
import torch

from vidgan.metrics.nearest_clip import Nearest, memorisation, nearest_clips


def frames(*values):
    """One feature a frame."""
    return torch.tensor(values, dtype=torch.float32)[..., None]


def test_nearest_by_root_mean_square_over_time():
    windows = torch.tensor([[0, 1], [2, 3], [1, 2]])
    found = nearest_clips(frames([0, 0], [9, 10]), frames(10, 10, 3, 4), windows)
    assert found.index.tolist() == [1, 0]
    torch.testing.assert_close(found.distance, torch.tensor([(25 / 2) ** 0.5, (1 / 2) ** 0.5]))


def test_the_same_frames_at_other_times_are_another_clip():
    found = nearest_clips(frames([0, 8]), frames(8, 0, 7), torch.tensor([[0, 1], [1, 2]]))
    assert found.index.tolist() == [1]


def near(*distances):
    return Nearest(torch.zeros(len(distances), dtype=torch.long), torch.tensor(distances, dtype=torch.float32))


def test_copies_read_zero_and_news_one():
    held = near(4, 4, 4)
    assert memorisation(near(0, 0, 0), held) == {"ratio": 0, "copies": 1}
    assert memorisation(near(4, 5, 4), held) == {"ratio": 1, "copies": 0}
    assert memorisation(near(0.5, 2, 6), held) == pytest.approx({"ratio": 0.5, "copies": 1 / 3})


def test_held_out_clips_equal_to_training_clips_measure_nothing():
    assert math.isnan(memorisation(near(1, 2), near(0, 0))["ratio"])
