"""A filmed face animated: every frame of the film is the picture that its head is animated in, so that body, camera and
background go on as filmed.

Legend: T driving frames, J = 478 landmarks; H, W the film's pixels.
"""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.head import HeadPose, head_pose_of
from vidgan.face.mouths import Mouths
from vidgan.face.transfer import Driven, Filmed
from vidgan.subject.animate import FacePainter
from vidgan.subject.head_flow import moving_window
from vidgan.subject.inpaint import smooth
from vidgan.subject.mouth_layer import Borrowed
from vidgan.subject.portrait import (
    FLYAWAY,
    Portrait,
    by_colour,
    oval_of,
    plate_behind,
    plate_joined,
    refined,
    with_reach,
)


class FilmPainter:
    """Animates the frames of a film.

    portrait: the film's frame at rest, which lends its eyes, in each frame's light, and its plate in the same shot if
    the camera stands still there; filmed: the film under the driving frames; driven: its face as it shall be; lent: the
    driver's mouths, one a frame, or None; borrowed: what `choose_mouths` says.
    """

    def __init__(
        self, portrait: Portrait, filmed: Filmed, driven: Driven, lent: Mouths | None, borrowed: Borrowed
    ) -> None:
        self.portrait, self.filmed, self.driven, self.lent = portrait, filmed, driven, lent
        self.borrowed = borrowed
        self._poses = head_pose_of(filmed.points)
        self._seen = bool((portrait.matte < 255).any())

    def paint(self, index: int, rgb: NDArray[np.uint8], mask: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The film's frame (H, W, 3) that is shown in the `index`-th driving frame, animated.

        mask: (h, w) where the person is in it, of any size.
        """
        if not self.filmed.share[index]:
            return rgb
        here = np.array([index])
        left, top, right, bottom = moving_window(self._poses[here], rgb.shape)
        inside, corner = np.s_[top:bottom, left:right], np.array([left, top, 0])
        picture, points = np.ascontiguousarray(rgb[inside]), self.filmed.points[index] - corner
        matte = self._matte(mask, picture, points, rgb.shape, inside)
        matte, plate = self._apart(index, picture, matte, inside)
        one = replace(
            self.portrait, picture=picture, matte=matte, plate=plate, points=points.astype(np.float32), seen=None
        )  # fmt: skip
        lent = None if self.lent is None else self.lent[here]
        driven = _shifted(self.driven[here], corner)
        painter = FacePainter(one, driven, lent, self.portrait, self.borrowed[here])
        out = rgb.copy()
        out[inside] = painter.paint(0)
        return out

    def _matte(
        self, mask: NDArray[np.uint8], picture: NDArray[np.uint8], points: NDArray, shape: tuple[int, ...],
        inside: tuple[slice, slice],
    ) -> NDArray[np.uint8]:  # fmt: skip
        """The person in a part of the frame; where the segmenter missed them at rest, all of it bends with the head."""
        if not self._seen:
            return np.full(picture.shape[:2], 255, np.uint8)
        whole = cv2.resize(mask, shape[1::-1], interpolation=cv2.INTER_CUBIC)
        matte = refined(np.ascontiguousarray(whole[inside]), picture)
        return np.maximum(matte, oval_of(points, picture.shape))

    def _apart(
        self, index: int, picture: NDArray[np.uint8], matte: NDArray[np.uint8], inside: tuple[slice, slice]
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """The matte of a part of the frame, settled, and what is behind the person in it."""
        if not self._seen:
            return matte, picture
        if self.portrait.steady and self.filmed.shots[index] == self.portrait.shot:
            # Loose hair beyond the outline goes with the head, so it is taken out of what stays.
            plate = plate_joined(picture, with_reach(matte, FLYAWAY), self.portrait.plate[inside])
            seen = self.portrait.seen
            return by_colour(picture, matte, plate, False if seen is None else seen[inside]), plate
        plate = plate_behind(picture, matte, smooth)  # texture would be another in every frame
        return by_colour(picture, matte, plate, False), plate


def _shifted(driven: Driven, corner: NDArray[np.int64]) -> Driven:
    """The same face in pixels that are counted from `corner` (3,)."""
    pose = HeadPose(driven.pose.rotation, driven.pose.scale, driven.pose.translation - corner)
    return Driven(driven.points - corner, pose, driven.gaze, driven.asked - corner)
