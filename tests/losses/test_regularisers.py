from __future__ import annotations

import pytest
import torch
from torch import nn

from vidgan.losses.regularisers import gradient_norms, gradient_penalty, lazy_adam, lazy_weight, r1, r2

CLIPS = (3, 3, 2, 4, 4)
VALUES = 96


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


class Quadratic(nn.Module):
    """D(x) = x^T A x / 2 with symmetric A, whose gradient is A x."""

    def __init__(self):
        super().__init__()
        matrix = draw(VALUES, VALUES, seed=1)
        self.matrix = nn.Parameter((matrix + matrix.T) / 2)

    def forward(self, clips, label=None):
        x = clips.flatten(1)
        return ((x @ self.matrix) * x).sum(1, keepdim=True) / 2


class Linear(nn.Module):
    """D(x) = w x + 7, or several such; the same gradient everywhere."""

    def __init__(self, outputs=1):
        super().__init__()
        self.weight = nn.Parameter(draw(outputs, VALUES, seed=2))
        self.seen = []

    def forward(self, clips, label=None):
        self.seen.append((clips.detach(), label))
        return clips.flatten(1) @ self.weight.to(clips.dtype).T + 7


# --- Closed forms -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("penalty", [r1, r2])
def test_r1_and_r2_of_a_quadratic_critic(penalty):
    critic, clips = Quadratic(), draw(*CLIPS)
    wanted = (clips.flatten(1) @ critic.matrix).square().sum(1).mean() * 2.5 / 2
    torch.testing.assert_close(penalty(critic, clips, gamma=2.5), wanted)


def test_r1_has_the_right_gradient_in_the_critics_weights():
    """D = a |x|^2 / 2 has the penalty gamma a^2 E|x|^2 / 2, whose slope in a is gamma a E|x|^2."""
    scale = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    clips = draw(*CLIPS)
    r1(lambda x, label: scale * x.flatten(1).square().sum(1, keepdim=True) / 2, clips, gamma=0.7).backward()
    assert scale.grad.item() == pytest.approx(0.7 * 3.0 * clips.flatten(1).square().sum(1).mean().item())


def test_gradient_penalty_of_a_linear_critic_and_its_slope():
    critic = Linear()
    norm = critic.weight.detach().norm()
    loss = gradient_penalty(critic, draw(*CLIPS), draw(*CLIPS, seed=5), weight=10)
    loss.backward()
    torch.testing.assert_close(loss.detach(), 10 * (norm - 1) ** 2)
    torch.testing.assert_close(critic.weight.grad, 20 * (norm - 1) * critic.weight.detach() / norm)


def test_a_critic_of_slope_one_is_not_penalised():
    critic = Linear()
    with torch.no_grad():
        critic.weight /= critic.weight.norm()
    assert gradient_penalty(critic, draw(*CLIPS), draw(*CLIPS, seed=5)).item() == pytest.approx(0, abs=1e-12)


def test_a_clip_with_several_logits_counts_by_their_mean():
    critic = Linear(outputs=5)
    wanted = critic.weight.detach().mean(0).norm()
    torch.testing.assert_close(gradient_norms(critic, draw(*CLIPS)).detach(), wanted.expand(3))


def test_a_flat_critic_has_finite_gradients():
    critic = Linear()
    with torch.no_grad():
        critic.weight.zero_()
    (gradient_penalty(critic, draw(*CLIPS), draw(*CLIPS, seed=5)) + r1(critic, draw(*CLIPS))).backward()
    assert critic.weight.grad.isfinite().all()


# --- Where and how it is taken ----------------------------------------------------------------------------------------


def test_the_points_lie_between_the_pairs_one_share_a_clip():
    critic, real, fake = Linear(), draw(*CLIPS), draw(*CLIPS, seed=5)
    label = torch.tensor([2, 0, 1])
    gradient_penalty(critic, real, fake, label, torch.Generator().manual_seed(3))
    points, seen_label = critic.seen[-1]
    shares = ((points - fake) / (real - fake)).flatten(1)
    wanted = torch.rand(3, generator=torch.Generator().manual_seed(3)).double()
    torch.testing.assert_close(shares, wanted[:, None].expand_as(shares), atol=1e-6, rtol=1e-6)
    assert seen_label is label


def test_two_processes_take_the_points_that_one_would():
    critic, real, fake = Linear(), draw(4, *CLIPS[1:]), draw(4, *CLIPS[1:], seed=5)
    gradient_penalty(critic, real, fake, generator=torch.Generator().manual_seed(3))
    for rank in range(2):
        half = slice(2 * rank, 2 * rank + 2)
        rng = torch.Generator().manual_seed(3)
        gradient_penalty(critic, real[half], fake[half], generator=rng, rank=rank, world=2)
    whole, first, second = (points for points, _ in critic.seen)
    torch.testing.assert_close(torch.cat([first, second]), whole, atol=0, rtol=0)


def test_autocast_around_does_not_reach_the_penalty():
    critic = nn.Sequential(nn.Flatten(), nn.Linear(VALUES, 8), nn.Softplus(), nn.Linear(8, 1))
    clips = draw(*CLIPS).float()
    wanted = r1(lambda x, label: critic(x), clips)
    with torch.autocast("cpu", torch.bfloat16):
        found = r1(lambda x, label: critic(x), clips)
    torch.testing.assert_close(found, wanted, atol=0, rtol=0)


def test_half_precision_clips_are_taken_up_to_float32():
    critic = Linear()
    assert r1(critic, draw(*CLIPS).bfloat16()).dtype == torch.float32
    assert critic.seen[-1][0].dtype == torch.float32


def test_a_compiled_critic_is_called_eagerly():
    class Compiled:
        _orig_mod = Linear()

        def __call__(self, clips, label):
            raise AssertionError("the compiled graph cannot be differentiated twice")

    assert r1(Compiled(), draw(*CLIPS)) > 0


def test_the_clips_and_their_makers_are_left_alone():
    fake = draw(*CLIPS).requires_grad_()
    r2(Quadratic(), fake).backward()
    assert fake.grad is None


def test_it_works_under_no_grad():
    with torch.no_grad():
        assert r1(Quadratic(), draw(*CLIPS)) > 0


# --- Lazily -----------------------------------------------------------------------------------------------------------


def test_a_lazy_penalty_has_the_mean_weight_of_an_eager_one():
    weights = [lazy_weight(step, 16) for step in range(64)]
    assert sum(weights) / 64 == 1
    assert [step for step, weight in enumerate(weights) if weight] == [0, 16, 32, 48]
    assert [lazy_weight(step, 1) for step in range(3)] == [1, 1, 1]


def test_adam_of_a_lazy_penalty_by_the_paper():
    """Karras et al. 2020, appendix B: with k = 16, c = 16 / 17."""
    rate, betas = lazy_adam(0.002, (0.0, 0.99), 16)
    assert rate == pytest.approx(0.00188235294)
    assert betas == (0.0, pytest.approx(0.99058, abs=1e-5))
