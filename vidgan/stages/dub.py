"""The dub stage: the film's own frames with the spoken mouth laid in; all else is the film, pixel for pixel."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.face.head import angles, head_pose, to_head
from vidgan.face.lower import Face, anchors, hull, laid, matched, strangers, warped, window_corner
from vidgan.face.mouth import MouthShape
from vidgan.face.track import FaceTrack
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.mouths import Mouths, put, window
from vidgan.stages.speak import Shown
from vidgan.stages.voice import Voice
from vidgan.subject.references import pose_distances, steadiest_path
from vidgan.video.read import ClipReader
from vidgan.video.write import LOSSLESS_SUFFIX, LosslessWriter

MANY_STRANGERS = 0.35
"""With so much of the lower face hidden the film's own frame is shown."""

BACKWARDS = 24
"""Frames held in memory at once where the film runs backwards."""

SURE = "sure.npz"


class DubConfig(Config):
    """How the mouth gets into the picture; a kill loses at most `segment` frames.

    References are film frames: a mouth's distance counts in standard deviations of this person's, `pose_degrees` of
    head turn count as one of them, blur as `blur_weight`, and every change of reference as `switch_cost`; a change is
    faded over `fade` frames. A face turned by more than `most_yaw` degrees is left alone.
    """

    segment: int = Field(32, ge=1)
    pose_degrees: float = Field(6.0, gt=0)
    blur_weight: float = Field(0.5, ge=0)
    switch_cost: float = Field(1.5, ge=0)
    fade: int = Field(2, ge=0)
    most_yaw: float = Field(40.0, gt=0, le=90)
    occlusion: bool = True


@dataclass(frozen=True)
class Choice:
    """References of every shown frame, best first, with shares that sum to one: index (T, 2) int64, share (T, 2)."""

    index: NDArray[np.int64]
    share: NDArray[np.float32]


def choose_mouths(wanted: NDArray, kept: NDArray, blur: NDArray, config: DubConfig, shots: NDArray) -> Choice:
    """References for the described mouths (T, D) among the kept (N, D): the cheapest steady path through every shot."""
    path = np.zeros(len(wanted), np.int64)
    costs = pose_distances(wanted.astype(np.float32), kept.astype(np.float32)) + config.blur_weight * blur[None]
    index, share = np.zeros((len(wanted), 2), np.int64), np.tile(np.array([1, 0], np.float32), (len(wanted), 1))
    for shot in np.unique(shots):
        frames = np.flatnonzero(shots == shot)
        path = steadiest_path(costs[frames], config.switch_cost)
        index[frames] = path[:, None]
        for change in np.flatnonzero(np.diff(path)) + 1:
            for step in range(min(config.fade, len(path) - change)):
                if step and path[change + step] != path[change]:
                    break
                here = frames[change + step]
                index[here, 1] = path[change - 1]
                share[here] = [(step + 1) / (config.fade + 1), 1 - (step + 1) / (config.fade + 1)]
    return Choice(index, share)


def describe(head: NDArray, shape: MouthShape, turned: NDArray, config: DubConfig) -> NDArray[np.float64]:
    """A vector for each face whose squared distances compare mouths and head turns, (T, D).

    head: (T, J, 3) landmarks in the head frame; turned: (T, 3) head angles in degrees.
    """
    mouth = shape.coefficients(head) / shape.spread[0]
    return np.concatenate([mouth, turned / config.pose_degrees], 1)


class DubStage(Stage[DubConfig]):
    """Inputs: `film`, `voice`, `speak`, `mouths` (stages).

    Files: lossless segments, `render.json` as of the render stage, `sure.npz` with the share of the mouth that was laid in
    (T,). Facts: frames dubbed and left alone and why, changes of reference.
    """

    name = "dub"
    version = 1
    Config: ClassVar[type[Config]] = DubConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Render segment by segment; segments that are there from an earlier run are kept."""
        shown = Shown.load(context.input("speak"))
        mouths = Mouths.load(context.input("mouths"))
        shape = Voice.load(context.input("voice")).shape
        painter = MouthPainter(shown, mouths, shape, self.config)
        with ClipReader(context.input("film"), device=context.device) as reader:
            names, rate = self._segments(context, reader, painter, shown)
            width, height = reader.width, reader.height
        index = {
            "width": width, "height": height, "rate": str(rate), "time_base": str(shown.timeline.time_base),
            "pts": shown.timeline.pts.tolist(), "segments": names,
        }  # fmt: skip
        (context.dir / "render.json").write_text(json.dumps(index))
        return self._facts(context, painter, names)

    def _segments(
        self, context: StageContext, reader: ClipReader, painter: MouthPainter, shown: Shown
    ) -> tuple[list[str], Fraction]:
        length, total = self.config.segment, len(shown.timeline)
        starts = range(0, total, length)
        names = [f"seg-{number:05d}{LOSSLESS_SUFFIX}" for number in range(len(starts))]
        done = next((i for i, name in enumerate(names) if not (context.dir / name).exists()), len(names))
        rate = reader.info.rate
        context.progress.start("dub", total, done=min(done * length, total))
        frames = in_order(reader, shown.timeline.frames[done * length :])
        for number in range(done, len(names)):
            span = range(starts[number], min(starts[number] + length, total))
            laid_in = np.zeros(len(span), np.float32)
            with LosslessWriter(context.dir / names[number], reader.width, reader.height, rate) as writer:
                for count, position in enumerate(span):
                    picture, laid_in[count] = painter.paint(next(frames), position)
                    writer.write(picture, count / rate)
                    context.progress.advance()
                np.save(context.dir / f"sure-{number:05d}.npy", laid_in)  # first: a segment that exists is complete
        return names, rate

    def _facts(self, context: StageContext, painter: MouthPainter, names: list[str]) -> dict[str, Any]:
        parts = [context.dir / f"sure-{number:05d}.npy" for number in range(len(names))]
        sure = np.concatenate([np.load(path, allow_pickle=False) for path in parts])
        np.savez(context.dir / SURE, sure=sure)
        for path in parts:
            path.unlink()
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


class MouthPainter:
    """Lays the spoken mouths into the film's frames."""

    def __init__(self, shown: Shown, mouths: Mouths, shape: MouthShape, config: DubConfig) -> None:
        self.mouths, self.config = mouths, config
        self.own, self.spoken = shown.own, shown.spoken
        self.here = shown.own.present
        pose = head_pose(shown.own)
        self.rings = np.full((len(shown.own), *mouths.rings.shape[1:]), np.nan)
        self.rings[self.here] = anchors(shape, pose[self.here])
        self.unit = pose.scale
        degrees = np.nan_to_num(angles(pose.rotation), nan=90.0)
        self.turned = np.abs(degrees[:, 0]) > config.most_yaw
        kept = shown_mouths(mouths, shape, config)
        wanted, own = np.zeros((2, len(shown.own), kept.shape[1]))
        for target, track in ((wanted, self.spoken), (own, self.own)):
            target[self.here] = describe(
                to_head(track.points[self.here], pose[self.here]), shape, degrees[self.here], config
            )
        self.choice = choose_mouths(wanted, kept, mouths.blur, config, shown.shots)
        self.likeness = choose_mouths(own, kept, mouths.blur, config, shown.shots)
        self.strength = _strength(self.here & ~self.turned, shown.shots)

    def paint(self, rgb: NDArray[np.uint8], position: int) -> tuple[NDArray[np.uint8], float]:
        """A film frame (H, W, 3) with its mouth, and how much of the mouth is the spoken one, in [0, 1]."""
        strength = float(self.strength[position])
        if strength == 0:
            return rgb, 0.0
        size, unit = self.mouths.size, float(self.unit[position])
        corner = np.array(window_corner(self.own.image[position].astype(np.float64), size), np.int64)
        frame = window(rgb, corner, size)
        ring = self.rings[position] - corner
        own = Face(self.own.image[position] - corner, ring)
        spoken = Face(self.spoken.image[position] - corner, ring)
        cover = hull([own, spoken], size, unit)
        patch = self._patch(self.choice, position, spoken, own, frame, cover)
        if self.config.occlusion:
            expected = self._patch(self.likeness, position, own, own, frame, cover)
            hidden = strangers(frame, expected, own, cover, unit)
            share = float((hidden * cover).sum() / max(1.0, float(cover.sum())))
            strength *= float(np.clip(2 * (MANY_STRANGERS - share) / MANY_STRANGERS, 0, 1))
            cover = cover * (1 - hidden)
        return put(rgb, laid(frame, patch, strength * cover), corner), strength

    def _patch(
        self, choice: Choice, position: int, face: Face, own: Face, frame: NDArray[np.uint8], cover: NDArray
    ) -> NDArray[np.float32]:
        unit, size = float(self.unit[position]), self.mouths.size
        total = np.zeros((size, size, 3), np.float32)
        for index, share in zip(choice.index[position], choice.share[position], strict=True):
            if share > 0:
                patch = warped(self.mouths.crops[index], self.mouths.face(int(index)), face, size)
                total += share * matched(patch, frame, [face, own], cover, unit)
        return total


def shown_mouths(mouths: Mouths, shape: MouthShape, config: DubConfig) -> NDArray[np.float64]:
    """The kept mouths' descriptions, (N, D)."""
    return describe(mouths.head, shape, mouths.turned, config)


def _strength(sound: NDArray[np.bool_], shots: NDArray[np.int64], ramp: int = 4) -> NDArray[np.float64]:
    """How far the mouth is laid in, (T,): 0 where it cannot be, rising over `ramp` frames beside that, not over cuts."""
    out = np.zeros(len(sound))
    for shot in np.unique(shots):
        frames = np.flatnonzero(shots == shot)
        bad = np.flatnonzero(~sound[frames])
        away = np.full(len(frames), float(ramp + 1))
        if len(bad):
            away = np.abs(np.arange(len(frames))[:, None] - bad[None]).min(1).astype(np.float64)
        out[frames] = np.clip(away / (ramp + 1), 0, 1)
    return out


def in_order(reader: ClipReader, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """The film's frames by number, in the order wanted: forwards in one go, backwards in pieces."""
    position = 0
    while position < len(wanted):
        ahead = wanted[position:]
        steps = np.diff(ahead)
        run = 1 + next((i for i, step in enumerate(steps) if step != 1), len(steps))
        if run > 1 or len(ahead) == 1:
            frames = reader.frames(int(ahead[0]))
            for _ in range(run):
                yield next(frames).rgb
            frames.close()  # type: ignore[attr-defined]
            position += run
            continue
        back = 1 + next((i for i, step in enumerate(steps) if step != -1), len(steps))
        back = min(max(1, back), BACKWARDS)
        frames = reader.frames(int(ahead[back - 1]))
        held = [next(frames).rgb for _ in range(back)]
        frames.close()  # type: ignore[attr-defined]
        yield from reversed(held)
        position += back
