"""The driver stage: the motion of a face, from its video or from a saved file."""

from __future__ import annotations

import shutil
from typing import Any, ClassVar

import numpy as np

from vidgan.face.expression import neutral_frame
from vidgan.face.motion import SUFFIX, FaceMotion
from vidgan.face.mouths import SIZE, Mouths, cut, skin_colour
from vidgan.face.regions import LIPS_INNER
from vidgan.face.track import FaceTrack
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage
from vidgan.video.read import ClipReader


class DriverStage(FaceStage):
    """`video` (or a saved motion) in; `motion.npz` out. Facts: those of the face stage, and the frame at rest."""

    name: ClassVar[str] = "driver"
    version: ClassVar[int] = 1
    choosing: ClassVar[str] = "--set driver.person=N"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Find the face, its frame at rest, and cut out the mouth of every frame.

        Raises:
            PersonError: the video shows no face.
            MediaError: the saved motion is none, or damaged.
        """
        path = context.input("video")
        if path.suffix.lower() == SUFFIX:
            motion, facts = FaceMotion.load(path), {"saved": True}
        else:
            track, facts = self.find(context)
            motion = gather(context, track)
        motion.save(context.dir / "motion.npz")
        shutil.rmtree(context.dir / "raw", ignore_errors=True)
        seconds = motion.track.seconds
        return facts | {
            "frames": len(motion.track), "present": int(motion.track.present.sum()), "neutral": motion.neutral,
            "neutral_seconds": round(float(seconds[motion.neutral]), 3),
        }  # fmt: skip


def gather(context: StageContext, track: FaceTrack) -> FaceMotion:
    """Read the video once more for the mouths of a track."""
    neutral = neutral_frame(track)
    pictures = np.zeros((len(track), *SIZE, 3), np.uint8)
    rings = np.zeros((len(track), len(LIPS_INNER), 2), np.float32)
    skin = np.zeros(3, np.float32)
    context.progress.start("mouths", len(track), "frames")
    with ClipReader(context.input("video")) as reader:
        factor = np.array([reader.width / track.width, reader.height / track.height], np.float32)
        for index, frame in zip(range(len(track)), reader, strict=False):
            context.progress.advance()
            if not track.present[index]:
                continue
            points = track.image[index] * factor
            pictures[index], rings[index] = cut(frame.rgb, points)
            if index == neutral:
                skin = skin_colour(frame.rgb, points)
    return FaceMotion(track, neutral, Mouths(pictures, rings, skin))
