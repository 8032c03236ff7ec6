"""Which clips a training step sees: a function of (seed, step) alone, the same for any number of processes.

Legend: B clips of the whole batch, b of one process, T frames, S pixels of a side.
"""

from __future__ import annotations

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from vidgan.clips.config import span
from vidgan.clips.model import ClipSet
from vidgan.errors import ConfigError, MediaError
from vidgan.train.randomness import generator


class WindowSampler:
    """Draws windows of clips: a class, a clip of it, a first frame, each equally likely; mirrored or not as a whole.

    Every draw depends on (seed, step) alone, so a resumed run sees what an uninterrupted one does. Clips shorter than
    a window are never drawn. Raises MediaError when no clip is long enough.
    """

    def __init__(self, clips: ClipSet, frames: int, stride: int = 1, seed: int = 0, mirror: bool = False) -> None:
        self.clips, self.frames, self.stride, self.seed, self.mirror = clips, frames, stride, seed, mirror
        self._starts = clips.spans[:, 1] - span(frames, stride) + 1  # (N,) first frames that a window may have
        usable = np.flatnonzero(self._starts > 0)
        if not len(usable):
            raise MediaError(
                f"no clip has the {span(frames, stride)} frames of a window: give longer ones or set clips.frames lower"
            )
        labels = clips.labels
        self._labels = labels
        kinds = np.zeros(len(clips), np.int64) if labels is None else labels
        self._members = [usable[kinds[usable] == kind] for kind in np.unique(kinds[usable])]

    def draw(self, step: int, batch: int, rank: int = 0, world: int = 1) -> tuple[Tensor, Tensor | None]:
        """This process's share of the batch of a step.

        Args:
            step: counted from 0.
            batch: clips B of all processes together.
            rank: which of the processes this is.
            world: how many there are; they get equal shares, in order, so that together they hold what one alone would.

        Returns:
            Clips (b, T, S, S, 3) uint8, and their classes (b,) int64, None without classes.

        Raises:
            ConfigError: `batch` cannot be shared equally.
        """
        if batch % world:
            raise ConfigError(
                f"a batch of {batch} cannot be shared by {world} processes: make it a multiple of {world}"
            )
        windows, flips = self.windows(step, batch)
        share = slice(rank * (batch // world), (rank + 1) * (batch // world))
        frames = self.clips.gather(windows[share], self.frames, self.stride)
        if self.mirror:
            flip = flips[share]
            frames[flip] = frames[flip][:, :, :, ::-1]
        labels = None if self._labels is None else torch.from_numpy(self._labels[windows[share, 0]])
        return torch.from_numpy(frames), labels

    def windows(self, step: int, batch: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The windows (B, 2) of a step, as `ClipSet.gather` takes them, and which of them are mirrored (B,)."""
        draws = torch.rand(batch, 4, generator=generator("windows", self.seed, step), dtype=torch.float64).numpy()
        kind = _pick(draws[:, 0], len(self._members))
        sizes = np.array([len(members) for members in self._members])
        place = _pick(draws[:, 1], sizes[kind])
        clip = np.array([self._members[k][p] for k, p in zip(kind, place, strict=True)], np.int64).reshape(-1)
        first = _pick(draws[:, 2], self._starts[clip])
        return np.stack([clip, first], axis=1), (draws[:, 3] < 0.5) & self.mirror


def as_clips(frames: Tensor) -> Tensor:
    """Stored frames (b, T, S, S, 3) uint8 as a network takes them, (b, 3, T, S, S) float32 in [-1, 1]."""
    return rearrange(frames, "b t h w c -> b c t h w").float().contiguous() / 127.5 - 1


def as_frames(clips: Tensor) -> Tensor:
    """A network's clips (b, 3, T, S, S) in [-1, 1] as frames (b, T, S, S, 3) uint8; what is outside is clipped."""
    return rearrange((clips.float().clamp(-1, 1) + 1) * 127.5, "b c t h w -> b t h w c").round().to(torch.uint8)


def _pick(uniform: NDArray[np.float64], among: int | NDArray[np.int64]) -> NDArray[np.int64]:
    """Uniform numbers in [0, 1) as whole ones below `among`."""
    return np.minimum((uniform * among).astype(np.int64), np.asarray(among) - 1)
