from __future__ import annotations

import pytest
import torch

from vidgan.losses.adversarial import feature_matching, hinge_discriminator, hinge_generator

REAL = torch.tensor([[2.0, 0.5], [-1.0, 1.0]])
FAKE = torch.tensor([[-2.0, -0.5], [1.0, 0.0]])


def test_the_discriminators_hinge_by_hand():
    # real: 0, 0.5, 2, 0 → 0.625; fake: 0, 0.5, 2, 1 → 0.875
    assert hinge_discriminator(REAL, FAKE).item() == pytest.approx(1.5)


def test_verdicts_beyond_the_margin_teach_the_discriminator_nothing():
    real, fake = torch.full((4,), 1.5, requires_grad=True), torch.full((4,), -1.5, requires_grad=True)
    loss = hinge_discriminator(real, fake)
    loss.backward()
    assert loss.item() == 0
    assert real.grad.abs().sum() == fake.grad.abs().sum() == 0


def test_the_generator_wants_high_verdicts():
    assert hinge_generator(FAKE).item() == pytest.approx(0.375)
    assert hinge_generator(FAKE + 1) < hinge_generator(FAKE)


def test_feature_matching_is_the_mean_over_layers_of_the_mean_distance():
    fake = [torch.zeros(2, 3, 4, 4), torch.ones(2, 5, 2, 2)]
    real = [torch.full((2, 3, 4, 4), 0.5), torch.full((2, 5, 2, 2), 3.0)]
    assert feature_matching(fake, real).item() == pytest.approx((0.5 + 2.0) / 2)
    assert feature_matching(real, real).item() == 0


def test_feature_matching_changes_the_fake_side_only():
    fake, real = (torch.randn(2, 3, 4, 4, requires_grad=True) for _ in range(2))
    feature_matching([fake], [real]).backward()
    assert fake.grad.abs().sum() > 0
    assert real.grad is None


def test_layers_must_pair_up():
    with pytest.raises(ValueError, match="argument 2 is shorter"):
        feature_matching([torch.zeros(1), torch.zeros(1)], [torch.zeros(1)])
