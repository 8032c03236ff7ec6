from __future__ import annotations

import math

import pytest
import torch

from vidgan.metrics.precision_recall import precision_recall


def line(*places):
    return torch.tensor(places, dtype=torch.float32)[:, None]


def test_by_hand_with_one_neighbour():
    real = line(0, 1, 10, 11)  # each ball is 1 wide
    fake = line(0.5, 12, 13, 30)  # balls of 11.5, 1, 1, 17
    values = precision_recall(fake, real, neighbours=1)
    assert values == {"precision": 0.5, "recall": 1.0}  # 0.5 and 12 (at the rim) are in; the first ball holds all
    assert precision_recall(line(0.5, 0.6), real, neighbours=1) == {"precision": 1.0, "recall": 0.0}


def test_equal_sets_are_perfect_and_distant_ones_nothing():
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    assert precision_recall(x, x) == {"precision": 1, "recall": 1}
    assert precision_recall(x + 100, x) == {"precision": 0, "recall": 0}


def test_samples_of_one_mode_are_precise_and_do_not_recall_the_other():
    random = torch.Generator().manual_seed(0)
    modes = torch.cat([torch.randn(40, 2, generator=random), torch.randn(40, 2, generator=random) + 30])
    values = precision_recall(torch.randn(80, 2, generator=random) * 0.8, modes)
    assert values["precision"] > 0.8
    assert values["recall"] == pytest.approx(0.5, abs=0.08)


def test_too_few_clips_have_no_value():
    assert all(math.isnan(value) for value in precision_recall(line(1, 2, 3), line(1, 2, 3, 4, 5)).values())
