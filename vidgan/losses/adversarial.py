"""Adversarial losses as plain functions of logits; vidgan/losses/objectives.py pairs them under names.

Logits are of any shape, usually (B, P): B clips with P judgements each. Every loss is a scalar, a mean over all of
them. `real` is D(x), `fake` D(G(z)), before any sigmoid; sigma is the sigmoid, so -log sigma(x) = softplus(-x).
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

# --- Probabilities: targets that can be smoothed --------------------------------------------------------------------


def logistic_discriminator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """-E[log sigma(D(x))] - E[log(1 - sigma(D(G(z))))] (Goodfellow et al. 2014, eq. 1).

    With one-sided label `smoothing` the target of the real logits is 1 - smoothing instead of 1 (Salimans et al. 2016,
    section 3.4); the target of the fake ones stays 0.
    """
    wanted = (1 - smoothing) * F.softplus(-real) + smoothing * F.softplus(real)
    return wanted.mean() + F.softplus(fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """E[log(1 - sigma(D(G(z))))] (Goodfellow et al. 2014, eq. 1): almost no gradient where D is sure."""
    return -F.softplus(fake).mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """-E[log sigma(D(G(z)))] (Goodfellow et al. 2014, section 3)."""
    return F.softplus(-fake).mean()


def least_squares_discriminator(real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
    """E[(D(x) - 1)^2] / 2 + E[D(G(z))^2] / 2 (Mao et al. 2017, eq. 9); with `smoothing` the 1 is 1 - smoothing."""
    return (real - (1 - smoothing)).square().mean() / 2 + fake.square().mean() / 2


def least_squares_generator(fake: Tensor) -> Tensor:
    """E[(D(G(z)) - 1)^2] / 2 (Mao et al. 2017, eq. 9)."""
    return (fake - 1).square().mean() / 2


# --- Margins and distances: no target to smooth ---------------------------------------------------------------------


def hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[max(0, 1 - D(x))] + E[max(0, 1 + D(G(z)))] (Lim and Ye 2017, "Geometric GAN", section 3), a scalar."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def hinge_generator(fake: Tensor) -> Tensor:
    """-E[D(G(z))], a scalar; of the Wasserstein loss as well (Arjovsky et al. 2017, algorithm 1)."""
    return -fake.mean()


def wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """E[D(G(z))] - E[D(x)] (Arjovsky et al. 2017, eq. 2, negated), for a critic kept Lipschitz by other means."""
    return fake.mean() - real.mean()


def relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    """-E[log sigma(D(x) - D(G(z)))] over pairs (Jolicoeur-Martineau 2018; R3GAN, Huang et al. 2024, section 2).

    R3GAN writes D with the other sign. `real` and `fake` have the same shape, their entries are the pairs.
    """
    return F.softplus(fake - real).mean()


def relativistic_generator(fake: Tensor, real: Tensor) -> Tensor:
    """-E[log sigma(D(G(z)) - D(x))] over pairs; see `relativistic_discriminator`."""
    return F.softplus(real - fake).mean()


# --- Features -------------------------------------------------------------------------------------------------------


def feature_matching(fake: list[Tensor], real: list[Tensor]) -> Tensor:
    """Mean L1 distance of discriminator features, averaged over layers (Wang et al. 2018, pix2pixHD, eq. 4)."""
    distances = [F.l1_loss(f, r.detach()) for f, r in zip(fake, real, strict=True)]
    return sum(distances[1:], distances[0]) / len(distances)
