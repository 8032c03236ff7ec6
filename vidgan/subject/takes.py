"""Drafts of faces beside what was filmed: from them a generator learns to mend drafts.

A take is a shot drafted in one way, for example from another frame of the same face; the same frames can be in several
takes.

Legend: N drafts of M filmed pictures, S pixels, J = 478 landmarks in window units; B, R as in `vidgan.subject.footage`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from vidgan.face.regions import LANDMARKS, LEFT_EYE, LIPS_OUTER, RIGHT_EYE
from vidgan.subject.draft import Warped
from vidgan.subject.footage import ExampleConfig, Footage, Picture, Positions, Sequences, jitter, relit
from vidgan.subject.mend import Mender, shown_draft
from vidgan.subject.paint import Previous
from vidgan.subject.rig import FACE
from vidgan.subject.stored import as_pictures, new_pictures
from vidgan.subject.warp import grid_points

TAKES, DRAFTS, FILMED = "takes.npz", "drafts.npy", "filmed.npy"

KEPT, EVERY = "kept.npz", 24
"""The index of an unfinished run, and after how many steps it is written."""

_INDEX = ("of", "frames", "train", "held", "points", "heights")

Use = Literal["train", "held", "apart"]
"""What a draft is for: training, judging, or nothing, as it lies between the two."""

APART = 1_000_000
"""Between the frame numbers of two takes, so that no sequence runs from one into the other."""

FEATURES = ((LIPS_OUTER, 6.0), (LEFT_EYE, 4.0), (RIGHT_EYE, 4.0))
"""What counts more in the losses, and by how much."""

FEATURE_SIZE = 0.14
"""Of the eyes and the mouth, in face heights."""

LIGHT = 0.15
"""By how much brightness and tint of a sequence are changed at most: warps are to be learnt, and not a face."""


@dataclass(frozen=True)
class Takes:
    """drafts: (N, S, S, 3) uint8; filmed: (M, S, S, 4) uint8, the picture and the matte of what may be repaired; of:
    (N,) the picture that each draft is of; frames: (N,) one more than the last where a draft follows the one before it;
    train, held: (N,) bool, what is trained on and what a training is judged by; points: (M, J, 2) float32; heights:
    (M,) float32.
    """

    drafts: NDArray[np.uint8]
    filmed: NDArray[np.uint8]
    of: NDArray[np.int64]
    frames: NDArray[np.int64]
    train: NDArray[np.bool_]
    held: NDArray[np.bool_]
    points: NDArray[np.float32]
    heights: NDArray[np.float32]

    @classmethod
    def load(cls, folder: Path) -> Takes:
        """Open what `TakesWriter` wrote; the pictures stay on disk until they are used."""
        pictures = (np.load(folder / name, mmap_mode="r", allow_pickle=False) for name in (DRAFTS, FILMED))
        with np.load(folder / TAKES, allow_pickle=False) as data:
            return cls(*pictures, **{name: data[name] for name in data.files})


class TakesWriter:
    """Writes takes into a folder: `drafts` of `filmed` pictures of `size` pixels.

    done: how many steps of the writing an earlier run that was killed had behind it, as it said by `keep`.
    """

    def __init__(self, folder: Path, drafts: int, filmed: int, size: int) -> None:
        self.folder, self.size, self.done = folder, size, 0
        self.of, self.frames = np.zeros(drafts, np.int64), np.zeros(drafts, np.int64)
        self.train, self.held = np.zeros(drafts, bool), np.zeros(drafts, bool)
        self.points, self.heights = np.zeros((filmed, LANDMARKS, 2), np.float32), np.zeros(filmed, np.float32)
        kept = folder / KEPT
        if kept.exists():
            with np.load(kept, allow_pickle=False) as data:
                self.done = int(data["done"])
                vars(self).update({name: data[name] for name in _INDEX})
            self.drafts, self.filmed = (
                np.load(folder / name, mmap_mode="r+", allow_pickle=False) for name in (DRAFTS, FILMED)
            )
            return
        self.drafts, self.filmed = (
            new_pictures(folder / name, (count, size, size, channels))
            for name, count, channels in ((DRAFTS, drafts, 3), (FILMED, filmed, 4))
        )

    def film(
        self, number: int, picture: NDArray[np.uint8], matte: NDArray[np.uint8], points: NDArray, height: float
    ) -> None:
        """Write a filmed picture (S, S, 3) and its matte (S, S), face and height in window units."""
        self.filmed[number] = np.dstack([picture, matte])
        self.points[number], self.heights[number] = points[:, :2], height

    def draft(self, row: int, picture: NDArray[np.uint8], of: int, take: int, frame: int, use: Use) -> None:
        """Write a draft (S, S, 3) of a filmed picture: the `frame`-th of a take. Rows of a take follow each other."""
        self.drafts[row] = picture
        self.of[row], self.frames[row] = of, APART * take + frame
        self.train[row], self.held[row] = use == "train", use == "held"

    def keep(self, done: int) -> None:
        """Say that so many steps are done; every `EVERY` of them what is written is made safe to go on from."""
        if done % EVERY == 0:
            self._save(KEPT, done=np.array(done))

    def close(self) -> None:
        """Write the index."""
        self._save(TAKES)
        (self.folder / KEPT).unlink(missing_ok=True)

    def _save(self, name: str, **more: NDArray) -> None:
        """Write the index under a name, after the pictures that it tells of."""
        for array in (self.drafts, self.filmed):
            array.flush()
        temporary = self.folder / f"new-{name}"
        np.savez(temporary, **{each: getattr(self, each) for each in _INDEX}, **more)
        temporary.replace(self.folder / name)


@dataclass(frozen=True)
class FaceSequences(Sequences):
    """Its plate is the draft."""

    def warped(self) -> Warped:
        """See `Sequences.warped`."""
        return shown_draft(self.plate.flatten(0, 1), self.matte.flatten(0, 1))

    @property
    def emphasis(self) -> Tensor:
        """See `Sequences.emphasis`: mouth and eyes count more."""
        size = self.plate.shape[-1]
        at = grid_points((size, size), self.points.device)
        weight = 0.5 + 2.5 * self.matte
        for ring, more in FEATURES:
            middle = self.points[..., list(ring), :].mean(-2)
            distance = (at - middle[..., None, :]).norm(dim=-1) / (FEATURE_SIZE * self.heights[..., None])
            near = torch.exp(-(distance**4)).unflatten(-1, (1, size, size))
            weight = weight + more * near * self.matte
        return weight


class TakeFootage(Footage):
    """Takes as footage."""

    rig = FACE
    references = 1

    def __init__(self, takes: Takes, config: ExampleConfig, device: torch.device | str = "cpu") -> None:
        self.takes, self.config, self.device = takes, config, device
        self.size, self.frames = takes.drafts.shape[1], takes.frames
        self.train, self.held = np.flatnonzero(takes.train), np.flatnonzero(takes.held)

    def draw(self, starts: Positions, rollout: int, rng: torch.Generator, augment: bool = True) -> FaceSequences:
        """See `Footage.draw`."""
        at = starts[:, None] + np.arange(rollout)
        of = self.takes.of[at]
        drafts = as_pictures(self.takes.drafts[at.ravel()], self.device).unflatten(0, at.shape)
        filmed = as_pictures(self.takes.filmed[of.ravel()], self.device).unflatten(0, at.shape)
        points, heights = (torch.from_numpy(one[of]).to(self.device) for one in (self.takes.points, self.takes.heights))
        light = torch.ones(len(starts), 3)
        if augment:
            both, points, heights = jitter(torch.cat([drafts, filmed], 2), points, heights, self.config, rng)
            points = points + self.config.pose_noise * torch.randn(points.shape, generator=rng).to(self.device)
            light += LIGHT * (2 * torch.rand((len(starts), 3), generator=rng) - 1)
            drafts, filmed = both[:, :, :3], both[:, :, 3:]
        light = light.to(self.device)
        drafts, picture = (relit(one, light[:, None]) for one in (drafts, filmed[:, :, :3]))
        matte = (filmed[:, :, 3:] + 1) / 2
        # Beyond the matte the draft is as good as the truth: there nothing is to be learnt.
        return FaceSequences(
            picture=drafts + matte * (picture - drafts), matte=matte, plate=drafts, points=points, heights=heights,
            visibility=torch.ones(points.shape[:-1], device=self.device), light=light,
        )  # fmt: skip

    def truth(self, positions: Positions) -> NDArray[np.uint8]:
        """See `Footage.truth`."""
        return np.stack([self._shown(position) for position in positions])

    def make(self, generator: nn.Module | None, held: Positions) -> Iterator[Picture]:
        """See `Footage.make`."""
        mender = None if generator is None else Mender(generator, self.size, self.device)
        before: Previous | None = None
        for position, goes_on in zip(held, self.follows(held), strict=True):
            of, draft = self.takes.of[position], np.array(self.takes.drafts[position])
            matte = np.array(self.takes.filmed[of, ..., 3])
            if mender is None:
                yield Picture(draft, matte)
                continue
            height = float(self.takes.heights[of])
            picture, before = mender.mend(draft, matte, self.takes.points[of], height, before if goes_on else None)
            yield Picture(picture, matte)

    def _shown(self, position: int) -> NDArray[np.uint8]:
        """The filmed picture where it may be repaired, the draft elsewhere, and the matte."""
        filmed, draft = self.takes.filmed[self.takes.of[position]], self.takes.drafts[position]
        matte = filmed[..., 3:].astype(np.float32) / 255
        picture = draft + matte * (filmed[..., :3].astype(np.float32) - draft)
        return np.dstack([np.round(picture).astype(np.uint8), filmed[..., 3]])
