"""The mouths stage: the speaker's lower face in the film's frames, from which every spoken mouth is taken."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.face.head import angles, head_pose, to_head
from vidgan.face.lower import Face, anchors, mouth_sharpness, window_corner, window_side
from vidgan.face.track import FaceTrack
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.subject import kept_frames
from vidgan.stages.voice import Voice
from vidgan.video.read import ClipReader

CROPS, FRAMES = "crops.npy", "frames.npz"


class MouthsConfig(Config):
    """`max_frames` and `max_megabytes` bound what is kept; faces turned by more than `most_yaw` degrees are left out."""

    max_frames: int = Field(720, ge=2)
    max_megabytes: float = Field(1500.0, gt=1)
    most_yaw: float = Field(35.0, gt=0, le=90)


@dataclass(frozen=True)
class Mouths:
    """The kept frames: crops (N, S, S, 3) uint8; corners (N, 2) left and top of each in its frame; frames (N,) their numbers
    in the film; points (N, J, 2) and rings (N, A, 2) in pixels of the film; head (N, J, 3) in the head frame and turned
    (N, 3) the head's angles in degrees; blur (N,) in [0, 1].
    """

    crops: NDArray[np.uint8]
    corners: NDArray[np.int64]
    frames: NDArray[np.int64]
    points: NDArray[np.float64]
    rings: NDArray[np.float64]
    head: NDArray[np.float64]
    turned: NDArray[np.float64]
    blur: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.frames)

    @property
    def size(self) -> int:
        """The crops' side in pixels."""
        return self.crops.shape[1]

    def face(self, index: int) -> Face:
        """The face of a kept frame, in pixels of its crop."""
        corner = self.corners[index]
        return Face(self.points[index] - corner, self.rings[index] - corner)

    @classmethod
    def load(cls, folder: Path) -> Mouths:
        """Read a finished mouths stage; the crops stay on disk until they are used."""
        crops = np.load(folder / CROPS, mmap_mode="r", allow_pickle=False)
        with np.load(folder / FRAMES, allow_pickle=False) as data:
            return cls(crops, **{name: data[name] for name in data.files})


class MouthsStage(Stage[MouthsConfig]):
    """Inputs: `film`, `face` (its face stage), `voice` (its voice stage). Files: `crops.npy`, `frames.npz`.

    Facts: frames kept, size of the crops, pixels between the outer eye corners.
    """

    name = "mouths"
    version = 1
    Config: ClassVar[type[Config]] = MouthsConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Read the film once.

        Raises:
            PersonError: the face is never seen from the front.
        """
        track = FaceTrack.load(context.input("face") / "track.npz")
        shape = Voice.load(context.input("voice")).shape
        pose = head_pose(track)
        yaw = np.abs(np.nan_to_num(angles(pose.rotation)[:, 0], nan=90.0))
        side = window_side(float(np.nanmedian(pose.scale)))
        limit = max(2, min(self.config.max_frames, int(self.config.max_megabytes * 1e6 / (3 * side * side))))
        frames = kept_frames(track.present & (yaw < self.config.most_yaw), limit)
        if len(frames) < 2:
            raise PersonError(
                f"{context.input('film').name}: the face is never seen from the front (within "
                f"{self.config.most_yaw:.0f} degrees): a mouth seen from the side cannot be dubbed well"
            )
        points = track.image[frames].astype(np.float64)
        rings = anchors(shape, pose[frames])
        corners = np.array([window_corner(one, side) for one in points], np.int64)
        crops: np.memmap = np.lib.format.open_memmap(
            context.dir / CROPS, mode="w+", dtype=np.uint8, shape=(len(frames), side, side, 3)
        )
        sharpness = np.zeros(len(frames), np.float32)
        position = {int(frame): index for index, frame in enumerate(frames)}
        context.progress.start("mouths", int(frames[-1]) + 1)
        with ClipReader(context.input("film"), device=context.device) as reader:
            for number, frame in enumerate(reader):
                if number > frames[-1]:
                    break
                index = position.get(number)
                if index is not None:
                    crops[index] = window(frame.rgb, corners[index], side)
                    face = Face(points[index] - corners[index], rings[index] - corners[index])
                    sharpness[index] = mouth_sharpness(crops[index], face)
                context.progress.advance()
        crops.flush()
        usual = float(np.median(sharpness)) or 1.0
        np.savez(
            context.dir / FRAMES, corners=corners, frames=frames, points=points, rings=rings,
            head=to_head(track.points[frames], pose[frames]), turned=angles(pose[frames].rotation),
            blur=np.clip(1 - sharpness / usual, 0, 1),
        )  # fmt: skip
        return {"frames": len(frames), "size": side, "unit": round(float(np.nanmedian(pose.scale)), 1)}


def window(rgb: NDArray[np.uint8], corner: NDArray[np.int64], side: int) -> NDArray[np.uint8]:
    """A window of a frame (H, W, 3), its edge pixels repeated beyond it: (side, side, 3)."""
    height, width = rgb.shape[:2]
    rows = np.clip(np.arange(corner[1], corner[1] + side), 0, height - 1)
    columns = np.clip(np.arange(corner[0], corner[0] + side), 0, width - 1)
    return np.ascontiguousarray(rgb[rows[:, None], columns])


def put(rgb: NDArray[np.uint8], picture: NDArray[np.uint8], corner: NDArray[np.int64]) -> NDArray[np.uint8]:
    """A frame with a window's picture in its place: a new (H, W, 3)."""
    out = rgb.copy()
    height, width = rgb.shape[:2]
    side = len(picture)
    left, top = int(corner[0]), int(corner[1])
    rows, columns = slice(max(0, top), min(height, top + side)), slice(max(0, left), min(width, left + side))
    if rows.start < rows.stop and columns.start < columns.stop:
        out[rows, columns] = picture[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
    return out
