"""Training sequences drawn from a subject's own footage.

Legend: B sequences, R consecutive frames each (the rollout), K references, S pixels, J landmarks; windows units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from vidgan.config import Config
from vidgan.subject.draft import Pose
from vidgan.subject.model import Subject
from vidgan.subject.references import pose_distances
from vidgan.subject.stored import as_pictures, with_matte

Array = NDArray[np.float32]


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
class Sequences:
    """A batch of training sequences.

    picture: (B, R, 3, S, S) in [-1, 1]; matte: (B, R, 1, S, S) in [0, 1]; plate: (B, R, 3, S, S); references:
    (B, R, K, 4, S, S); points, reference_points: (B, R, J, 2), (B, R, K, J, 2); heights and fade alike;
    visibility: (B, R, J).
    """

    picture: Tensor
    matte: Tensor
    plate: Tensor
    references: Tensor
    points: Tensor
    heights: Tensor
    reference_points: Tensor
    reference_heights: Tensor
    fade: Tensor
    visibility: Tensor

    def pose(self) -> Pose:
        """All frames of all sequences as one batch of poses, (B * R)."""
        return Pose(
            self.points.flatten(0, 1), self.heights.flatten(0, 1), self.reference_points.flatten(0, 1),
            self.reference_heights.flatten(0, 1), self.fade.flatten(0, 1),
        )  # fmt: skip


def split(frames: NDArray[np.int64], held_out: float, gap: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions for training and the held-out tail of the clip, `gap` frames apart (fewer in a short clip, so that at
    least half of what comes before the tail is trained on).
    """
    first = max(1, len(frames) - max(1, round(held_out * len(frames))))
    return np.arange(first - min(gap, first // 2)), np.arange(first, len(frames))


def runs_of(frames: NDArray[np.int64], among: NDArray[np.int64], length: int) -> NDArray[np.int64]:
    """Positions in `among` from which `length` consecutive frames follow: (M,)."""
    allowed = np.zeros(len(frames) + length, bool)
    allowed[among] = True
    starts = []
    for position in among:
        end = position + length - 1
        if end < len(frames) and allowed[position : end + 1].all() and frames[end] - frames[position] == length - 1:
            starts.append(position)
    return np.array(starts, np.int64)


class Examples:
    """Draws sequences; every draw depends on the given generator alone."""

    def __init__(
        self, subject: Subject, train: NDArray[np.int64], count: int, facing_weight: float, config: ExampleConfig,
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.subject, self.count, self.config, self.device = subject, count, config, device
        self.train = train
        vectors = subject.motion.descriptors(facing_weight)
        self.nearest = self._nearest(pose_distances(vectors, vectors[train]), train)
        self.motion = {
            name: torch.from_numpy(np.ascontiguousarray(getattr(subject.motion, name)))
            for name in ("points", "heights", "visibility")
        }

    def _nearest(self, distances: Array, train: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """For every frame the training frames to draw references from, nearest first."""
        frames = self.subject.frames
        apart = min(self.config.apart, max(1, len(train) // 8))
        lists = []
        for position, row in enumerate(distances):
            far = train[np.abs(frames[train] - frames[position]) >= apart]
            order = far[np.argsort(row[np.searchsorted(train, far)])]
            lists.append(order[: max(self.count, round(self.config.near_share * len(order)))])
        return lists

    def draw(self, starts: NDArray[np.int64], rollout: int, rng: torch.Generator, augment: bool = True) -> Sequences:
        """Sequences beginning at the given positions, (B,)."""
        picks = np.stack([self._references(int(start), rollout, rng) for start in starts])
        at = starts[:, None] + np.arange(rollout)
        shape = (len(starts), rollout)
        fade = torch.ones(*shape, self.count)
        if augment:
            low = torch.rand((len(starts), 1, self.count), generator=rng) < 0.25
            fade = torch.where(low, 0.2 + 0.8 * torch.rand(low.shape, generator=rng), fade)
        crops = as_pictures(self.subject.crops[at.ravel()]).unflatten(0, shape)
        plate = as_pictures(self.subject.plate_crops[at.ravel()]).unflatten(0, shape)
        references = with_matte(as_pictures(self.subject.small_references[picks.ravel()])).unflatten(0, picks.shape)
        points, heights = self.motion["points"][at], self.motion["heights"][at]
        if augment:
            crops, plate, points, heights = self._jitter(crops, plate, points, heights, rng)
            points = points + self.config.pose_noise * torch.randn(points.shape, generator=rng)
        sequences = Sequences(
            picture=crops[:, :, :3], matte=(crops[:, :, 3:] + 1) / 2, plate=plate,
            references=references,
            points=points, heights=heights,
            reference_points=self.motion["points"][picks], reference_heights=self.motion["heights"][picks],
            fade=fade, visibility=self.motion["visibility"][at],
        )  # fmt: skip
        return Sequences(**{name: value.to(self.device) for name, value in vars(sequences).items()})

    def _references(self, start: int, rollout: int, rng: torch.Generator) -> NDArray[np.int64]:
        """References of one sequence, (R, K), best first; sometimes one slot changes on the way, as when rendering."""
        near = self.nearest[start]
        pick = torch.randperm(len(near), generator=rng)[: self.count].sort().values.numpy()
        pick = np.resize(pick, self.count)
        picks = np.tile(near[pick], (rollout, 1))
        if rollout > 1 and float(torch.rand(1, generator=rng)) < self.config.change:
            slot = int(torch.randint(self.count, (1,), generator=rng))
            when = int(torch.randint(1, rollout, (1,), generator=rng))
            picks[when:, slot] = near[int(torch.randint(len(near), (1,), generator=rng))]
        return picks

    def _jitter(
        self, crops: Tensor, plate: Tensor, points: Tensor, heights: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Shift and scale every sequence's window a little, alike for all its frames."""
        b, r = heights.shape
        zoom = 1 + self.config.scale * (2 * torch.rand((b, 1), generator=rng) - 1)
        shift = self.config.shift * (2 * torch.rand((b, 1, 2), generator=rng) - 1)
        theta = torch.zeros(b, r, 2, 3)
        theta[..., 0, 0] = theta[..., 1, 1] = 1 / zoom
        theta[..., :, 2] = -2 * shift / zoom[..., None]
        both = torch.cat([crops, plate], 2).flatten(0, 1)
        grid = F.affine_grid(theta.flatten(0, 1), list(both.shape), align_corners=False)
        moved = F.grid_sample(both, grid, padding_mode="border", align_corners=False).unflatten(0, (b, r))
        # new = (old - centre) * zoom + centre + shift
        points = (points - 0.5) * zoom[..., None, None] + 0.5 + shift[:, :, None]
        return moved[:, :, :4], moved[:, :, 4:], points, heights * zoom
