"""A person's own footage as training sequences: references from other moments, warped to each frame's pose.

Legend: B sequences, R consecutive frames each (the rollout), K references, S pixels, J landmarks; windows units.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vidgan.subject.draft import Pose, Warped, flows, warp_references
from vidgan.subject.footage import ExampleConfig, Footage, Picture, Positions, Sequences, jitter, relit, split
from vidgan.subject.model import Subject
from vidgan.subject.reconstruct import Painter, nearest_pose_frames
from vidgan.subject.references import ReferenceConfig, differences
from vidgan.subject.rig import BODY
from vidgan.subject.stored import as_pictures, with_matte

Array = NDArray[np.float32]


@dataclass(frozen=True)
class BodySequences(Sequences):
    """references: (B, R, K, 4, S, S); reference_points: (B, R, K, J, 2); facing: (B, R); faces: (B, R, F);
    reference_heights and reference_facing: (B, R, K); reference_faces: (B, R, K, F).
    """

    references: Tensor
    reference_points: Tensor
    reference_heights: Tensor
    facing: Tensor
    faces: Tensor
    reference_facing: Tensor
    reference_faces: Tensor

    def pose(self) -> Pose:
        """All frames of all sequences as one batch of poses, (B * R)."""
        return Pose(
            self.points.flatten(0, 1), self.heights.flatten(0, 1), self.facing.flatten(0, 1), self.faces.flatten(0, 1),
            self.reference_points.flatten(0, 1), self.reference_heights.flatten(0, 1),
            self.reference_facing.flatten(0, 1), self.reference_faces.flatten(0, 1),
        )  # fmt: skip

    def warped(self) -> Warped:
        """See `Sequences.warped`."""
        pose, size = self.pose(), self.plate.shape[-1]
        references = self.references.flatten(0, 1)
        return warp_references(references, flows(pose, references, size), size)

    def in_light(self, light: Tensor) -> Self:
        """See `Sequences.in_light`."""
        colours, mattes = self.references.split([3, 1], 3)
        references = torch.cat([relit(colours, light[:, None, None]), mattes], 3)
        return replace(super().in_light(light), references=references)


class BodyFootage(Footage):
    """A subject's frames, but for the held-out share at their end."""

    rig = BODY

    def __init__(
        self, subject: Subject, held_out: float, references: ReferenceConfig, config: ExampleConfig,
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.subject, self.reference_config, self.config, self.device = subject, references, config, device
        self.size, self.references, self.frames = subject.crops.shape[1], references.count, subject.frames
        self.train, self.held = split(subject.frames, held_out, config.apart)
        poses = subject.motion.compared(references.facing_weight)
        known = subject.motion[self.train].compared(references.facing_weight)
        self.nearest = self._nearest(differences(poses, known, references.head_weight)[1])
        self.motion = {
            name: torch.from_numpy(np.ascontiguousarray(getattr(subject.motion, name))).to(device)
            for name in ("points", "heights", "facing", "faces", "visibility")
        }

    def _nearest(self, distances: Array) -> list[Positions]:
        """For every frame the training frames to draw references from, nearest first."""
        apart = min(self.config.apart, max(1, len(self.train) // 8))
        lists = []
        for position, row in enumerate(distances):
            far = self.train[np.abs(self.frames[self.train] - self.frames[position]) >= apart]
            order = far[np.argsort(row[np.searchsorted(self.train, far)])]
            lists.append(order[: max(self.references, round(self.config.near_share * len(order)))])
        return lists

    def draw(self, starts: Positions, rollout: int, rng: torch.Generator, augment: bool = True) -> BodySequences:
        """See `Footage.draw`."""
        picks = np.stack([self._references(int(start), rollout, rng) for start in starts])
        at = starts[:, None] + np.arange(rollout)
        shape, device = (len(starts), rollout), self.device
        crops = as_pictures(self.subject.crops[at.ravel()], device).unflatten(0, shape)
        plate = as_pictures(self.subject.plate_crops[at.ravel()], device).unflatten(0, shape)
        references = as_pictures(self.subject.small_references[picks.ravel()], device).unflatten(0, picks.shape)
        points, heights, visibility = (self.motion[name][at] for name in ("points", "heights", "visibility"))
        if augment:
            both, points, heights = jitter(torch.cat([crops, plate], 2), points, heights, self.config, rng)
            crops, plate = both[:, :, :4], both[:, :, 4:]
            points = points + self.config.pose_noise * torch.randn(points.shape, generator=rng).to(device)
        return BodySequences(
            picture=crops[:, :, :3], matte=(crops[:, :, 3:] + 1) / 2, plate=plate,
            references=with_matte(references), points=points, heights=heights, visibility=visibility,
            reference_points=self.motion["points"][picks], reference_heights=self.motion["heights"][picks],
            facing=self.motion["facing"][at], reference_facing=self.motion["facing"][picks],
            faces=self.motion["faces"][at], reference_faces=self.motion["faces"][picks],
            light=torch.ones(len(starts), 3, device=device),
        )  # fmt: skip

    def _references(self, start: int, rollout: int, rng: torch.Generator) -> Positions:
        """References of one sequence, (R, K), best first; sometimes one slot changes on the way, as when rendering."""
        near = self.nearest[start]
        pick = torch.randperm(len(near), generator=rng)[: self.references].sort().values.numpy()
        pick = np.resize(pick, self.references)
        picks = np.tile(near[pick], (rollout, 1))
        if rollout > 1 and float(torch.rand(1, generator=rng)) < self.config.change:
            slot = int(torch.randint(self.references, (1,), generator=rng))
            when = int(torch.randint(1, rollout, (1,), generator=rng))
            picks[when:, slot] = near[int(torch.randint(len(near), (1,), generator=rng))]
        return picks

    def truth(self, positions: Positions) -> NDArray[np.uint8]:
        """See `Footage.truth`."""
        return self.subject.crops[positions]

    def make(self, generator: nn.Module | None, held: Positions) -> Iterator[Picture]:
        """See `Footage.make`."""
        painter = Painter(self.subject, generator, self.reference_config, self.device)
        return painter.reconstruct(self.train, held)

    def ways(self, generator: nn.Module | None, held: Positions) -> dict[str, Iterator[Picture]]:
        """See `Footage.ways`; first the training frame with the nearest pose, as it is."""
        weight = self.reference_config.facing_weight
        return {"nearest pose": nearest_pose_frames(self.subject, self.train, held, weight)} | super().ways(
            generator, held
        )
