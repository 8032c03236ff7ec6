"""A portrait animated: its own pixels carried by the face mesh, head and hair by the head, the rest left where it is.

Layers from back to front: the background plate; the person, warped; the eyeballs, which look where they should and
which the lids cover; the mouth's inside, the target's own where it shows one, else the driver's in the target's light.

Legend: T frames, J = 478 landmarks, (h, w) the window's pixels; head frame as in `vidgan.face.head`.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.mesh import polygon, pull
from vidgan.face.mouths import Mouths
from vidgan.face.regions import LEFT_EYE, LIPS_INNER, RIGHT_EYE
from vidgan.face.transfer import Driven
from vidgan.subject.eye_layer import EyeLayer
from vidgan.subject.head_flow import HeadFlow, moving_window
from vidgan.subject.mouth_layer import Borrowed, MouthLayer, choose_mouths
from vidgan.subject.places import grid
from vidgan.subject.portrait import Portrait

Array = NDArray[np.float32]


class FacePainter:
    """Paints a portrait in given poses.

    driven: the target's face as it shall be; lent: the driver's mouths, one a frame, or None for silence about them;
    rest: another picture of the same face, to take the eyes from (they may be shut in this one); borrowed: what
    `choose_mouths` says, if known already.
    """

    def __init__(
        self, portrait: Portrait, driven: Driven, lent: Mouths | None, rest: Portrait | None = None,
        borrowed: Borrowed | None = None,
    ) -> None:  # fmt: skip
        self.portrait, self.driven = portrait, driven
        self.window = moving_window(portrait.pose, portrait.picture.shape)
        left, top, right, bottom = self.window
        self._size = (bottom - top, right - left)
        self.flow = HeadFlow(portrait, driven, self.window)
        self._eyes = EyeLayer(portrait, rest or portrait, driven, self.window)
        borrowed = borrowed or choose_mouths(portrait, driven, lent)
        self._mouth = MouthLayer(portrait, driven, lent, borrowed, self.window)

    @cached_property
    def _layers(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        left, top, right, bottom = self.window
        inside = np.s_[top:bottom, left:right]
        one = self.portrait
        return one.picture[inside], one.spread[inside], one.matte[inside], one.plate[inside]

    def paint(self, index: int) -> NDArray[np.uint8]:
        """The whole picture (H, W, 3) in the `index`-th frame."""
        picture, person, matte, plate = self._layers
        points = self.driven.points[index]
        where = self.flow.at(index)
        moved = np.linalg.norm(where - grid(self._size), axis=-1)
        warped = pull(person, where).astype(np.float32)
        cover = pull(matte, where, cv2.INTER_LINEAR).astype(np.float32)[..., None] / 255
        self._eyes.draw(warped, index)
        self._mouth.draw(warped, index)
        out = plate + cover * (warped - plate)
        # What does not move is the picture itself, to the last grey level.
        still = np.clip(1 - 4 * (cv2.blur(moved, (5, 5)) - 0.02), 0, 1)[..., None]
        out = out + still * self._apart_from_holes(points) * (picture - out)
        result = self.portrait.picture.copy()
        left, top, right, bottom = self.window
        result[top:bottom, left:right] = np.clip(out + 0.5, 0, 255)
        return result

    def _apart_from_holes(self, points: NDArray) -> Array:
        """0 where eyes and mouth are, whose layers may change without the skin around them: (h, w, 1)."""
        away = np.ones(self._size, np.float32)
        for ring in (LEFT_EYE, RIGHT_EYE, LIPS_INNER):
            place = points[list(ring), :2] - self.window[:2]
            away *= 1 - polygon(place, self._size, 2.0)
        return away[..., None]
