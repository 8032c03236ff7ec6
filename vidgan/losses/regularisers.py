"""Penalties on the critic's gradient with respect to the clips it judges.

They call the critic themselves, in float32 whatever the autocast around them, and eagerly: a compiled graph cannot be
differentiated twice, and bfloat16 gradients of gradients are mostly rounding. Give the bare module, not Fabric's
wrapper (which would switch autocast on again). A penalty is only about single clips when one clip's logit does not
depend on the others': batch norm in the critic breaks that (Gulrajani et al. 2017, section 4).

Legend: B clips, T frames, S pixels of a side, P judgements of a clip. D(x) below is the mean of a clip's logits.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Critic = Callable[[Tensor, Tensor | None], Tensor]
"""Clips (B, 3, T, S, S) and their labels (B,) or None → logits (B, P)."""


def r1(critic: Critic, real: Tensor, label: Tensor | None = None, gamma: float = 1.0) -> Tensor:
    """gamma / 2 E[|grad D(x)|^2] at real clips (Mescheder et al. 2018, eq. 9), a scalar.

    The squares are summed over all values of a clip, so the right gamma grows with them. A place to start is that of
    Karras et al. 2020 (ADA, appendix C): 0.0002 N / B with N = T S S, 0.4 for 16 frames of 64x64 at batch 32.
    """
    return gamma / 2 * gradient_norms(critic, real, label).square().mean()


def r2(critic: Critic, fake: Tensor, label: Tensor | None = None, gamma: float = 1.0) -> Tensor:
    """gamma / 2 E[|grad D(G(z))|^2] at fake clips (Mescheder et al. 2018, eq. 10), a scalar."""
    return r1(critic, fake, label, gamma)


def gradient_penalty(
    critic: Critic,
    real: Tensor,
    fake: Tensor,
    label: Tensor | None = None,
    generator: torch.Generator | None = None,
    weight: float = 10.0,
    rank: int = 0,
    world: int = 1,
) -> Tensor:
    """weight E[(|grad D(y)| - 1)^2] at points y between pairs of clips (Gulrajani et al. 2017, eq. 3), a scalar.

    y = u x + (1 - u) G(z) with one u ~ U[0, 1] a clip, drawn from `generator` (CPU) for the batches of all `world`
    processes, of which `rank` uses its own, so that many processes penalise what one would. A pair has one label.
    """
    count = len(real)
    share = torch.rand(world * count, generator=generator)[rank * count : (rank + 1) * count]
    share = share.to(real.device).reshape(-1, *(1 for _ in real.shape[1:]))
    between = share * real.detach() + (1 - share) * fake.detach()
    return weight * (gradient_norms(critic, between, label) - 1).square().mean()


def gradient_norms(critic: Critic, clips: Tensor, label: Tensor | None = None) -> Tensor:
    """|grad D| of each clip, (B,), float32 (or float64), itself differentiable in the critic's weights."""
    critic = getattr(critic, "_orig_mod", critic)  # what torch.compile wrapped
    points = clips.detach().to(torch.promote_types(clips.dtype, torch.float32)).requires_grad_()
    with torch.enable_grad(), torch.autocast(points.device.type, enabled=False):
        logits = critic(points, label)
        (gradient,) = torch.autograd.grad(logits.flatten(1).mean(1).sum(), points, create_graph=True)
    return torch.linalg.vector_norm(gradient.flatten(1), dim=1)


# --- Lazily -----------------------------------------------------------------------------------------------------------


def lazy_weight(step: int, interval: int) -> float:
    """What to multiply a penalty by at a step (from 0) when it is taken every `interval` steps: the interval, or 0.

    Karras et al. 2020 (StyleGAN2, section 3.1, "lazy regularization"): its mean over the steps stays what it was.
    """
    return float(interval) if step % interval == 0 else 0.0


def lazy_adam(rate: float, betas: tuple[float, float], interval: int) -> tuple[float, tuple[float, float]]:
    """Adam's learning rate and betas when a lazy penalty is a step of its own: c rate, beta^c, c = k / (k + 1).

    Karras et al. 2020 (StyleGAN2, appendix B), for the extra step every k = `interval` steps. A penalty that is added
    to the loss of its step, not stepped apart, needs no such change.
    """
    share = interval / (interval + 1)
    return rate * share, (betas[0] ** share, betas[1] ** share)
