"""What a clip is: its facts and its frames, in rational time.

Legend: H, W are the displayed size, rotation and pixel aspect applied.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class AudioInfo:
    """The first audio stream of a file. `start` and `duration` are in seconds."""

    codec: str
    sample_rate: int
    channels: int
    start: Fraction
    duration: Fraction | None


@dataclass(frozen=True)
class ClipInfo:
    """The facts of one video file, as displayed.

    `frames` and `duration` come from the container and are estimates (None when it does not say);
    reading is the only way to know. `rate` is the average frame rate in frames per second.
    """

    path: Path
    width: int
    height: int
    rate: Fraction
    time_base: Fraction
    start: Fraction
    frames: int | None
    duration: Fraction | None
    container: str
    codec: str
    pixel_format: str
    bit_depth: int
    rotation: int
    matrix: str
    full_range: bool
    hdr: bool
    interlaced: bool
    variable_rate: bool
    audio: AudioInfo | None


@dataclass(frozen=True)
class Frame:
    """One displayed frame: `rgb` is (H, W, 3) uint8, BT.709 full-range RGB; `pts` counts `time_base` seconds."""

    rgb: NDArray[np.uint8]
    pts: int
    time_base: Fraction

    @property
    def time(self) -> Fraction:
        """The presentation time in seconds."""
        return self.pts * self.time_base
