"""The takes stage: what a generator learns to mend a reanimated face from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.face.head import angles, head_pose_of
from vidgan.face.motion import SUFFIX
from vidgan.face.mouths import Mouths
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven, FaceTransferConfig, drive, whole
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.driver import load_motion
from vidgan.stages.film_face import shots_of
from vidgan.subject.mend import SIDE
from vidgan.subject.portrait import Portrait
from vidgan.subject.rehearse import OVERSIZE, Rehearsal, homes, others, scaled, spread_blocks, uses
from vidgan.subject.stored import new_pictures
from vidgan.subject.takes import TakesWriter
from vidgan.video.read import ClipReader

SCRATCH = "read.npy"
"""The clip's pictures while they are drafted from each other."""

ENOUGH = 48
"""Frames with a face from which on a clip is worth rehearsing on."""


class TakesConfig(Config):
    """Windows of `size` pixels; of a clip at most `frames`, each drafted from `ways` other frames, the last `held_out`
    of them kept for judging; `portrait` poses from which the portrait is brought back.
    """

    size: int = Field(192, ge=32, multiple_of=32)
    frames: int = Field(240, ge=24)
    ways: int = Field(3, ge=1)
    portrait: int = Field(120, ge=0)
    held_out: float = Field(0.15, gt=0, le=0.5)


@dataclass(frozen=True)
class Clip:
    """A video with a face in it: points (T, J, 3) in the track's pixels, and its mouths; None of the target's own."""

    path: Path
    track: FaceTrack
    mouths: Mouths | None

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The landmarks of every frame, of lost frames interpolated."""
        return whole(self.track.points, self.track.present, self.track.seconds)


class TakesStage(Stage[TakesConfig]):
    """Inputs: `target` and `driving` (files), `target_face`, `driver`, `portrait`. Files: `Takes`.

    A video of the target is rehearsed on itself, on its longest shot: its frames are animated to look like others of
    them. For a picture the longest shot of the driver's video stands in, with the picture itself driven away and back,
    so that mending warps is learnt, and not a face. How the motion is transferred in the end does not count, so that
    changing that trains nothing anew. Facts: what was taken. A killed run goes on after the last of every few pictures.
    """

    name: ClassVar[str] = "takes"
    version: ClassVar[int] = 9
    Config: ClassVar[type[Config]] = TakesConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Draft known pictures."""
        config = self.config
        portrait = Portrait.load(context.input("portrait"))
        driven = self._driven(context, portrait)
        clip, whose = self._clip(context)
        taken = spread_blocks(clip.track.present, config.frames) if clip else np.zeros(0, np.int64)
        ways = min(config.ways, uses(taken, config.held_out).count("train")) if clip else 0
        poses = np.linspace(0, len(driven) - 1, min(config.portrait, len(driven))).round().astype(int)
        drafts = ways * len(taken)
        writer = TakesWriter(context.dir, drafts + len(poses), len(taken) + 1, config.size)
        rehearsal, done = Rehearsal(writer, config.held_out), writer.done
        context.progress.start("rehearse", len(taken) + len(poses), "frames", done=done)
        if clip and done < len(taken):
            for number in self._rehearse(rehearsal, clip, portrait, taken, done, context.dir / SCRATCH):
                writer.keep(number)
                context.progress.advance()
        left = max(0, done - len(taken))
        for number in rehearsal.of_portrait(portrait, driven[poses], ways, drafts, len(taken), clip is None, left):
            writer.keep(len(taken) + number)
            context.progress.advance()
        writer.close()
        (context.dir / SCRATCH).unlink(missing_ok=True)
        return {"whose": whose, "frames": len(taken), "ways": ways, "drafts": len(writer.of), "size": config.size}

    def _driven(self, context: StageContext, portrait: Portrait) -> Driven:
        motion = load_motion(context.input("driver"))
        return drive(
            motion.points, motion.neutral, portrait.points, FaceTransferConfig(), portrait.looks, shots=motion.shots
        )

    def _clip(self, context: StageContext) -> tuple[Clip | None, str]:
        """The clip to rehearse on, and whose it is."""
        folder = context.input("target_face")
        own = FaceTrack.load(folder / "track.npz")
        own = longest_shot(own, shots_of(folder, np.arange(len(own))))
        if own.present.sum() >= ENOUGH:
            return Clip(context.input("target"), own, None), "target"
        motion, path = load_motion(context.input("driver")), context.input("driving")
        track = longest_shot(motion.track, motion.shots)
        if path.suffix.lower() != SUFFIX and track.present.sum() >= ENOUGH:
            return Clip(path, track, motion.mouths), "driver"
        context.progress.note(
            f"neither target nor driver is a video with {ENOUGH} frames of a face in one shot: the portrait alone is "
            "learnt from"
        )
        return None, "portrait"

    def _homes(self, clip: Clip, taken: NDArray[np.int64]) -> NDArray[np.int64]:
        known = taken[[use == "train" for use in uses(taken, self.config.held_out)]]
        return homes(clip.track, known, self.config.ways)

    def _rehearse(
        self, rehearsal: Rehearsal, clip: Clip, portrait: Portrait, taken: NDArray[np.int64], start: int,
        scratch: Path,
    ) -> Iterator[int]:  # fmt: skip
        width, height = clip.track.width, clip.track.height
        factor = min(
            1.0, OVERSIZE * self.config.size / (SIDE * float(np.median(head_pose_of(clip.points[taken]).scale)))
        )
        with ClipReader(clip.path, max_side=max(64, round(factor * max(width, height)))) as reader:
            across, down = reader.width / width, reader.height / height
            points = clip.points * np.array([across, down, across])
            shown = _pictures(reader, taken, scratch)
            frames = (shown[index] for index in range(start, len(taken)))
            if clip.mouths is None:
                turned = angles(head_pose_of(points[taken]).rotation)
                sources = others(taken, turned, self.config.held_out, self.config.ways)
                film = scaled(portrait, reader.width / int(portrait.size[0]))
                under: list[Iterator[NDArray[np.uint8]]]
                under = [iter(shown[index] for index in np.searchsorted(taken, source[start:])) for source in sources]
                yield from rehearsal.of_film(film, frames, under, points, taken, sources, start)
            else:
                at = self._homes(clip, taken)
                pictures = dict(zip(at.tolist(), shown[np.searchsorted(taken, at)], strict=True))
                yield from rehearsal.of_clip(frames, pictures, points, taken, clip.mouths, start)


def longest_shot(track: FaceTrack, shots: NDArray[np.int64]) -> FaceTrack:
    """A track of shots (T,) with its face in the shot that shows it longest alone.

    Another shot has another light, which is not a warp's to mend.
    """
    return replace(track, present=track.present & (shots == np.bincount(shots, track.present).argmax()))


def _pictures(reader: ClipReader, frames: NDArray[np.int64], path: Path) -> NDArray[np.uint8]:
    """The pictures of rising frames (n,), read in one pass into a file: (n, H, W, 3)."""
    pictures = new_pictures(path, (len(frames), reader.height, reader.width, 3))
    at = {int(frame): index for index, frame in enumerate(frames)}
    for number, frame in zip(range(int(frames[-1]) + 1), reader, strict=False):
        if number in at:
            pictures[at[number]] = frame.rgb
    return pictures
