"""Adversarial objectives on patch logits."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Lim and Ye 2017, "Geometric GAN", section 3), a scalar."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """-E[D(G(z))], a scalar."""
    return -fake.mean()


def feature_matching(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean L1 distance of discriminator features, averaged over layers (Wang et al. 2018, pix2pixHD, eq. 4)."""
    distances = [F.l1_loss(f, r.detach()) for f, r in zip(fake, real, strict=True)]
    return sum(distances[1:], distances[0]) / len(distances)
