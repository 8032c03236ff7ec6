"""Differentiable augmentation of what the critic sees, so that it cannot learn a small data set by heart.

Every transform is drawn once for a clip and is the same in all its frames: drawn for each frame it would look like
motion, which the critic is there to judge. Real and fake clips both go through it, and gradients pass back to the
generator (Zhao et al. 2020, "Differentiable Augmentation for Data-Efficient GAN Training"). Each is applied with a
probability, the *strength*, that may follow how far the critic overfits (Karras et al. 2020, "Training Generative
Adversarial Networks with Limited Data", section 3).

Legend: B clips of this process, T frames, S pixels of a side. Clips are (B, 3, T, S, S) in [-1, 1].
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from vidgan.config import Config

GATES, COLOURS, PLACES = 3, 3, 4  # uniform draws of a clip: which transforms, how much colour, where


class AugmentConfig(Config):
    """How clips are augmented. A transform whose size is 0 is off; the sizes are Zhao et al.'s.

    Attributes:
        strength: the probability of each transform, for each clip; where it starts when `adaptive`.
        colour: 1 for brightness +-0.5, saturation 0 to 2, contrast 0.5 to 1.5; scaled linearly.
        translation: the farthest shift, as a share of S; what comes in is grey (0).
        cutout: the side of the square that is cut out, as a share of S; it becomes grey (0).
        adaptive: let the strength follow the critic; see `AdaptiveStrength` for the rest.
        maximum: of an adaptive strength. Above 0.8 augmentations leak into what is generated (section 2.2).
        target: of E[sign(D(x))] (section 3.1).
        interval: steps between adjustments (section 3.1).
        ramp: clips of training in which the strength can rise from 0 to 1. The paper's 500 000 images are more than
            a whole run on tens of clips, hence a shorter one.
    """

    strength: float = Field(default=0.0, ge=0, le=1)
    colour: float = Field(default=1.0, ge=0, le=1)
    translation: float = Field(default=0.125, ge=0, le=1)
    cutout: float = Field(default=0.5, ge=0, le=1)
    adaptive: bool = False
    maximum: float = Field(default=0.8, gt=0, le=1)
    target: float = Field(default=0.6, gt=-1, lt=1)
    interval: int = Field(default=4, ge=1)
    ramp: int = Field(default=20_000, ge=1)


@dataclass(frozen=True)
class Transforms:
    """What is done to each of B clips; on the CPU.

    Attributes:
        coloured: (B,) bool, whether the colours change.
        brightness: (B,) added to every value; `saturation` and `contrast` (B,) multiply.
        shift: (B, 2) pixels down and right.
        hole: (B, 4) top, bottom, left, right of the square cut out (ends excluded); empty for none.
    """

    coloured: Tensor
    brightness: Tensor
    saturation: Tensor
    contrast: Tensor
    shift: Tensor
    hole: Tensor


def augment(
    clips: Tensor,
    strength: float,
    config: AugmentConfig,
    generator: torch.Generator,
    rank: int = 0,
    world: int = 1,
) -> Tensor:
    """Clips (B, 3, T, S, S) after their own random transforms; the very same tensor at strength 0.

    `generator` (CPU) draws for the batches of all `world` processes, of which `rank` applies its own, so that many
    processes do what one would. The number of draws does not depend on the strength.
    """
    if strength <= 0:
        return clips
    draws = torch.rand(world * len(clips), GATES + COLOURS + PLACES, generator=generator)
    own = draws[rank * len(clips) : (rank + 1) * len(clips)]
    return apply_transforms(clips, transforms(own, strength, config, clips.shape[-1]))


def transforms(draws: Tensor, strength: float, config: AugmentConfig, size: int) -> Transforms:
    """The transforms that uniform draws (B, 10) in [0, 1) stand for, on frames of `size` pixels."""
    gates, colours, places = draws.split((GATES, COLOURS, PLACES), 1)
    coloured, shifted, cut = (gates < strength).unbind(1)
    spread = config.colour * (2 * colours - 1)
    reach = round(config.translation * size)
    shift = (places[:, :2] * (2 * reach + 1)).long() - reach
    side = round(config.cutout * size)
    first = (places[:, 2:] * (size + 1)).long() - side // 2  # centred on any pixel edge, so it may hang over
    hole = torch.stack([first, first + side], 2).clamp(0, size).flatten(1)
    return Transforms(
        coloured=coloured if config.colour else torch.zeros_like(coloured),
        brightness=spread[:, 0] / 2,
        saturation=1 + spread[:, 1],
        contrast=1 + spread[:, 2] / 2,
        shift=shift * shifted[:, None],
        hole=hole * cut[:, None],
    )


def apply_transforms(clips: Tensor, changes: Transforms) -> Tensor:
    """Colour, then translation, then cutout; differentiable, also twice. (B, 3, T, S, S) → the same."""
    return _cut(_shift(_colour(clips, changes), changes), changes)


def _colour(clips: Tensor, changes: Transforms) -> Tensor:
    """Values may leave [-1, 1], as in Zhao et al.; contrast is about the mean of the whole clip, not of each frame."""
    if not changes.coloured.any():
        return clips
    coloured, brightness, saturation, contrast = (
        value.to(clips.device)[:, None, None, None, None]
        for value in (changes.coloured, changes.brightness, changes.saturation, changes.contrast)
    )
    changed = clips + brightness
    grey = changed.mean(1, keepdim=True)
    changed = grey + saturation * (changed - grey)
    level = changed.mean((1, 2, 3, 4), keepdim=True)
    changed = level + contrast * (changed - level)
    return torch.where(coloured, changed.to(clips.dtype), clips)


def _shift(clips: Tensor, changes: Transforms) -> Tensor:
    """Padding by a negative number crops, so one call moves a clip."""
    if not changes.shift.any():
        return clips
    moved = [
        F.pad(clip, (right, -right, down, -down))
        for clip, (down, right) in zip(clips, changes.shift.tolist(), strict=True)
    ]
    return torch.stack(moved)


def _cut(clips: Tensor, changes: Transforms) -> Tensor:
    if not changes.hole.any():
        return clips
    place = torch.arange(clips.shape[-1])
    top, bottom, left, right = changes.hole[:, :, None].unbind(1)
    rows = (place >= top) & (place < bottom)
    columns = (place >= left) & (place < right)
    kept = ~(rows[:, :, None] & columns[:, None, :])
    return clips * kept[:, None, None].to(clips.device, clips.dtype)


class AdaptiveStrength:
    """Raises the strength while the critic is surer of training clips than `target`, and lowers it otherwise.

    Karras et al. 2020, section 3.1: every `interval` steps the mean r_t = E[sign(D(x))] since the last adjustment is
    compared with the target, and the strength moves by a fixed amount, (clips seen since) / `ramp`. The upper limit
    `maximum` is ours. Without `adaptive` the strength stays where it is.
    """

    def __init__(self, config: AugmentConfig) -> None:
        self.config = config
        self.strength = min(config.strength, config.maximum) if config.adaptive else config.strength
        self._certainty, self._steps, self._clips = 0.0, 0, 0

    def observe(self, certainty: float, clips: int) -> None:
        """Take in one step: `Objective.certainty` on (augmented) real clips, and how many there were.

        Where several processes train, both must be those of all: the mean certainty, the sum of clips.
        """
        if not self.config.adaptive:
            return
        self._certainty += certainty
        self._steps += 1
        self._clips += clips
        if self._steps < self.config.interval:
            return
        surplus = self._certainty / self._steps - self.config.target
        change = self._clips / self.config.ramp * ((surplus > 0) - (surplus < 0))
        self.strength = min(max(self.strength + change, 0.0), self.config.maximum)
        self._certainty, self._steps, self._clips = 0.0, 0, 0

    def state(self) -> dict[str, float]:
        """Everything that decides the strengths to come; plain numbers."""
        return {
            "strength": self.strength, "certainty": self._certainty, "steps": self._steps, "clips": self._clips,
        }  # fmt: skip

    def load_state(self, state: dict[str, float]) -> None:
        """Go back to a `state`."""
        self.strength, self._certainty = state["strength"], state["certainty"]
        self._steps, self._clips = int(state["steps"]), int(state["clips"])


# --- Instance noise ---------------------------------------------------------------------------------------------------


def noise_strength(fraction: float, start: float, until: float = 1.0) -> float:
    """The standard deviation of instance noise: from `start` linearly down to 0 at the share `until` of the run.

    Soenderby et al. 2017, "Amortised MAP Inference for Image Super-resolution", section 4.2, anneals it so.
    """
    return start * max(0.0, 1 - fraction / until)


def instance_noise(clips: Tensor, strength: float, generator: torch.Generator, rank: int = 0, world: int = 1) -> Tensor:
    """Clips plus independent Gaussian noise of standard deviation `strength`, for real and fake alike.

    Both distributions then overlap, and no critic can part them for sure (Arjovsky and Bottou 2017, section 3). The
    CPU `generator` draws a seed for each clip of all `world` processes; the noise is made where the clips are.
    The very same tensor comes back at strength 0.
    """
    if strength <= 0:
        return clips
    count = len(clips)
    seeds = torch.randint(2**62, (world * count,), generator=generator)[rank * count : (rank + 1) * count]
    noise = [
        torch.randn(clip.shape, generator=torch.Generator(clips.device).manual_seed(seed), device=clips.device)
        for clip, seed in zip(clips, seeds.tolist(), strict=True)
    ]
    return clips + strength * torch.stack(noise).to(clips.dtype)
