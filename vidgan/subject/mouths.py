"""The speaker's lower face in the film's frames, and how windows of frames are taken out and put back.

Legend: N kept frames, J = 478 landmarks, A points of the anchor ring, S pixels of a window.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.lower import Face

CROPS, FRAMES = "crops.npy", "frames.npz"


@dataclass(frozen=True)
class Mouths:
    """The kept frames: crops (N, S, S, 3) uint8, each with its shot's window, black beyond that; corners (N, 2) left
    and top of each in its frame; frames (N,) their numbers in the film; points (N, J, 2) and rings (N, A, 2) in pixels
    of the film; head (N, J, 3) in the head frame, turned (N, 3) the head's angles in degrees; blur (N,) in [0, 1],
    against the others, all at the smallest window's size; sides (F,) of the window in every frame of the film, 0 in
    shots without a face.
    """

    crops: NDArray[np.uint8]
    corners: NDArray[np.int64]
    frames: NDArray[np.int64]
    points: NDArray[np.float64]
    rings: NDArray[np.float64]
    head: NDArray[np.float64]
    turned: NDArray[np.float64]
    blur: NDArray[np.float32]
    sides: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.frames)

    def face(self, index: int) -> Face:
        """The face of a kept frame, in pixels of its crop."""
        corner = self.corners[index]
        return Face(self.points[index] - corner, self.rings[index] - corner)

    @property
    def own_sides(self) -> NDArray[np.int64]:
        """The side of each kept frame's window, (N,)."""
        return self.sides[self.frames]

    def crop(self, index: int) -> NDArray[np.uint8]:
        """The window of a kept frame, (S, S, 3) with its shot's side."""
        side = int(self.own_sides[index])
        return self.crops[index, :side, :side]

    def at(self, index: int, side: int) -> tuple[NDArray[np.uint8], Face]:
        """A kept frame's window and face, to be shown in a window of that side: made smaller where that is of a shot
        with smaller faces, in which fine detail would flicker.
        """
        return reduced(self.crop(index), self.face(index), side)

    @classmethod
    def load(cls, folder: Path) -> Mouths:
        """Read a finished mouths stage; the crops stay on disk until they are used."""
        crops = np.load(folder / CROPS, mmap_mode="r", allow_pickle=False)
        with np.load(folder / FRAMES, allow_pickle=False) as data:
            return cls(crops, **{name: data[name] for name in data.files})


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


def reduced(crop: NDArray[np.uint8], face: Face, side: int) -> tuple[NDArray[np.uint8], Face]:
    """A window (S, S, 3) and the face in it, brought down to `side` pixels; as they are where it has no more."""
    if side >= len(crop):
        return crop, face
    less = side / len(crop)
    small = cv2.resize(crop, (side, side), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), Face(less * face.points, less * face.ring)
