"""What is known of a face that is to be animated: one picture of it, what lies behind it, and how its mouth looks open.

Legend: H, W the picture's size; J = 478 landmarks; N mouth pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.errors import OutputError
from vidgan.face.expression import gap
from vidgan.face.head import HeadPose, head_pose_of, to_head
from vidgan.face.mesh import polygon
from vidgan.face.mouths import Mouths, skin_colour
from vidgan.face.regions import (
    LEFT_EYE,
    LEFT_EYE_CORNERS,
    LEFT_IRIS,
    LEFT_LIDS,
    LIP_PAIRS,
    OVAL,
    RIGHT_EYE,
    RIGHT_EYE_CORNERS,
    RIGHT_IRIS,
    RIGHT_LIDS,
)
from vidgan.subject.eyes import Eyeball, eyeball
from vidgan.subject.inpaint import Fill, inpaint, push_pull, spread
from vidgan.subject.stored import as_matte

FIRM = (120, 110)
"""What the segmenter is unsure of is mostly background: grey levels of its mask at which the person begins, and over
which they fade in."""


EYES = (
    (LEFT_EYE, LEFT_LIDS, LEFT_EYE_CORNERS, LEFT_IRIS),
    (RIGHT_EYE, RIGHT_LIDS, RIGHT_EYE_CORNERS, RIGHT_IRIS),
)

_ARRAYS = ("points", "looks", "size", "steady", "shot", "mouth_frames")


@dataclass(frozen=True)
class Portrait:
    """picture: (H, W, 3) uint8; matte: (H, W) uint8, the person; plate: (H, W, 3) uint8, what is behind them; points:
    (J, 3) landmarks in the picture's pixels; mouths: other pictures of the mouth (none of a single picture); looks:
    (2,) how far the warped picture looks turned and nodded for each degree that it was, see `vidgan.stages.portrait`;
    size: (2,) width and height of a video's frames as they are read, before they are cut to even sides; shot: which of
    its shots picture and plate are of; steady: whether the camera stands still in it, so that the plate lies behind
    every frame; mouth_frames: (N,) the frames that the mouths are of; seen: (H, W) where the plate was seen and not
    guessed, None for nowhere.
    """

    picture: NDArray[np.uint8]
    matte: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    points: NDArray[np.float32]
    mouths: Mouths
    looks: NDArray[np.float32] = field(default_factory=lambda: np.ones(2, np.float32))
    size: NDArray[np.int64] = field(default_factory=lambda: np.zeros(2, np.int64))
    steady: bool = True
    shot: int = 0
    mouth_frames: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    seen: NDArray[np.bool_] | None = None

    @cached_property
    def spread(self) -> NDArray[np.uint8]:
        """The person's colours, gone on beyond their outline: (H, W, 3)."""
        return push_pull(self.picture, self.matte > 240)

    @cached_property
    def pose(self) -> HeadPose:
        """The head pose in the picture, of one frame."""
        return head_pose_of(self.points[None])

    @cached_property
    def skin(self) -> NDArray[np.float32]:
        """The face's colour, (3,) 0-255."""
        return skin_colour(self.picture, self.points)

    @cached_property
    def mouth_gap(self) -> float:
        """How far the mouth is open in the picture, in eye distances."""
        return float(gap(to_head(self.points[None], self.pose), LIP_PAIRS)[0])

    @cached_property
    def eyeballs(self) -> tuple[Eyeball | None, ...]:
        """The left and the right eye, whole; None for one that the picture does not show."""
        at = self.points[:, :2]
        return tuple(
            eyeball(self.picture, at[list(ring)], at[list(around)], at[list(iris)]) for ring, around, _, iris in EYES
        )

    def save(self, folder: Path) -> None:
        """Write the portrait's files into a folder.

        Raises:
            OutputError: a picture cannot be written.
        """
        seen = np.zeros_like(self.matte) if self.seen is None else as_matte(self.seen.astype(np.float32))
        pictures = {"picture": self.picture, "plate": self.plate, "matte": self.matte, "seen": seen}
        for name, picture in pictures.items():
            path = folder / f"{name}.png"
            if not cv2.imwrite(str(path), picture[..., ::-1] if picture.ndim == 3 else picture):
                raise OutputError(f"{path}: cannot be written: make room on its disk, or check that it may be written")
        np.savez(folder / "face.npz", **{name: getattr(self, name) for name in _ARRAYS}, **vars(self.mouths))

    @classmethod
    def load(cls, folder: Path) -> Portrait:
        """Read what `save` wrote."""
        picture, plate = (
            np.ascontiguousarray(cv2.imread(str(folder / f"{name}.png"))[..., ::-1], np.uint8)
            for name in ("picture", "plate")
        )
        matte, seen = (
            np.asarray(cv2.imread(str(folder / f"{name}.png"), cv2.IMREAD_GRAYSCALE), np.uint8)
            for name in ("matte", "seen")
        )
        with np.load(folder / "face.npz", allow_pickle=False) as data:
            mouths = Mouths(data["pictures"], data["rings"], data["skin"])
            points, looks, size, steady, shot, frames = (data[name] for name in _ARRAYS)
            return cls(picture, matte, plate, points, mouths, looks, size, bool(steady), int(shot), frames, seen > 0)


EDGE = 0.015
"""Width of the soft edge of a matte that is drawn along a face, in widths of that face."""

FLYAWAY, FAINT = 0.03, 0.12
"""How far loose hair reaches beyond the segmenter's outline, in shares of the picture's longer side, and the coverage
below which it is taken for the background's own grain."""

ALIKE = 20.0
"""Grey levels by which person and background must differ for colours to tell them apart."""

CLEAR, CLOSE = 0.02, 0.004
"""Shares of the picture's longer side: farther than the first from the person, the background is free of their colours;
nearer than the second, it is hidden by them."""


def refined(mask: NDArray[np.uint8], rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A coarse person mask brought to the edges of its picture (guided filter, He et al. 2010): (H, W) uint8."""
    size = rgb.shape[1::-1]
    full = cv2.resize(mask, size, interpolation=cv2.INTER_CUBIC).astype(np.float32) / 255
    guided = cv2.ximgproc.guidedFilter(rgb, full, max(4, max(size) // 80), 1e-3 * 255**2)
    low, width = FIRM
    matte = np.clip((guided * 255 - low) * (255 / width), 0, 255).astype(np.uint8)
    # Half-sure patches away from the person are none of them.
    matte[cv2.dilate(matte, _disc(CLEAR, matte)) < 250] = 0
    return matte


def oval_of(points: NDArray, size: tuple[int, ...]) -> NDArray[np.uint8]:
    """The face itself as a matte, from its landmarks (J, 2+): (H, W) uint8, its soft edge within the outline."""
    ring = points[list(OVAL), :2]
    across = float(np.ptp(ring[:, 0]))
    middle = ring.mean(0)
    return as_matte(polygon(middle + (1 - 2 * EDGE) * (ring - middle), size, EDGE * across))


def by_colour(
    rgb: NDArray[np.uint8], matte: NDArray[np.uint8], plate: NDArray[np.uint8], seen: NDArray[np.bool_] | bool
) -> NDArray[np.uint8]:
    """A matte settled by colours where the segmenter is unsure: (H, W) uint8.

    Between the person's colours, gone on beyond their outline, and the plate, a pixel's own colour says how far it is
    covered (the compositing equation, Porter and Duff 1984, solved for its coverage). What is half sure and looks like
    the plate is none of the person. seen: (H, W), or for all of it, where the plate was seen and not guessed, so that
    strands of hair beyond the outline are found there, too.
    """
    if not (matte > 240).any():
        return matte
    behind, person = plate.astype(np.float32), push_pull(rgb, matte > 240).astype(np.float32)
    apart = person - behind
    power = np.square(apart).sum(-1)
    here = rgb - behind
    cover = (here * apart).sum(-1) / np.maximum(power, 1)
    beside = np.square(here).sum(-1) - np.square(cover) * power  # from the line between the two colours
    sure = power / (power + 3 * ALIKE**2) * np.exp(-beside / (3 * (ALIKE / 2) ** 2))
    cover = np.clip((cv2.medianBlur(np.clip(cover, 0, 1), 3) - FAINT) / (1 - FAINT), 0, 1)
    have = matte.astype(np.float32) / 255
    settled = have + sure * np.minimum(cover - have, 0) * (matte < 250)
    if np.any(seen):
        near = cv2.distanceTransform((matte < 128).astype(np.uint8), cv2.DIST_L2, 3)
        reach = FLYAWAY * max(matte.shape)
        settled = np.maximum(settled, seen * sure * cover * np.clip(2 - 2 * near / reach, 0, 1))
    return as_matte(settled)


def plate_behind(rgb: NDArray[np.uint8], matte: NDArray[np.uint8], fill: Fill = inpaint) -> NDArray[np.uint8]:
    """The background of one picture: filled in where the person is, from where their colours do not reach."""
    free = cv2.dilate(matte, _disc(CLEAR, matte)) < 5
    return plate_joined(rgb, matte, fill(np.where(free[..., None], rgb, 0).astype(np.uint8), free))


def plate_joined(rgb: NDArray[np.uint8], matte: NDArray[np.uint8], filled: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture with what is known to lie behind the person, `filled` (H, W, 3), where they hide it.

    By as much as the two differ around the person, what is filled is changed where it is hidden: whatever was guessed
    there, or lit otherwise, no rim shows when the person moves aside.
    """
    hidden = (cv2.dilate(matte, _disc(CLOSE, matte)) > 5).astype(np.float32)
    share = cv2.GaussianBlur(hidden, (0, 0), max(1.0, CLOSE * max(matte.shape) / 2))[..., None]
    clear = cv2.dilate(matte, _disc(2 * CLOSE, matte)) <= 5
    change = filled.astype(np.float32) - rgb
    if clear.any():
        change -= np.where(clear[..., None], 0, spread(change, clear))
    return np.clip(rgb + share * change + 0.5, 0, 255).astype(np.uint8)


def with_reach(matte: NDArray[np.uint8], share: float) -> NDArray[np.uint8]:
    """A matte (H, W) grown by a share of its longer side, with a hard edge."""
    away = cv2.distanceTransform((matte < 128).astype(np.uint8), cv2.DIST_L2, 3)
    return np.where(away <= share * max(matte.shape), np.uint8(255), matte)


def _disc(share: float, picture: NDArray) -> NDArray[np.uint8]:
    reach = 2 * max(2, round(share * max(picture.shape[:2]))) + 1
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach)), np.uint8)
