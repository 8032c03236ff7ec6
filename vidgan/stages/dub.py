"""The dub stage: the film's own frames with the spoken mouth laid in; all else is the film, pixel for pixel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.stages.animate import load_mender
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.reel import shown_frames
from vidgan.stages.segments import State, write_segments
from vidgan.stages.speak import Shown
from vidgan.stages.voice import Voice
from vidgan.subject.dubbing import MouthConfig, MouthPainter
from vidgan.subject.mouths import Mouths
from vidgan.subject.paint import Previous
from vidgan.video.read import ClipReader

SURE = "sure.npy"

_PREVIOUS = {field.name for field in fields(Previous)}


class DubConfig(MouthConfig):
    """A kill loses at most `segment` frames."""

    segment: int = Field(32, ge=1)


class DubStage(Stage[DubConfig]):
    """Inputs: `film`, `voice`, `speak`, `mouths` (stages), `model` (train, or None for the draft).

    Files: lossless segments and `render.json`, as of the render stage; `sure.npy` (T,), how much of each frame's mouth
    is the spoken one; of a film that also runs backwards its pieces (`vidgan.stages.reel`). Facts: frames dubbed and
    left alone and why, changes of reference.
    """

    name = "dub"
    version = 9
    Config: ClassVar[type[Config]] = DubConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Render segment by segment; segments that are there from an earlier run are kept."""
        shown = Shown.load(context.input("speak"))
        line = shown.timeline
        painter, mender = load_painter(context, shown, self.config), load_mender(context)
        with ClipReader(context.input("film"), device=context.device) as reader:
            film: Iterator[NDArray[np.uint8]] | None = None

            def paint(frames: slice, state: State) -> Iterator[tuple[NDArray[np.uint8], State]]:
                nonlocal film
                sure, before = _sure(state), _previous(state)
                # Segments follow each other.
                film = film or shown_frames(reader, line.frames, context.dir, frames.start)
                for position in range(frames.start, frames.stop):
                    picture, laid_in, before = painter.paint(next(film), position, mender, before)
                    sure = np.append(sure, np.float32(laid_in))
                    yield picture, {"sure": torch.from_numpy(sure), **(vars(before) if before else {})}

            size = (reader.width, reader.height)
            state = write_segments(
                context, line.pts, line.time_base, size, self.config.segment, paint, in_time=shown.in_time
            )
        sure = _sure(state)  # of all segments, those of an earlier run too
        np.save(context.dir / SURE, sure)
        return self._facts(context, painter, sure)

    def _facts(self, context: StageContext, painter: MouthPainter, sure: NDArray[np.float32]) -> dict[str, Any]:
        faceless, turned = int((~painter.here).sum()), int((painter.here & painter.turned).sum())
        hidden = int(((sure < 0.5) & painter.here & ~painter.turned).sum())
        for count, what in ((faceless, "have no face"), (turned, "show the face from the side")):
            if count:
                context.progress.warn(f"{count} of {len(sure)} frames {what}: they are the film's own")
        if hidden:
            context.progress.note(f"in {hidden} frames something is before the mouth: there the film's own is seen")
        return {
            "frames": len(sure), "dubbed": int((sure > 0.5).sum()), "without_face": faceless, "from_the_side": turned,
            "hidden": hidden, "reference_changes": int((np.diff(painter.choice.index[:, 0]) != 0).sum()),
        }  # fmt: skip


def _sure(state: State) -> NDArray[np.float32]:
    return np.zeros(0, np.float32) if state is None else state["sure"].cpu().numpy()


def _previous(state: State) -> Previous | None:
    return Previous(**{name: state[name] for name in _PREVIOUS}) if state and state.keys() >= _PREVIOUS else None


def load_painter(context: StageContext, shown: Shown, config: MouthConfig) -> MouthPainter:
    """The painter of a stage with the inputs `mouths` and `voice`."""
    mouths, shape = Mouths.load(context.input("mouths")), Voice.load(context.input("voice")).shape
    return MouthPainter(shown.own, shown.spoken, shown.timeline.frames, shown.shots, mouths, shape, config)
