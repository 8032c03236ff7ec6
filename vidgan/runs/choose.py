"""Which real clips an evaluation compares with: windows spread evenly over clips, a split when nobody is held out.

Legend: N clips, W windows, T frames.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgan.clips.model import ClipSet, Windows
from vidgan.errors import UsageError


@dataclass(frozen=True)
class RealClips:
    """Windows of real clips: `frames` (W, T, S, S, 3), their `labels` and `groups` (who they show), (W,).

    `labels` are None without classes. Any prefix is spread evenly over the clips, too.
    """

    frames: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    groups: NDArray[np.int64]
    windows: Windows
    classes: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.frames)

    def first(self, count: int) -> RealClips:
        """The first `count` windows."""
        labels = None if self.labels is None else self.labels[:count]
        return replace(
            self, frames=self.frames[:count], labels=labels, groups=self.groups[:count], windows=self.windows[:count]
        )


def spread_windows(clips: ClipSet, count: int, frames: int, stride: int, seed: int) -> RealClips:
    """At most `count` windows in turns over the clips, those of one clip evenly spaced and in random order."""
    windows = _spread(clips, count, frames, stride, seed)
    names = sorted({clip.group for clip in clips.clips})
    groups = np.array([names.index(clip.group) for clip in clips.clips], np.int64)[windows[:, 0]]
    labels = None if clips.labels is None else clips.labels[windows[:, 0]]
    return RealClips(
        clips.gather(windows, frames, stride),
        labels,
        groups,
        windows,
        clips.classes,
    )


@dataclass(frozen=True)
class TrainingFrames:
    """Frames (F, S, S, 3) of training clips, each once; `rows` (R, T) of them in each of `windows` (R, 2)."""

    frames: NDArray[np.uint8]
    rows: Tensor
    windows: Windows


def training_frames(clips: ClipSet, frames: int, stride: int, limit: int, seed: int) -> TrainingFrames:
    """Every window of the clips, or of more than `limit` frames as many spread windows as have no more."""
    windows = clips.windows(frames, stride)
    if int(clips.spans[:, 1].sum()) > limit:
        windows = _spread(clips, max(1, limit // frames), frames, stride, seed)
    places = clips.spans[windows[:, 0], 0] + windows[:, 1]
    used, rows = np.unique(places[:, None] + stride * np.arange(frames), return_inverse=True)
    pictures = np.asarray(clips.frames)[used]
    return TrainingFrames(pictures, torch.from_numpy(rows.reshape(len(windows), frames)), windows)


def _spread(clips: ClipSet, count: int, frames: int, stride: int, seed: int) -> Windows:
    everything = clips.windows(frames, stride)
    random = np.random.default_rng(seed)
    of_clip = [everything[everything[:, 0] == number] for number in range(len(clips))]
    quota = -(-count // max(1, sum(len(each) > 0 for each in of_clip)))
    while sum(min(quota, len(each)) for each in of_clip) < min(count, len(everything)):
        quota += 1  # some clips are too short for their share
    queues = [random.permutation(_evenly(each, quota)) for each in of_clip]
    order = random.permutation(len(queues))
    turns = [queues[number][turn] for turn in range(quota) for number in order if turn < len(queues[number])]
    return np.array(turns[:count], np.int64).reshape(-1, 2)


def _evenly(windows: Windows, count: int) -> Windows:
    return windows[np.unique(np.linspace(0, len(windows) - 1, min(count, len(windows))).round().astype(int))]


def halves(clips: ClipSet) -> tuple[ClipSet, ClipSet]:
    """Two sets of different people (groups), in turns by name.

    Raises:
        UsageError: there is one person alone.
    """
    groups = sorted({clip.group for clip in clips.clips})
    if len(groups) < 2:
        raise UsageError("the clips show one person (group) alone: give other clips with --against")
    second = set(groups[1::2])
    return (
        replace(clips, clips=tuple(clip for clip in clips.clips if clip.group not in second)),
        replace(clips, clips=tuple(clip for clip in clips.clips if clip.group in second)),
    )


def shuffled(clips: NDArray[np.uint8], seed: int) -> NDArray[np.uint8]:
    """The control: the frames of each clip (N, T, S, S, 3) in another order."""
    random = np.random.default_rng((seed, 1))
    return np.stack([clip[random.permutation(len(clip))] for clip in clips])


def renumbered(labels: NDArray[np.int64] | None, names: tuple[str, ...], classes: tuple[str, ...]) -> Tensor | None:
    """Labels (N,) of classes `names` numbered as `classes` are; None without labels, or when one is not among these."""
    if labels is None or not {names[label] for label in labels} <= set(classes):
        return None
    return torch.tensor([classes.index(names[label]) for label in labels], dtype=torch.int64)
