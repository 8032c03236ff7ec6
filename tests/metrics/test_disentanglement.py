from __future__ import annotations

import math

import pytest
import torch

from vidgan.metrics.disentanglement import kept_agreement, kept_ratio


def test_by_hand():
    features = torch.tensor([[[0.0], [1.0]], [[10.0], [11.0]]])
    assert kept_ratio(features) == pytest.approx(1 / 10)  # 1 inside; 10, 11, 9, 10 between


def test_kept_altogether_is_zero_and_not_at_all_is_one():
    groups = torch.randn(6, 1, 8, generator=torch.Generator().manual_seed(0))
    assert kept_ratio(groups.expand(6, 4, 8)) == 0
    noise = torch.randn(20, 10, 50, generator=torch.Generator().manual_seed(1))
    assert kept_ratio(noise) == pytest.approx(1, abs=0.02)


def test_nothing_to_compare_has_no_value():
    assert math.isnan(kept_ratio(torch.ones(3, 4, 2)))
    assert math.isnan(kept_ratio(torch.ones(1, 4, 2)))
    assert math.isnan(kept_agreement(torch.ones(3, 1)))


def test_agreement_is_the_share_of_equal_pairs():
    assert kept_agreement(torch.tensor([[1, 1, 2], [0, 0, 0]])) == pytest.approx((1 + 3) / 6)
