"""The animate stage: the portrait in every driving frame."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.drive import load_driven
from vidgan.stages.driver import load_motion
from vidgan.stages.segments import State, write_segments
from vidgan.subject.animate import FacePainter
from vidgan.subject.portrait import Portrait


class AnimateConfig(Config):
    """`borrow` lends the driver's mouth where the target shows none; a kill loses at most `segment` frames."""

    borrow: bool = True
    segment: int = Field(16, ge=1)


class AnimateStage(Stage[AnimateConfig]):
    """Inputs: `portrait`, `driver`, `motion` (drive). Files: lossless segments and `render.json`, as of render."""

    name: ClassVar[str] = "animate"
    version: ClassVar[int] = 1
    Config: ClassVar[type[Config]] = AnimateConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Render segment by segment; segments that are there from an earlier run are kept."""
        portrait = Portrait.load(context.input("portrait"))
        driven, track = load_driven(context)
        lent = load_motion(context.input("driver")).mouths if self.config.borrow else None
        painter = FacePainter(portrait, driven, lent)
        height, width = portrait.picture.shape[:2]

        def paint(frames: slice, state: State) -> Iterator[tuple[NDArray[np.uint8], State]]:
            for index in range(frames.start, frames.stop):
                yield painter.paint(index), None

        write_segments(context, track.pts, track.time_base, (width, height), self.config.segment, paint)
        borrowed = painter.borrowed.share
        return {
            "width": width, "height": height, "frames": len(driven), "window": list(painter.window),
            "mouth_borrowed": round(float(borrowed.mean()), 4),
        }  # fmt: skip
