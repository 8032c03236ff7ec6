from __future__ import annotations

import math

import pytest
import torch

from vidgan.metrics.disentanglement import kept_agreement, kept_ratio


def grid(groups, others):
    """Group and other of every pairing."""
    return torch.arange(groups).repeat_interleave(others), torch.arange(others).repeat(groups)


def test_by_hand():
    features = torch.tensor([[0.0], [1.0], [10.0], [13.0]])
    inside = (1 + 3) / 2
    between = (13 + 9) / 2  # 0 with 13, 1 with 10: the pairs of the same other do not count
    assert kept_ratio(features, *grid(2, 2)) == pytest.approx(inside / between)


def test_kept_altogether_is_zero_and_not_at_all_is_one():
    group, other = grid(6, 4)
    people = torch.randn(6, 8, generator=torch.Generator().manual_seed(0))
    assert kept_ratio(people[group], group, other) == pytest.approx(0, abs=1e-6)
    noise = torch.randn(200, 50, generator=torch.Generator().manual_seed(1))
    assert kept_ratio(noise, *grid(20, 10)) == pytest.approx(1, abs=0.02)
    assert kept_ratio(people[group], other, group) == pytest.approx(1)  # the wrong way round


def test_nothing_to_compare_has_no_value():
    assert math.isnan(kept_ratio(torch.ones(12, 2), *grid(3, 4)))
    assert math.isnan(kept_ratio(torch.randn(4, 2), *grid(1, 4)))
    assert math.isnan(kept_agreement(torch.ones(3), *grid(3, 1)))


def test_agreement_is_what_groups_share_beyond_chance():
    group, other = grid(2, 3)
    inside = (1 + 1) / 6  # of 1 1 2 and 1 0 0: one equal pair of three in each
    between = 1 / 6  # the second 1 of the first group with the 1 of the second
    found = kept_agreement(torch.tensor([1, 1, 2, 1, 0, 0]), group, other)
    assert found == pytest.approx((inside - between) / (1 - between))
    assert kept_agreement(group, group, other) == 1
    assert kept_agreement(torch.zeros(6), group, other) == 0


def test_clips_of_one_person_and_one_action_do_not_count():
    features = torch.tensor([[0.0], [0.0], [4.0], [8.0]])
    person, action = torch.tensor([0, 0, 0, 1]), torch.tensor([0, 0, 1, 2])
    assert kept_ratio(features, person, action) == pytest.approx(4 / ((8 + 8 + 4) / 3))
