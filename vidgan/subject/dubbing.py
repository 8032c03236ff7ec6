"""Mouths laid into a film: which kept mouth is taken for which frame, and how it gets into the picture.

Legend: T shown frames, N kept mouths, J = 478 landmarks, S pixels of a window.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.face.head import angles, head_pose, to_head
from vidgan.face.lower import Face, anchors, hull, laid, matched, strangers, warped, window_corner
from vidgan.face.mouth import MouthShape, mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.subject.mend import HEIGHT, Mender
from vidgan.subject.mouths import Mouths, put, window
from vidgan.subject.paint import Previous
from vidgan.subject.references import pose_distances, steadiest_path
from vidgan.subject.stored import as_matte

Array = NDArray[np.float32]

HIDDEN, GONE = 0.35, 0.45
"""With so much of the lower face hidden the film's own frame begins to show, and shows alone."""


class MouthConfig(Config):
    """How the mouth gets into the picture.

    References are film frames: a mouth's distance counts in standard deviations of this person's, `pose_degrees` of
    head turn count as one of them, and so does an opening of the lips larger by the share `opening`, since what is
    between them must not be stretched; blur counts as `blur_weight`, every change of reference as
    `switch_cost`; a change is faded over `fade` frames. A face turned by more than `most_yaw` degrees is left alone.
    """

    pose_degrees: float = Field(6.0, gt=0)
    opening: float = Field(0.4, gt=0)
    blur_weight: float = Field(0.5, ge=0)
    switch_cost: float = Field(1.5, ge=0)
    fade: int = Field(2, ge=0)
    most_yaw: float = Field(40.0, gt=0, le=90)
    occlusion: bool = True


SHUT = 0.015
"""The lips' opening, in distances of the outer eye corners, below which it hardly matters how far they are shut."""

BANNED = 1e4
"""The cost of a mouth that is not to be taken."""


@dataclass(frozen=True)
class Choice:
    """References of every shown frame, best first, with shares that sum to one: index (T, 2) int64, share (T, 2)."""

    index: NDArray[np.int64]
    share: NDArray[np.float32]


def choose_mouths(
    wanted: NDArray, kept: NDArray, blur: NDArray, config: MouthConfig, shots: NDArray,
    banned: NDArray[np.bool_] | None = None,
) -> Choice:  # fmt: skip
    """References for the described mouths (T, D) among the kept (N, D): the cheapest steady path through every shot.

    blur: (T, N), of the mouths in each frame; banned: (T, N), mouths not to be taken for a frame unless there is no
    other.
    """
    kept = kept.astype(np.float32)
    index, share = np.zeros((len(wanted), 2), np.int64), np.tile(np.array([1, 0], np.float32), (len(wanted), 1))
    for shot in np.unique(shots):
        frames = np.flatnonzero(shots == shot)
        costs = pose_distances(wanted[frames].astype(np.float32), kept) + config.blur_weight * blur[frames]
        if banned is not None:
            costs = costs + BANNED * banned[frames].astype(np.float32)
        path = steadiest_path(costs, config.switch_cost)
        index[frames] = path[:, None]
        for change in np.flatnonzero(np.diff(path)) + 1:
            for step in range(min(config.fade, len(path) - change)):
                if step and path[change + step] != path[change]:
                    break
                here = frames[change + step]
                index[here, 1] = path[change - 1]
                share[here] = [(step + 1) / (config.fade + 1), 1 - (step + 1) / (config.fade + 1)]
    return Choice(index, share)


def describe(head: NDArray, shape: MouthShape, turned: NDArray, config: MouthConfig) -> NDArray[np.float64]:
    """A vector for each face whose squared distances compare mouths and head turns, (T, D).

    head: (T, J, 3) landmarks in the head frame; turned: (T, 3) head angles in degrees.
    """
    mouth = shape.coefficients(head) / shape.spread[0]
    opening = np.log(mouth_opening(head) + SHUT)[:, None] / np.log1p(config.opening)
    return np.concatenate([mouth, turned / config.pose_degrees, opening], 1)


class MouthPainter:
    """Lays the spoken mouths into the film's frames.

    own, spoken: the film's own face and the speaking one in every shown frame, the `frames` (T,) of the film; shots:
    (T,) the shot that each is of; banned: see `choose_mouths`.
    """

    def __init__(
        self, own: FaceTrack, spoken: FaceTrack, frames: NDArray[np.int64], shots: NDArray[np.int64], mouths: Mouths,
        shape: MouthShape, config: MouthConfig, banned: NDArray[np.bool_] | None = None,
    ) -> None:  # fmt: skip
        self.mouths, self.config = mouths, config
        self.own, self.spoken, self.shots = own, spoken, shots
        self.sides = mouths.sides[frames]
        self.here = own.present
        pose = head_pose(own)
        self.rings = np.full((len(own), *mouths.rings.shape[1:]), np.nan)
        self.rings[self.here] = anchors(shape, pose[self.here])
        self.unit = pose.scale
        degrees = np.nan_to_num(angles(pose.rotation), nan=90.0)
        self.turned = np.abs(degrees[:, 0]) > config.most_yaw
        kept = shown_mouths(mouths, shape, config)
        wanted, filmed = np.zeros((2, len(own), kept.shape[1]))
        for target, track in ((wanted, self.spoken), (filmed, self.own)):
            target[self.here] = describe(
                to_head(track.points[self.here], pose[self.here]), shape, degrees[self.here], config
            )
        blur = enlarged(mouths.blur, mouths.own_sides, self.sides)
        self.choice, self.likeness = (choose_mouths(one, kept, blur, config, shots, banned) for one in (wanted, filmed))
        self.strength = strength_beside(self.here & ~self.turned, shots)

    def paint(
        self, rgb: NDArray[np.uint8], position: int, mender: Mender | None = None, before: Previous | None = None
    ) -> tuple[NDArray[np.uint8], float, Previous | None]:
        """A film frame (H, W, 3) with its mouth, how much of the mouth is the spoken one, in [0, 1], and the state of
        what mends it, to go on from with the next frame.
        """
        strength = float(self.strength[position])
        if strength == 0:
            return rgb, 0.0, None
        size, unit = int(self.sides[position]), float(self.unit[position])
        corner, own, spoken = self._faces(position)
        frame = window(rgb, corner, size)
        cover = hull([own, spoken], size, unit)
        patch, after = self._patch(self.choice, position, spoken, own, frame, cover), None
        inside = cover
        if mender is not None:
            if position and self.shots[position] != self.shots[position - 1]:
                before = None
            draft, matte = laid(frame, patch, cover), as_matte(cover)
            mended, after = mender.mend(draft, matte, spoken.points / size, HEIGHT * unit / size, before)
            # Its soft edge is already in it: a second one would bring the filmed mouth back there.
            patch, inside = mended.astype(np.float32), (cover > 0).astype(np.float32)
        if self.config.occlusion:
            expected = self._patch(self.likeness, position, own, own, frame, cover)
            hidden = strangers(frame, expected, own, cover, unit)
            share = float((hidden * cover).sum() / max(1.0, float(cover.sum())))
            strength *= float(np.clip((GONE - share) / (GONE - HIDDEN), 0, 1))
            inside = inside * (1 - hidden)
        return put(rgb, laid(frame, patch, strength * inside), corner), strength, after

    def drafted(self, frame: NDArray[np.uint8], position: int, choice: Choice) -> tuple[NDArray[np.uint8], Array]:
        """A window (S, S, 3) of the film with the mouth of a choice at the film's own lips, and the hull (S, S)."""
        _, own, _ = self._faces(position)
        unit = float(self.unit[position])
        cover = hull([own, own], len(frame), unit)
        return laid(frame, self._patch(choice, position, own, own, frame, cover), cover), cover

    def touched(self, position: int, rgb: NDArray[np.uint8]) -> NDArray[np.bool_]:
        """Where a frame may differ from the film's `rgb` (H, W, 3): the hull, (H, W) bool."""
        mask = np.zeros((*rgb.shape[:2], 1), np.uint8)
        if self.strength[position] > 0:
            corner, own, spoken = self._faces(position)
            cover = hull([own, spoken], int(self.sides[position]), float(self.unit[position]))
            mask = put(mask, (cover > 0).astype(np.uint8)[..., None], corner)
        return mask[..., 0] > 0

    def _faces(self, position: int) -> tuple[NDArray[np.int64], Face, Face]:
        """The window's corner, and the film's own face and the speaking one in it."""
        points = self.own.image[position].astype(np.float64)
        corner = np.array(window_corner(points, int(self.sides[position])), np.int64)
        ring = self.rings[position] - corner
        return corner, Face(points - corner, ring), Face(self.spoken.image[position] - corner, ring)

    def _patch(
        self, choice: Choice, position: int, face: Face, own: Face, frame: NDArray[np.uint8], cover: NDArray
    ) -> NDArray[np.float32]:
        unit, size = float(self.unit[position]), int(self.sides[position])
        total = np.zeros((size, size, 3), np.float32)
        for index, share in zip(choice.index[position], choice.share[position], strict=True):
            if share > 0:
                patch = warped(*self.mouths.at(int(index), size), face, size)
                total += share * matched(patch, frame, [face, own], cover, unit)
        return total


def enlarged(blur: NDArray, sides: NDArray[np.int64], shown: NDArray[np.int64]) -> NDArray[np.float32]:
    """The blur of kept mouths (N,) from windows of `sides` (N,) in windows of the sides `shown` (T,): (T, N)."""
    larger = np.maximum(shown[:, None] / sides[None], 1)
    return np.asarray(1 - (1 - blur[None]) / larger, np.float32)


def shown_mouths(mouths: Mouths, shape: MouthShape, config: MouthConfig) -> NDArray[np.float64]:
    """The kept mouths' descriptions, (N, D)."""
    return describe(mouths.head, shape, mouths.turned, config)


def strength_beside(sound: NDArray[np.bool_], shots: NDArray[np.int64], ramp: int = 4) -> NDArray[np.float64]:
    """How far a face is changed, (T,): 0 where it cannot be, rising over `ramp` frames beside that within a shot."""
    out = np.zeros(len(sound))
    for shot in np.unique(shots):
        frames = np.flatnonzero(shots == shot)
        bad = np.flatnonzero(~sound[frames])
        away = np.full(len(frames), float(ramp + 1))
        if len(bad):
            every = np.arange(len(frames))
            place = np.searchsorted(bad, every)
            before, after = bad[np.maximum(place - 1, 0)], bad[np.minimum(place, len(bad) - 1)]
            away = np.minimum(np.abs(every - before), np.abs(every - after)).astype(np.float64)
        out[frames] = np.clip(away / (ramp + 1), 0, 1)
    return out
