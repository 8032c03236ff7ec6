"""Prepared clips: all frames in one array, and where each clip is in it.

Legend: N clips, F frames of all of them, T frames of a window, S pixels of a side, B and W windows, K classes.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from vidgan.clips.config import span
from vidgan.clips.store import FACTS, FRAMES, FrameFile, locked, replacing, write_whole
from vidgan.errors import CacheError

Frames = NDArray[np.uint8]
Windows = NDArray[np.int64]
"""(W, 2): number of the clip in its set, first frame counted from the clip's own first."""


@dataclass(frozen=True)
class Clip:
    """One clip: frames `start` to `start + length` of its set's array.

    `label` is its class's number (None without classes), `group` who is in it, `fps` its frames per second (None when
    its source has no times), `held` whether it is kept from training.
    """

    name: str
    start: int
    length: int
    label: int | None = None
    group: str = ""
    fps: float | None = None
    held: bool = False


@dataclass(frozen=True, eq=False)
class ClipSet:
    """Clips with their frames (F, S, S, 3) uint8 RGB, a read-only memory map when loaded.

    `classes` are the names of the labels, `skipped` the files that were left out with the reason, `digest` tells
    whether two sets were made from the same files with the same settings.
    """

    frames: Frames
    clips: tuple[Clip, ...]
    classes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    digest: str = ""

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def size(self) -> int:
        """Pixels of a side."""
        return int(self.frames.shape[1])

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """(N,) the class of each clip; None without classes."""
        return np.array([clip.label for clip in self.clips], np.int64) if self.classes else None

    @property
    def fps(self) -> float | None:
        """The median rate of the clips that have one; None when none has."""
        rates = [clip.fps for clip in self.clips if clip.fps is not None]
        return float(np.median(rates)) if rates else None

    def train(self) -> ClipSet:
        """The clips to train on, over the same frames."""
        return replace(self, clips=tuple(clip for clip in self.clips if not clip.held))

    def held(self) -> ClipSet:
        """The clips kept from training, over the same frames."""
        return replace(self, clips=tuple(clip for clip in self.clips if clip.held))

    def of_class(self, label: int) -> ClipSet:
        """The clips of one class, over the same frames."""
        return replace(self, clips=tuple(clip for clip in self.clips if clip.label == label))

    def windows(self, frames: int, stride: int = 1, step: int = 1) -> Windows:
        """Every window (W, 2) of `frames` frames, `stride` apart, that lies whole in a clip; one each `step` frames."""
        last = self.spans[:, 1] - span(frames, stride)
        starts = [np.arange(0, end + 1, step, dtype=np.int64) for end in last]
        numbers = np.repeat(np.arange(len(starts), dtype=np.int64), [len(each) for each in starts])
        return np.stack([numbers, np.concatenate([*starts, np.empty(0, np.int64)])], axis=1)

    def gather(self, windows: Windows, frames: int, stride: int = 1) -> Frames:
        """The frames (B, T, S, S, 3) of windows (B, 2), copied. Raises IndexError for one that leaves its clip."""
        clip, first = np.asarray(windows, np.int64).reshape(-1, 2).T
        if np.any((clip < 0) | (clip >= len(self))):
            raise IndexError(f"a window names a clip that is not among the {len(self)}")
        start, length = self.spans[clip].T
        if np.any((first < 0) | (first + span(frames, stride) > length)):
            raise IndexError(f"a window of {frames} frames, {stride} apart, leaves its clip")
        rows = (start + first)[:, None] + stride * np.arange(frames)
        return np.asarray(self.frames)[rows]

    def clip(self, number: int) -> Frames:
        """All frames (length, S, S, 3) of one clip, not copied."""
        start, length = self.spans[number]
        return np.asarray(self.frames)[start : start + length]

    @cached_property
    def spans(self) -> NDArray[np.int64]:
        """(N, 2): where each clip starts in the frames, and its length."""
        return np.array([(clip.start, clip.length) for clip in self.clips], np.int64).reshape(-1, 2)

    @classmethod
    def of(
        cls,
        clips: Sequence[Frames],
        labels: Sequence[int] | None = None,
        classes: Sequence[str] = (),
        groups: Sequence[str] | None = None,
        held: Sequence[bool] | None = None,
        fps: float | None = None,
    ) -> Self:
        """A set of clips (length, S, S, 3) in memory, named by their numbers; each its own group when none is given."""
        lengths = [len(clip) for clip in clips]
        starts = np.cumsum([0, *lengths])
        frames = np.ascontiguousarray(np.concatenate(list(clips)), np.uint8)
        made = tuple(
            Clip(
                name=str(k),
                start=int(starts[k]),
                length=lengths[k],
                label=None if labels is None else int(labels[k]),
                group=str(k) if groups is None else groups[k],
                fps=fps,
                held=bool(held[k]) if held is not None else False,
            )
            for k in range(len(lengths))
        )
        digest = hashlib.blake2b(frames.data, digest_size=16)
        digest.update(repr((made, tuple(classes))).encode())
        return cls(frames, made, tuple(classes), (), digest.hexdigest())

    def save(self, folder: Path) -> None:
        """Write `clips.npy` and `clips.json` into a folder, whole or not at all. Raises CacheError."""
        with locked(folder, lambda: None), replacing(folder) as partial:
            with FrameFile(partial / FRAMES, self.size) as file:
                for frame in self.frames:
                    file.append(frame)
            write_facts(partial, self.clips, self.classes, self.skipped, self.digest)

    @classmethod
    def load(cls, folder: Path) -> Self:
        """The set written into a folder, its frames mapped. Raises CacheError when it is missing or damaged."""
        try:
            facts = _Facts.model_validate_json((folder / FACTS).read_bytes())
            frames = np.load(folder / FRAMES, mmap_mode="r", allow_pickle=False)
        except FileNotFoundError as error:
            raise CacheError(f"{folder}: no prepared clips are there; prepare them again") from error
        except (OSError, EOFError, ValueError, ValidationError) as error:
            raise CacheError(f"{folder}: the prepared clips are damaged; delete the folder and run again") from error
        if problem := _problem(facts, frames):
            raise CacheError(f"{folder}: the prepared clips are damaged ({problem}); delete the folder and run again")
        return cls(frames, facts.clips, facts.classes, facts.skipped, facts.digest)


def write_facts(
    folder: Path,
    clips: Sequence[Clip],
    classes: Sequence[str],
    skipped: Sequence[tuple[str, str]],
    digest: str,
) -> None:
    """Write the `clips.json` that belongs to the `clips.npy` of a folder."""
    facts = {"format": 1, "digest": digest, "classes": classes, "skipped": skipped}
    text = json.dumps(facts | {"clips": [asdict(clip) for clip in clips]}, indent=1)
    write_whole(folder / FACTS, text + "\n")


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: Literal[1]
    classes: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    digest: str
    clips: tuple[Clip, ...]


def _problem(facts: _Facts, frames: Frames) -> str | None:
    """What of the stored facts cannot be."""
    if frames.ndim != 4 or frames.dtype != np.uint8 or frames.shape[3] != 3 or frames.shape[1] != frames.shape[2]:
        return f"frames of shape {frames.shape}"
    for clip in facts.clips:
        if clip.start < 0 or clip.length < 1 or clip.start + clip.length > len(frames):
            return f"{clip.name} lies outside the frames"
        if (clip.label is None) != (not facts.classes) or not -1 < (clip.label or 0) < max(1, len(facts.classes)):
            return f"{clip.name} has an unknown class"
    return None
