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
from vidgan.stages.train import load_generator
from vidgan.subject.animate import FacePainter
from vidgan.subject.mend import Mender, mend_side, mended_frame
from vidgan.subject.paint import Previous
from vidgan.subject.portrait import Portrait


class AnimateConfig(Config):
    """`borrow` lends the driver's mouth where the target shows none; a kill loses at most `segment` frames."""

    borrow: bool = True
    segment: int = Field(16, ge=1)


class AnimateStage(Stage[AnimateConfig]):
    """Inputs: `portrait`, `driver`, `motion` (drive), `model` (train, or None for the draft).

    Files: lossless segments and `render.json`, as of render.
    """

    name: ClassVar[str] = "animate"
    version: ClassVar[int] = 4
    Config: ClassVar[type[Config]] = AnimateConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Render segment by segment; segments that are there from an earlier run are kept."""
        portrait = Portrait.load(context.input("portrait"))
        driven, track = load_driven(context)
        lent = load_motion(context.input("driver")).mouths if self.config.borrow else None
        painter = FacePainter(portrait, driven, lent)
        height, width = portrait.picture.shape[:2]
        mender, side = load_mender(context), mend_side(float(driven.pose.scale.max()))

        def paint(frames: slice, state: State) -> Iterator[tuple[NDArray[np.uint8], State]]:
            before = Previous(**state) if state else None
            for index in range(frames.start, frames.stop):
                picture = painter.paint(index)
                if mender is None:
                    yield picture, None
                    continue
                scale = float(driven.pose.scale[index])
                picture, before = mended_frame(mender, picture, driven.points[index], scale, side, before)
                yield picture, vars(before)

        write_segments(context, track.pts, track.time_base, (width, height), self.config.segment, paint)
        borrowed = painter.borrowed.share
        return {
            "width": width, "height": height, "frames": len(driven), "window": list(painter.window),
            "mouth_borrowed": round(float(borrowed.mean()), 4),
        }  # fmt: skip


def load_mender(context: StageContext) -> Mender | None:
    """The generator of a stage with the input `model`, ready to mend; None without one."""
    model = context.inputs.get("model")
    if model is None:
        return None
    generator, facts = load_generator(model, context.device)
    return Mender(generator, facts["size"], context.device)
