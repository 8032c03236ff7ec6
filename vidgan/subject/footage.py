"""What a generator learns from: known pictures of a subject, drawn as short sequences with what is to be repaired.

Legend: B sequences, R consecutive frames each (the rollout), K references, S pixels, J landmarks; positions count the
footage's frames; points in window units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.config import Config
from vidgan.subject.draft import Warped
from vidgan.subject.rig import Rig

Positions = NDArray[np.int64]


class ExampleConfig(Config):
    """How training sequences are drawn.

    References come at random from the nearest `near_share` by pose, at least `apart` frames away: the nearest ones are
    too easy, and the network meets harder ones when it renders.
    """

    near_share: float = 0.4
    apart: int = 15
    shift: float = 0.04
    scale: float = 0.10
    pose_noise: float = 0.002
    change: float = 0.3


@dataclass(frozen=True)
class Picture:
    """picture: (S, S, 3) uint8, the window with the subject over the plate; matte: (S, S) uint8."""

    picture: NDArray[np.uint8]
    matte: NDArray[np.uint8]


@dataclass(frozen=True)
class Sequences(ABC):
    """A batch of training sequences.

    picture: (B, R, 3, S, S) in [-1, 1]; matte: (B, R, 1, S, S) in [0, 1]; plate: (B, R, 3, S, S); points:
    (B, R, J, 2); heights: (B, R); visibility: (B, R, J); light: (B, 3), the factors by which the colours of all its
    pictures were changed.
    """

    picture: Tensor
    matte: Tensor
    plate: Tensor
    points: Tensor
    heights: Tensor
    visibility: Tensor
    light: Tensor

    @abstractmethod
    def warped(self) -> Warped:
        """The references at the driving poses, of all frames as one batch (B * R)."""

    def in_light(self, light: Tensor) -> Self:
        """The same in another light, (B, 3): the colours of all pictures times it."""
        each = light[:, None]
        picture, plate = relit(self.picture, each), relit(self.plate, each)
        return replace(self, picture=picture, plate=plate, light=self.light * light)

    @property
    def emphasis(self) -> Tensor:
        """How much each pixel counts in the losses, (B, R, 1, S, S)."""
        return 0.5 + 2.5 * self.matte


class Footage(ABC):
    """Known pictures of a subject.

    rig: what kind it is; size: S; references: K; frames: (N,) numbers of its frames, one more than the last where they
    follow each other; train, held: positions trained on and held out.
    """

    rig: Rig
    size: int
    references: int
    frames: Positions
    train: Positions
    held: Positions

    def starts(self, rollout: int) -> Positions:
        """Positions from which `rollout` consecutive frames may be trained on."""
        return runs_of(self.frames, self.train, rollout)

    def follows(self, positions: Positions) -> NDArray[np.bool_]:
        """Whether each position's frame comes right after the one before it."""
        return (positions > 0) & (self.frames[positions] - self.frames[np.maximum(positions - 1, 0)] == 1)

    @abstractmethod
    def draw(self, starts: Positions, rollout: int, rng: torch.Generator) -> Sequences:
        """Sequences beginning at the given positions, (B,); the draw depends on `rng` alone."""

    @abstractmethod
    def truth(self, positions: Positions) -> NDArray[np.uint8]:
        """What was filmed: (n, S, S, 4), the picture and its matte."""

    @abstractmethod
    def make(self, generator: nn.Module | None, held: Positions) -> Iterator[Picture]:
        """Consecutive frames made from those trained on, by a generator or, with None, as drafts."""

    def ways(self, generator: nn.Module | None, held: Positions) -> dict[str, Iterator[Picture]]:
        """Every way in which held-out frames are made, by name."""
        ways = {"draft": self.make(None, held)}
        return ways | ({"trained": self.make(generator, held)} if generator is not None else {})


def relit(pictures: Tensor, light: Tensor) -> Tensor:
    """Pictures (..., 3, S, S) in [-1, 1] with their colours, counted from black, times `light` (..., 3)."""
    return ((pictures + 1) * light[..., None, None] - 1).clamp(-1, 1)


def split(frames: Positions, held_out: float, gap: int) -> tuple[Positions, Positions]:
    """Positions for training and the held-out tail of the clip, `gap` frames apart (fewer in a short clip, so that at
    least half of what comes before the tail is trained on).
    """
    first = max(1, len(frames) - max(1, round(held_out * len(frames))))
    return np.arange(first - min(gap, first // 2)), np.arange(first, len(frames))


def runs_of(frames: Positions, among: Positions, length: int) -> Positions:
    """Positions in `among` from which `length` consecutive frames follow: (M,)."""
    allowed = np.zeros(len(frames) + length, bool)
    allowed[among] = True
    starts = []
    for position in among:
        end = position + length - 1
        if end < len(frames) and allowed[position : end + 1].all() and frames[end] - frames[position] == length - 1:
            starts.append(position)
    return np.array(starts, np.int64)


def jitter(
    pictures: Tensor, points: Tensor, heights: Tensor, config: ExampleConfig, rng: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    """Shift and scale every sequence's window a little, alike for all its frames: (B, R, C, S, S), (B, R, J, 2) and
    (B, R) → the same.
    """
    b, r = heights.shape
    zoom = 1 + config.scale * (2 * torch.rand((b, 1), generator=rng) - 1).to(heights.device)
    shift = config.shift * (2 * torch.rand((b, 1, 2), generator=rng) - 1).to(heights.device)
    theta = torch.zeros(b, r, 2, 3, device=heights.device)
    theta[..., 0, 0] = theta[..., 1, 1] = 1 / zoom
    theta[..., :, 2] = -2 * shift / zoom[..., None]
    flat = pictures.flatten(0, 1)
    grid = F.affine_grid(theta.flatten(0, 1), list(flat.shape), align_corners=False)
    moved = F.grid_sample(flat, grid, padding_mode="border", align_corners=False).unflatten(0, (b, r))
    # new = (old - centre) * zoom + centre + shift
    points = (points - 0.5) * zoom[..., None, None] + 0.5 + shift[:, :, None]
    return moved, points, heights * zoom
