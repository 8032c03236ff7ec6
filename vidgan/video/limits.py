"""How large a media file may be before it is refused or scaled down."""

from __future__ import annotations

from pydantic import Field

from vidgan.config import Config


class MediaLimits(Config):
    """Bounds on what a file may ask of the machine: a guard against broken and hostile files, not a quality setting."""

    max_pixels: int = Field(default=8192 * 8192, gt=0, description="Pixels in one coded frame; more is refused.")
    max_duration: float = Field(
        default=12 * 3600, gt=0, description="Seconds the container may promise; more is refused."
    )
    max_streams: int = Field(default=64, gt=0, description="Streams in one container; more is refused.")
    max_side: int = Field(
        default=3840, ge=16, description="Longer side of a delivered frame; larger ones are scaled down."
    )
