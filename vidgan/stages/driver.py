"""The driver stage: the motion of a face, from its video or from a saved file."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from vidgan.errors import CacheError
from vidgan.face.expression import neutral_frame
from vidgan.face.motion import PICTURES, SUFFIX, FaceMotion
from vidgan.face.mouths import SIZE, Mouths, cut, skin_colour
from vidgan.face.regions import LIPS_INNER
from vidgan.face.track import FaceTrack
from vidgan.stages.base import StageContext
from vidgan.stages.film_face import FilmFaceStage
from vidgan.video.read import ClipReader

MOTION = "motion.npz"


class DriverStage(FilmFaceStage):
    """`video` (or a saved motion) in; `motion.npz` and its mouths unpacked, `pictures.npy`, out.

    Facts: those of the face stage, the frame at rest, and how many cuts there are.
    """

    name: ClassVar[str] = "driver"
    version: ClassVar[int] = 7
    choosing: ClassVar[str] = "--set driver.person=N"
    section: ClassVar[str] = "driver"
    left: ClassVar[str] = "are left out, the head rests meanwhile"

    def run(self, context: StageContext) -> dict[str, Any]:
        """Find the face, its frame at rest, and cut out the mouth of every frame.

        Raises:
            PersonError: the video shows no face.
            MediaError: the saved motion is none, or damaged.
        """
        path = context.input("video")
        if path.suffix.lower() == SUFFIX:
            motion, facts = FaceMotion.load(path, context.dir), {"saved": True}
        else:
            track, facts = self.find(context)
            motion = gather(context, track, self.cuts(context))
        motion.save(context.dir / MOTION)
        shutil.rmtree(context.dir / "raw", ignore_errors=True)
        seconds = motion.track.seconds
        return facts | {
            "frames": len(motion.track), "present": int(motion.track.present.sum()), "neutral": motion.neutral,
            "neutral_seconds": round(float(seconds[motion.neutral]), 3), "cuts": len(motion.cuts),
        }  # fmt: skip


def load_motion(folder: Path) -> FaceMotion:
    """What a driver stage wrote. The mouths' pictures are mapped: read when they are looked at.

    Raises:
        CacheError: it is damaged.
    """
    try:
        with np.load(folder / MOTION, allow_pickle=False) as data:
            pictures = np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False)
            mouths = Mouths(pictures, data["rings"], data["skin"])
            return FaceMotion(FaceTrack.of(data), int(data["neutral"]), mouths, data["cuts"])
    except Exception as error:  # a damaged zip fails in any way
        raise CacheError(f"{folder} is damaged ({type(error).__name__}): remove it and run again") from error


def gather(context: StageContext, track: FaceTrack, cuts: list[int]) -> FaceMotion:
    """Read the video once more for the mouths of a track; their pictures go to a file as they come."""
    neutral = neutral_frame(track)
    rings = np.zeros((len(track), len(LIPS_INNER), 2), np.float32)
    skin = np.zeros((len(track), 3), np.float32)
    context.progress.start("mouths", len(track), "frames")
    shape = (len(track), *SIZE, 3)
    with ClipReader(context.input("video")) as reader, (context.dir / PICTURES).open("wb") as file:
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        start, size = file.tell(), math.prod(shape[1:])
        factor = np.array([reader.width / track.width, reader.height / track.height], np.float32)
        for index, frame in zip(range(len(track)), reader, strict=False):
            context.progress.advance()
            if not track.present[index]:
                continue
            points = track.image[index] * factor
            picture, rings[index] = cut(frame.rgb, points)
            file.seek(start + index * size)
            file.write(picture.tobytes())
            skin[index] = skin_colour(frame.rgb, points)
        file.truncate(start + len(track) * size)
    pictures = np.load(context.dir / PICTURES, mmap_mode="r", allow_pickle=False)
    within = [cut for cut in sorted(set(cuts)) if 0 < cut < len(track)]
    return FaceMotion(track, neutral, Mouths(pictures, rings, skin), np.array(within, np.int64))
