"""The animate stage: the portrait in every driving frame."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.drive import load_driven, load_filmed, visits_of
from vidgan.stages.driver import load_motion
from vidgan.stages.reel import shown_frames
from vidgan.stages.segments import State, write_segments
from vidgan.stages.train import load_generator
from vidgan.subject.animate import FacePainter
from vidgan.subject.filmed import FilmPainter
from vidgan.subject.mend import Mender, mended_frame, window_sides
from vidgan.subject.mouth_layer import choose_mouths
from vidgan.subject.paint import Previous
from vidgan.subject.portrait import Portrait
from vidgan.video.read import ClipReader


class AnimateConfig(Config):
    """`borrow` lends the driver's mouth where the target shows none; a kill loses at most `segment` frames."""

    borrow: bool = True
    segment: int = Field(16, ge=1)


class AnimateStage(Stage[AnimateConfig]):
    """Inputs: `target` (file), `target_face`, `portrait`, `driver`, `motion` (drive), `model` (train, or None for the
    draft).

    Files: lossless segments and `render.json`, as of render; of a target's video that also runs backwards its pieces
    (`vidgan.stages.reel`).
    """

    name: ClassVar[str] = "animate"
    version: ClassVar[int] = 8
    Config: ClassVar[type[Config]] = AnimateConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Render segment by segment; segments that are there from an earlier run are kept."""
        portrait = Portrait.load(context.input("portrait"))
        driven, track = load_driven(context)
        motion, filmed = load_motion(context.input("driver")), load_filmed(context)
        lent, visit = motion.mouths if self.config.borrow else None, visits_of(filmed, motion.shots)
        borrowed = choose_mouths(portrait, driven, lent, visit)
        painter: FacePainter | FilmPainter
        if filmed is None:
            painter = FacePainter(portrait, driven, lent, borrowed=borrowed)
        else:
            painter = FilmPainter(portrait, filmed, driven, lent, borrowed)
        share = np.ones(len(driven)) if filmed is None else filmed.share
        height, width = portrait.picture.shape[:2]
        mender, sides = load_mender(context), window_sides(driven.pose.scale, visit, share > 0)
        drafts: Iterator[NDArray[np.uint8]] | None = None

        def paint(frames: slice, state: State) -> Iterator[tuple[NDArray[np.uint8], State]]:
            nonlocal drafts
            drafts = drafts or self._drafts(context, painter, frames.start)  # segments follow each other
            before = Previous(**state) if state else None
            for index in range(frames.start, frames.stop):
                picture = next(drafts)
                if index and visit[index] != visit[index - 1]:
                    before = None
                if mender is None or not share[index]:
                    before = None
                    yield picture, None
                    continue
                scale = float(driven.pose.scale[index])
                mended, before = mended_frame(mender, picture, driven.points[index], scale, int(sides[index]), before)
                yield _between(picture, mended, float(share[index])), vars(before)

        write_segments(context, track.pts, track.time_base, (width, height), self.config.segment, paint)
        share_lent = round(float(borrowed.share.mean()), 4)
        return {"width": width, "height": height, "frames": len(driven), "mouth_borrowed": share_lent}

    def _drafts(
        self, context: StageContext, painter: FacePainter | FilmPainter, start: int
    ) -> Iterator[NDArray[np.uint8]]:
        if isinstance(painter, FacePainter):
            yield from (painter.paint(index) for index in range(start, len(painter.driven)))
            return
        masks = np.load(context.input("target_face") / "masks.npy", mmap_mode="r", allow_pickle=False)
        height, width = painter.portrait.picture.shape[:2]
        frames = painter.filmed.frames
        with film_reader(context.input("target"), painter.portrait, context.device) as reader:
            for index, rgb in enumerate(shown_frames(reader, frames, context.dir, start), start):
                yield painter.paint(index, np.ascontiguousarray(rgb[:height, :width]), masks[frames[index]])


def film_reader(path: Path, portrait: Portrait, device: str = "cpu") -> ClipReader:
    """The target's video at the portrait's size; its frames may have an odd side more."""
    return ClipReader(path, max_side=int(portrait.size.max()), device=device)


def _between(picture: NDArray[np.uint8], mended: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """A draft mended by a share."""
    return mended if share == 1 else np.asarray(cv2.addWeighted(mended, share, picture, 1 - share, 0), np.uint8)


def load_mender(context: StageContext) -> Mender | None:
    """The generator of a stage with the input `model`, ready to mend; None without one."""
    model = context.inputs.get("model")
    if model is None:
        return None
    generator, facts = load_generator(model, context.device)
    return Mender(generator, facts["size"], context.device)
