"""Sound against picture: how far the two moved from where they were in the file that the sound came from."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from vidgan.video.audio import av_offset


@dataclass(frozen=True)
class AvSync:
    """Seconds by which the sound starts after the picture, in the output and in the file that it was taken from.

    `shift` is their difference, `frames` the shift in frame durations; all None when either file has no sound.
    """

    output: float | None
    origin: float | None
    shift: float | None
    frames: float | None

    @property
    def in_sync(self) -> bool:
        """Whether the shift is at most half a frame; there is nothing to be out of sync without sound."""
        return self.frames is None or abs(self.frames) <= 0.5

    def as_dict(self) -> dict[str, Any]:
        """The values by name, for JSON."""
        return vars(self) | {"in_sync": self.in_sync}


def av_sync(output: Path, origin: Path, rate: Fraction) -> AvSync:
    """Compare the offsets of two files; `rate` is the picture's frame rate in frames per second."""
    ours, theirs = av_offset(output), av_offset(origin)
    if ours is None or theirs is None:
        return AvSync(None if ours is None else float(ours), None if theirs is None else float(theirs), None, None)
    shift = ours - theirs
    return AvSync(float(ours), float(theirs), float(shift), float(shift * rate))
