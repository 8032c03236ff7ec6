from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional as F

from vidgan.errors import ConfigError
from vidgan.losses.adversarial import hinge_discriminator, hinge_generator
from vidgan.losses.objectives import OBJECTIVES, find_objective

REAL = torch.tensor([[2.0, 0.5], [-1.0, 1.0]])
FAKE = torch.tensor([[-2.0, -0.5], [1.0, 0.0]])
NAMES = ["minimax", "non-saturating", "least-squares", "hinge", "wgan", "relativistic"]


def sigma(x):
    return 1 / (1 + np.exp(-x.numpy().astype(np.float64)))


def critic(name, **kwargs):
    return OBJECTIVES[name].critic(REAL, FAKE, **kwargs).item()


def generator(name):
    return OBJECTIVES[name].generator(FAKE, REAL).item()


def test_every_objective_is_there():
    assert list(OBJECTIVES) == NAMES
    assert all(find_objective(name).name == name for name in NAMES)


# --- Reference values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
def test_the_critic_maximises_the_log_likelihood(name):
    wanted = -np.log(sigma(REAL)).mean() - np.log(1 - sigma(FAKE)).mean()
    assert critic(name) == pytest.approx(wanted)


def test_the_minimax_generator_minimises_what_the_critic_maximises():
    assert generator("minimax") == pytest.approx(np.log(1 - sigma(FAKE)).mean())


def test_the_non_saturating_generator_maximises_its_own_log_likelihood():
    assert generator("non-saturating") == pytest.approx(-np.log(sigma(FAKE)).mean())


def test_least_squares_by_hand():
    # real - 1: 1, -0.5, -2, 0 → squares 5.25; fake: 2, 0.5, 1, 0 → squares 5.25; fake - 1: 3, 1.5, 0, 1 → 12.25
    assert critic("least-squares") == pytest.approx(5.25 / 8 + 5.25 / 8)
    assert generator("least-squares") == pytest.approx(12.25 / 8)


def test_hinge_is_that_of_the_other_tasks():
    assert critic("hinge") == hinge_discriminator(REAL, FAKE).item() == pytest.approx(1.5)
    assert generator("hinge") == hinge_generator(FAKE).item() == pytest.approx(0.375)


def test_wgan_is_a_difference_of_means():
    assert critic("wgan") == pytest.approx(-0.375 - 0.625)
    assert generator("wgan") == pytest.approx(0.375)


def test_relativistic_compares_pairs():
    gaps = [4.0, 1.0, -2.0, 1.0]
    assert critic("relativistic") == pytest.approx(np.mean([math.log(1 + math.exp(-gap)) for gap in gaps]))
    assert generator("relativistic") == pytest.approx(np.mean([math.log(1 + math.exp(gap)) for gap in gaps]))


@pytest.mark.parametrize("name", ["minimax", "non-saturating"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.3])
def test_label_smoothing_is_cross_entropy_with_a_softer_target_on_the_real_side_only(name, smoothing):
    real = F.binary_cross_entropy_with_logits(REAL, torch.full_like(REAL, 1 - smoothing))
    fake = F.binary_cross_entropy_with_logits(FAKE, torch.zeros_like(FAKE))
    assert critic(name, smoothing=smoothing) == pytest.approx((real + fake).item())


def test_least_squares_with_smoothing():
    # real - 0.9: 1.1, -0.4, -1.9, 0.1
    assert critic("least-squares", smoothing=0.1) == pytest.approx((1.21 + 0.16 + 3.61 + 0.01) / 8 + 5.25 / 8)


# --- What they are for ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_the_critic_wants_reals_up_and_fakes_down_and_the_generator_fakes_up(name):
    real, fake = torch.zeros(3, 1, requires_grad=True), torch.zeros(3, 1, requires_grad=True)
    OBJECTIVES[name].critic(real, fake).backward()
    assert (real.grad < 0).all()
    assert (fake.grad > 0).all() or (name == "least-squares" and (fake.grad == 0).all())  # 0 is its goal for fakes
    made = torch.zeros(3, 1, requires_grad=True)
    OBJECTIVES[name].generator(made, torch.zeros(3, 1)).backward()
    assert (made.grad < 0).all()


def test_a_sure_critic_leaves_the_minimax_generator_without_gradient_and_the_other_not():
    slopes = {}
    for name in ("minimax", "non-saturating"):
        made = torch.tensor([[-12.0]], requires_grad=True)
        OBJECTIVES[name].generator(made).backward()
        slopes[name] = made.grad.item()
    assert slopes["minimax"] == pytest.approx(-math.exp(-12), rel=1e-3)
    assert slopes["non-saturating"] == pytest.approx(-1, abs=1e-4)


@pytest.mark.parametrize("name", ["wgan", "relativistic"])
@given(shift=st.floats(-50, 50))
def test_only_differences_of_logits_count(name, shift):
    moved = OBJECTIVES[name].critic(REAL + shift, FAKE + shift).item()
    assert moved == pytest.approx(critic(name), abs=1e-4)


def test_the_relativistic_generator_is_the_critic_with_the_roles_changed():
    one = OBJECTIVES["relativistic"]
    assert one.generator(FAKE, REAL) == one.critic(FAKE, REAL)


@pytest.mark.parametrize("name", NAMES)
def test_the_generators_step_does_not_reach_the_real_side(name):
    real = REAL.clone().requires_grad_()
    fake = FAKE.clone().requires_grad_()
    OBJECTIVES[name].generator(fake, real).backward()
    assert real.grad is None


@pytest.mark.parametrize("name", NAMES)
def test_huge_logits_give_finite_losses(name):
    real, fake = torch.tensor([[1e4], [-1e4]]), torch.tensor([[-1e4], [1e4]])
    assert math.isfinite(OBJECTIVES[name].critic(real, fake))
    assert math.isfinite(OBJECTIVES[name].generator(fake, real))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_logits_are_averaged_in_float32(name):
    generator = torch.Generator().manual_seed(0)
    real, fake = (torch.randn(500, 1, generator=generator).bfloat16() for _ in range(2))
    loss = OBJECTIVES[name].critic(real, fake)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, OBJECTIVES[name].critic(real.float(), fake.float()), rtol=0, atol=0)


# --- Certainty: what adaptive augmentation watches --------------------------------------------------------------------


def test_certainty_is_the_mean_sign_of_real_logits():
    assert OBJECTIVES["non-saturating"].certainty(REAL, FAKE) == pytest.approx(0.5)
    assert OBJECTIVES["hinge"].certainty(torch.ones(4, 1), FAKE) == 1


def test_certainty_of_least_squares_is_about_a_half():
    real = torch.tensor([[0.9], [0.6], [0.4], [0.7]])
    assert OBJECTIVES["least-squares"].certainty(real, FAKE[:, :1]) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["wgan", "relativistic"])
def test_certainty_counts_pairs_where_the_zero_means_nothing(name):
    # 2 > -2, 0.5 > -0.5, -1 < 1, 1 > 0
    assert OBJECTIVES[name].certainty(REAL + 100, FAKE + 100) == pytest.approx(0.5)


# --- Errors -----------------------------------------------------------------------------------------------------------


def test_an_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match=r"objective 'gan' is unknown: .*minimax, .*relativistic"):
        find_objective("gan")


@pytest.mark.parametrize("name", ["hinge", "wgan", "relativistic"])
def test_smoothing_without_labels_is_refused_and_says_which_have_them(name):
    with pytest.raises(ConfigError, match=f"{name} objective has no labels.*minimax, non-saturating, least-squares"):
        critic(name, smoothing=0.1)
    OBJECTIVES[name].check(0.0)


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_smoothing_must_leave_a_target(smoothing):
    with pytest.raises(ConfigError, match="below 1"):
        OBJECTIVES["minimax"].check(smoothing)


def test_logits_that_do_not_pair_up_are_refused():
    with pytest.raises(ValueError, match="should pair up"):
        OBJECTIVES["relativistic"].critic(torch.zeros(4, 1), torch.zeros(1, 1))
    with pytest.raises(ValueError, match="give the real logits"):
        OBJECTIVES["relativistic"].generator(FAKE)
