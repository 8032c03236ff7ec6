"""Settings of the clips that a generator learns from."""

from __future__ import annotations

import re
from typing import Literal

from pydantic import Field, field_validator

from vidgan.config import Config


class ClipConfig(Config):
    """How clips are read, labelled and split.

    A window is `frames` frames, `stride` apart, so it spans (frames - 1) * stride + 1 frames of a clip.

    label: `auto` (the folders that the clips lie in are their classes), `none`, or a regular expression that is
        searched in a clip's path below CLIPS and whose group 1 is the class.
    group: a regular expression likewise, naming who is in the clip, so that people are held out, not clips (its group
        1, or all it matches without one). None: every clip is its own group.
    held_groups: the groups to hold out; when empty, a `held_out` share of them is chosen, always the same.
    crop: `center` cuts the middle square out of each frame, `none` keeps all of it between black bars.
    """

    size: int = Field(default=64, ge=8, le=1024, description="Pixels of a side.")
    frames: int = Field(default=16, ge=2, description="Frames of a window.")
    fps: float | None = Field(default=None, gt=0, le=1000, description="Frames per second; None keeps each clip's own.")
    stride: int = Field(default=1, ge=1, description="Frames of the clip from one frame of a window to the next.")
    strip: int | None = Field(
        default=None, ge=1, description="Pixels of one frame along an image strip; None: its short side."
    )
    label: str = "auto"
    group: str | None = None
    held_out: float = Field(default=0.15, gt=0, lt=1, description="Share of the groups that is held out.")
    held_groups: tuple[str, ...] = ()
    crop: Literal["center", "none"] = "center"
    mirror: bool = Field(default=False, description="Whether a clip may be drawn mirrored left to right.")

    @property
    def span(self) -> int:
        """Frames of a clip that one window covers."""
        return span(self.frames, self.stride)

    @field_validator("label")
    @classmethod
    def _check_label(cls, value: str) -> str:
        if value not in ("auto", "none") and not _compiled(value).groups:
            raise ValueError("should be auto, none or a regular expression with a group (...) around the class")
        return value

    @field_validator("group")
    @classmethod
    def _check_group(cls, value: str | None) -> str | None:
        if value is not None:
            _compiled(value)
        return value


def span(frames: int, stride: int) -> int:
    """Frames of a clip from the first to the last of a window, both counted."""
    return (frames - 1) * stride + 1


def _compiled(pattern: str) -> re.Pattern[str]:
    try:
        return re.compile(pattern)
    except re.error as error:
        raise ValueError(f"should be a regular expression ({error})") from None
