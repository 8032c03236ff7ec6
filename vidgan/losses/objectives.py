"""The objectives of a GAN by name: what the critic minimises, what the generator minimises.

    minimax           Goodfellow et al. 2014                  logits of probabilities
    non-saturating    Goodfellow et al. 2014, section 3       logits of probabilities
    least-squares     Mao et al. 2017                         real 1, fake 0
    hinge             Lim and Ye 2017                         real above 1, fake below -1
    wgan              Arjovsky et al. 2017                    any numbers; the critic must be kept Lipschitz by
                      `clip_weights_` (0.01), `gradient_penalty` (10) or `clip_singular_values_` (TGAN)
    relativistic      R3GAN, Huang et al. 2024, with R1, R2   any numbers, compared in pairs

Logits are (B, P): B clips, P judgements each, real and fake alike. bfloat16 logits are taken up to float32 first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from vidgan.errors import ConfigError
from vidgan.losses import adversarial as loss


@dataclass(frozen=True)
class Objective:
    """A pair of losses. Use `critic` and `generator`; the other fields say what the pair is like.

    Attributes:
        needs_real_in_generator: the generator's loss compares fakes with real clips.
        smooths: one-sided label smoothing means something.
        boundary: the logit between real and fake; None when only differences of logits mean anything.
    """

    name: str
    critic_loss: Callable[..., Tensor]
    generator_loss: Callable[..., Tensor]
    needs_real_in_generator: bool = False
    smooths: bool = False
    boundary: float | None = 0.0

    def critic(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        """What the critic minimises, a scalar, from logits of real and (detached) fake clips, both (B, P).

        Raises ConfigError when `smoothing` is asked of an objective without targets.
        """
        self.check(smoothing)
        real, fake = _full(real), _full(fake)
        _same_shape(real, fake)
        return self.critic_loss(real, fake, smoothing) if self.smooths else self.critic_loss(real, fake)

    def generator(self, fake: Tensor, real: Tensor | None = None) -> Tensor:
        """What the generator minimises, a scalar; `real` is used only with `needs_real_in_generator`."""
        fake = _full(fake)
        if not self.needs_real_in_generator:
            return self.generator_loss(fake)
        if real is None:
            raise ValueError(f"the {self.name} objective compares fakes with real clips: give the real logits too")
        real = _full(real).detach()
        _same_shape(real, fake)
        return self.generator_loss(fake, real)

    @torch.no_grad()
    def certainty(self, real: Tensor, fake: Tensor) -> float:
        """How surely the critic tells training clips from fakes, from 0 (not at all) to 1 (always), or below.

        E[sign(D(x))], the r_t of Karras et al. 2020 (ADA, eq. 1), about the objective's own boundary. Where only
        differences count, it is E[sign(D(x) - D(G(z)))] over pairs: a deviation, as the sign alone would mean nothing.
        """
        threshold = fake if self.boundary is None else self.boundary
        return float((real - threshold).sign().float().mean())

    def check(self, smoothing: float) -> None:
        """Raise ConfigError when this label smoothing cannot be had."""
        if not 0 <= smoothing < 1:
            raise ConfigError(f"label smoothing should be at least 0 and below 1, not {smoothing}")
        if smoothing and not self.smooths:
            able = ", ".join(name for name, one in OBJECTIVES.items() if one.smooths)
            raise ConfigError(f"the {self.name} objective has no labels to smooth: set smoothing to 0, or take {able}")


def find_objective(name: str) -> Objective:
    """The objective of a name. Raises ConfigError that lists the names."""
    if name not in OBJECTIVES:
        raise ConfigError(f"objective {name!r} is unknown: choose one of {', '.join(OBJECTIVES)}")
    return OBJECTIVES[name]


def _full(logits: Tensor) -> Tensor:
    """Half precision taken up to float32: means of large logits lose too much otherwise."""
    return logits.float() if logits.dtype in (torch.bfloat16, torch.float16) else logits


def _same_shape(real: Tensor, fake: Tensor) -> None:
    if real.shape != fake.shape:
        raise ValueError(f"real logits {tuple(real.shape)} and fake logits {tuple(fake.shape)} should pair up")


OBJECTIVES: dict[str, Objective] = {
    objective.name: objective
    for objective in (
        Objective("minimax", loss.logistic_discriminator, loss.minimax_generator, smooths=True),
        Objective("non-saturating", loss.logistic_discriminator, loss.non_saturating_generator, smooths=True),
        Objective(
            "least-squares", loss.least_squares_discriminator, loss.least_squares_generator, smooths=True, boundary=0.5
        ),
        Objective("hinge", loss.hinge_discriminator, loss.hinge_generator),
        Objective("wgan", loss.wasserstein_discriminator, loss.hinge_generator, boundary=None),
        Objective(
            "relativistic", loss.relativistic_discriminator, loss.relativistic_generator,
            needs_real_in_generator=True, boundary=None,
        ),
    )
}  # fmt: skip
