"""The mouths stage: the speaker's lower face in the film's frames, from which every spoken mouth is taken."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import MediaError, PersonError
from vidgan.face.head import angles, head_pose, to_head
from vidgan.face.lower import SIDE, Face, anchors, mouth_sharpness, window_corner
from vidgan.face.track import FaceTrack
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.film_face import shots_of
from vidgan.stages.subject import kept_frames
from vidgan.stages.voice import Voice
from vidgan.subject.mend import window_sides
from vidgan.subject.mouths import CROPS, FRAMES, reduced, window
from vidgan.subject.stored import new_pictures
from vidgan.video.read import ClipReader

LARGEST = 98
"""The percentile of the face's sizes in a shot for which its window is made."""


class MouthsConfig(Config):
    """`max_frames` and `max_megabytes` bound what is kept; faces turned by more than `most_yaw` degrees are left out;
    `use` is the share from the film's beginning that mouths are taken from.
    """

    max_frames: int = Field(720, ge=2)
    max_megabytes: float = Field(1500.0, gt=1)
    most_yaw: float = Field(35.0, gt=0, le=90)
    use: float = Field(1.0, gt=0, le=1)


class MouthsStage(Stage[MouthsConfig]):
    """Inputs: `film`, `face` (its face stage), `voice` (its voice stage). Files: `crops.npy`, `frames.npz`.

    Facts: frames kept, size of the crops, sides of their windows, pixels between the outer eye corners.
    """

    name = "mouths"
    version = 4
    Config: ClassVar[type[Config]] = MouthsConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Read the film once.

        Raises:
            PersonError: the face is never seen from the front.
            MediaError: the film's frames are larger than are read as they are.
        """
        track = FaceTrack.load(context.input("face") / "track.npz")
        shape = Voice.load(context.input("voice")).shape
        pose = head_pose(track)
        yaw = np.abs(np.nan_to_num(angles(pose.rotation)[:, 0], nan=90.0))
        shots = shots_of(context.input("face"), np.arange(len(track)))
        sides = window_sides(pose.scale, shots, track.present, SIDE, LARGEST)
        most = int(sides.max())
        limit = max(2, min(self.config.max_frames, int(self.config.max_megabytes * 1e6 / (3 * most * most))))
        used = np.arange(len(track)) < max(2, round(self.config.use * len(track)))
        frames = kept_frames(track.present & (yaw < self.config.most_yaw) & used, limit)
        if len(frames) < 2:
            raise PersonError(
                f"{context.input('film').name}: the face is never seen from the front (within "
                f"{self.config.most_yaw:.0f} degrees): a mouth seen from the side cannot be dubbed well"
            )
        points = track.image[frames].astype(np.float64)
        rings = anchors(shape, pose[frames])
        own = sides[frames]
        least = int(own.min())
        corners = np.array([window_corner(*one) for one in zip(points, own, strict=True)], np.int64)
        crops = new_pictures(context.dir / CROPS, (len(frames), most, most, 3))
        sharpness = np.zeros(len(frames), np.float32)
        position = {int(frame): index for index, frame in enumerate(frames)}
        context.progress.start("mouths", int(frames[-1]) + 1)
        with ClipReader(context.input("film"), device=context.device) as reader:
            if reader.width != track.width:
                size = f"{track.width}x{track.height}"
                raise MediaError(
                    f"{context.input('film').name}: frames of {size} are too large to be read whole: scale it down to "
                    f"{reader.width}x{reader.height}"
                )
            for number, frame in enumerate(reader):
                if number > frames[-1]:
                    break
                index = position.get(number)
                if index is not None:
                    crop = window(frame.rgb, corners[index], int(own[index]))
                    crops[index, : len(crop), : len(crop)] = crop
                    # All at the smallest window's size: a smaller face would look sharper than a larger one.
                    face = Face(points[index] - corners[index], rings[index] - corners[index])
                    sharpness[index] = mouth_sharpness(*reduced(crop, face, least))
                context.progress.advance()
        crops.flush()
        np.savez(
            context.dir / FRAMES, corners=corners, frames=frames, points=points, rings=rings,
            head=to_head(track.points[frames], pose[frames]), turned=angles(pose[frames].rotation),
            blur=np.clip(1 - sharpness / (float(np.median(sharpness)) or 1.0), 0, 1), sides=sides,
        )  # fmt: skip
        return {
            "frames": len(frames), "size": most, "windows": np.unique(own).tolist(),
            "unit": round(float(np.nanmedian(pose.scale)), 1),
        }  # fmt: skip
