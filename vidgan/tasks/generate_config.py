"""The settings of the generate task."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from vidgan.clips.config import ClipConfig
from vidgan.config import Config, runtime
from vidgan.nets.critics import CriticConfig
from vidgan.nets.video import GeneratorConfig
from vidgan.train.augment import AugmentConfig
from vidgan.train.loop import LoopConfig
from vidgan.video.limits import MediaLimits

Objective = Literal["minimax", "non-saturating", "least-squares", "hinge", "wgan", "relativistic"]


class RegulariserConfig(Config):
    """Penalties on the critic's gradient; a weight of 0 turns one off (see `vidgan.losses.regularisers`).

    `r1` and `r2` are the gammas, taken every `interval` critic steps and weighted up by it; `gradient_penalty` is the
    weight of WGAN-GP's (10 in the paper), taken at every step.
    """

    r1: float = Field(default=0.0, ge=0)
    r2: float = Field(default=0.0, ge=0)
    interval: int = Field(default=1, ge=1)
    gradient_penalty: float = Field(default=0.0, ge=0)


class ClippingConfig(Config):
    """Clipping of the critic's weights (to +-`bound`) or singular values (to 1), every `interval` critic steps."""

    kind: Literal["none", "weights", "singular-values"] = "none"
    interval: int = Field(default=5, ge=1)
    bound: float = Field(default=0.01, gt=0)


class OptimiserConfig(Config):
    """Adam with its betas, or RMSprop with decay 0.99; a learning rate for each network."""

    kind: Literal["adam", "rmsprop"] = "adam"
    generator_rate: float = Field(default=2e-4, gt=0)
    critic_rate: float = Field(default=2e-4, gt=0)
    betas: tuple[float, float] = (0.0, 0.99)
    eps: float = Field(default=1e-8, gt=0)


class EmaConfig(Config):
    """The averaged generator that is evaluated and kept: half-life and ramp in clips (`vidgan.train.ema`).

    A half-life of 0 keeps the newest weights.
    """

    half_life: float = Field(default=10_000, ge=0)
    ramp: float = Field(default=0.05, gt=0)


class GenerateConfig(LoopConfig):
    """Settings of `vidgan train`.

    The picture size and the number of frames are both the clips' and the generator's: give them once, in either
    section. `batch` clips make a step, on all processes together; each process goes through its share in `accumulate`
    parts, for batches that do not fit the memory. With `shared_latent` one latent gives both theme and motion, as in
    TGAN (Saito et al. 2017, section 3); otherwise the motion seed is drawn for itself, and theme and motion can be
    exchanged between sequences. `mismatch` weighs a second task of the critic, to tell real clips of their class from
    the same clips of another (GAN-CLS, Reed et al. 2016, "Generative Adversarial Text to Image Synthesis", section 4.1;
    apart from the first, not averaged with it): without it a critic that sees few clips hears little of the classes.
    `label_smoothing` lowers the target of real clips by itself;
    `instance_noise` is the standard deviation of the noise on what the critic sees, falling to 0 at the share
    `instance_noise_until` of the run.
    """

    clips: ClipConfig = ClipConfig()
    generator: GeneratorConfig = GeneratorConfig()
    critic: CriticConfig = CriticConfig()
    shared_latent: bool = False
    objective: Objective = "non-saturating"
    regularisers: RegulariserConfig = RegulariserConfig()
    clipping: ClippingConfig = ClippingConfig()
    optimiser: OptimiserConfig = OptimiserConfig()
    augment: AugmentConfig = AugmentConfig()
    ema: EmaConfig = EmaConfig()
    conditional: bool = True
    batch: int = Field(default=16, ge=2)
    accumulate: int = Field(default=1, ge=1)
    critic_steps: int = Field(default=1, ge=1)
    mismatch: float = Field(default=0.0, ge=0)
    label_smoothing: float = Field(default=0.0, ge=0, lt=1)
    instance_noise: float = Field(default=0.0, ge=0)
    instance_noise_until: float = Field(default=0.5, gt=0, le=1)
    precision: Literal["bf16-mixed", "32-true", "auto"] = "auto"
    evaluations: int = Field(default=10, ge=1)
    evaluated: int = Field(default=64, ge=2, description="Clips that an evaluation compares, at most.")
    compile: Literal["auto", "never"] = runtime("auto")
    media: MediaLimits = runtime(MediaLimits())

    @model_validator(mode="before")
    @classmethod
    def _size_and_frames_once(cls, values: Any) -> Any:
        """What only one of the two sections says holds for the other."""
        if not isinstance(values, Mapping):
            return values
        filled = dict(values)
        sections = {name: filled.get(name, {}) for name in ("clips", "generator")}
        if not all(isinstance(section, Mapping) for section in sections.values()):
            return values
        for name, other in (("clips", "generator"), ("generator", "clips")):
            shared = {key: sections[other][key] for key in ("size", "frames") if key in sections[other]}
            filled[name] = {**shared, **sections[name]}
        return filled

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for key in ("size", "frames"):
            ours, theirs = getattr(self.clips, key), getattr(self.generator, key)
            if ours != theirs:
                raise ValueError(f"clips.{key} is {ours} and generator.{key} {theirs}: give it once")
        return self
