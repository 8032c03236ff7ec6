"""The render stage: the subject in every driving pose, composited on the plate at full resolution."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.pose.track import PoseTrack
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.segments import State, write_segments
from vidgan.stages.train import load_generator
from vidgan.subject.model import Motion, Subject, motion_of
from vidgan.subject.paint import Previous
from vidgan.subject.reconstruct import Painter
from vidgan.subject.references import Choice, ReferenceConfig
from vidgan.subject.window import MARGIN, statures, to_window

FAR = 0.02
"""A driving pose farther than this from all footage (squared, in heights; about a limb raised) is one never shown."""


class RenderConfig(Config):
    """`size` is the output's height in pixels, None for the plate's: the target's, or less where `subject.max_side`
    bounds it; a kill loses at most `segment` frames.
    """

    size: int | None = Field(None, ge=16, le=8192)
    segment: int = Field(16, ge=1)
    references: ReferenceConfig = ReferenceConfig()


@dataclass(frozen=True)
class Canvas:
    """The output picture: the plate at output size (H, W, 3) uint8, `scale` output pixels to a plate pixel."""

    plate: NDArray[np.uint8]
    scale: float

    def window(self, place: tuple[int, int], size: int) -> NDArray[np.uint8]:
        """The plate in a window at (left, top) of size x size output pixels, black outside: a copy."""
        left, top = place
        out = np.zeros((size, size, 3), np.uint8)
        rows, columns = self._overlap(top, size, 0), self._overlap(left, size, 1)
        out[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left] = self.plate[rows, columns]
        return out

    def paste(self, picture: NDArray[np.uint8], place: tuple[int, int]) -> NDArray[np.uint8]:
        """The plate with a window's picture in its place: a new (H, W, 3)."""
        left, top = place
        out = self.plate.copy()
        size = len(picture)
        rows, columns = self._overlap(top, size, 0), self._overlap(left, size, 1)
        out[rows, columns] = picture[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
        return out

    def _overlap(self, start: int, size: int, axis: int) -> slice:
        limit = self.plate.shape[axis]
        low = min(max(0, start), limit)
        return slice(low, max(low, min(limit, start + size)))


def canvas_for(plate: NDArray[np.uint8], height: int | None) -> Canvas:
    """The plate at the asked height (None: its own), both sides even as video wants them."""
    scale = (height or plate.shape[0]) / plate.shape[0]
    size = [max(16, 2 * round(scale * side / 2)) for side in plate.shape[1::-1]]
    if size == list(plate.shape[1::-1]):
        return Canvas(plate, 1.0)
    way = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return Canvas(np.asarray(cv2.resize(plate, size, interpolation=way), np.uint8), size[1] / plate.shape[0])


def aligned(track: PoseTrack, scale: float) -> tuple[Motion, NDArray[np.int64], int]:
    """The motion in windows that lie on whole output pixels and all have one size, so that nothing is resampled twice.

    Returns the motion, (T, 2) left and top, and the size in output pixels.
    """
    motion = motion_of(track)
    middle = motion.windows[:, :2] + motion.windows[:, 2:] / 2
    reach = np.abs(track.image[track.present] - middle[track.present][:, None]).max() if track.present.any() else 0
    side = max(MARGIN * float(np.percentile(statures(track), 95)), 2.1 * float(reach))
    size = max(64, 16 * round(side * scale / 16))
    place = np.round(middle * scale - size / 2).astype(np.int64)
    windows = np.concatenate([place / scale, np.full((len(place), 1), size / scale)], 1).astype(np.float32)
    points, calm = (
        to_window(where * motion.windows[:, None, 2:] + motion.windows[:, None, :2], windows)
        for where in (motion.points, motion.calm)
    )
    heights = motion.heights * motion.windows[:, 2] / windows[:, 2]
    moved = Motion(
        points,
        calm,
        heights.astype(np.float32),
        windows,
        motion.facing,
        motion.visibility,
        motion.present,
    )
    return moved, place, size


class RenderStage(Stage[RenderConfig]):
    """Inputs: `subject`, `motion` (retarget), `model` (train, or None for the draft).

    Files: lossless segments and `render.json` (width, height, rate, time_base, pts, segments). Frames without a person
    show the empty plate. Facts: size, frames without a person, how far the driving poses are from the footage.
    """

    name = "render"
    version = 13
    Config: ClassVar[type[Config]] = RenderConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Render segment by segment; segments that are there from an earlier run are kept."""
        subject = Subject.load(context.input("subject"))
        track = PoseTrack.load(context.input("motion") / "track.npz")
        model = context.inputs["model"]
        generator, facts = load_generator(model, context.device) if model else (None, {})
        references = self.config.references.with_count(facts.get("references"))
        painter = Painter(subject, generator, references, context.device)
        canvas = canvas_for(subject.plate, self.config.size)
        motion, place, size = aligned(track, canvas.scale)
        choice = painter.choose(motion, np.arange(len(subject)))
        height, width = canvas.plate.shape[:2]

        def paint(frames: slice, state: State) -> Iterator[tuple[NDArray[np.uint8], State]]:
            before = Previous(**state) if state else None
            for picture, after in _paint(painter, canvas, motion[frames], choice, frames, place, size, before):
                yield picture, vars(after)

        write_segments(context, track.pts, track.time_base, (width, height), self.config.segment, paint)
        return self._facts(context, motion, choice, size, width, height)

    def _facts(
        self,
        context: StageContext,
        motion: Motion,
        choice: Choice,
        size: int,
        width: int,
        height: int,
    ) -> dict[str, Any]:
        unseen = float((choice.far[motion.present] > FAR).mean()) if motion.present.any() else 0.0
        if unseen > 0.25:
            context.progress.warn(
                f"{unseen:.0%} of the driving poses are far from anything the target shows: "
                "more varied target footage would help"
            )
        missing = int((~motion.present).sum())
        if missing:
            context.progress.warn(f"{missing} frames have no driving pose: they show the empty background")
        return {
            "width": width, "height": height, "window": size, "frames": len(motion), "without_person": missing,
            "poses_unseen": unseen, "reference_changes": int((np.diff(choice.index, axis=0) != 0).sum()),
        }  # fmt: skip


def _paint(
    painter: Painter, canvas: Canvas, motion: Motion, choice: Choice, frames: slice, place: NDArray[np.int64],
    size: int, before: Previous | None,
) -> Iterator[tuple[NDArray[np.uint8], Previous]]:  # fmt: skip
    """Full pictures of a segment, each with the state after it."""
    plates = (canvas.window((int(x), int(y)), size) for x, y in place[frames])
    windows = painter.paint(motion, choice[frames], plates, size, before)
    for index, (window, state) in enumerate(windows):
        if motion.present[index]:
            x, y = place[frames][index]
            yield canvas.paste(window.picture, (int(x), int(y))), state
        else:
            yield canvas.plate.copy(), state
