"""A driver's motion in one file: the face track, the frame at rest and the mouth's inside. It drives without the video.

Legend: T frames, J = 478 landmarks.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import MediaError
from vidgan.face.head import from_head, head_pose_of, to_head
from vidgan.face.mouths import SIZE, Mouths
from vidgan.face.regions import LANDMARKS, LIPS_INNER
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import whole
from vidgan.video.limits import check_unpacked

SUFFIX = ".npz"

PICTURES = "pictures.npy"
"""The member of a motion's file that grows by 58 kB a frame, and the file that it is unpacked to."""


@dataclass(frozen=True)
class FaceMotion:
    """track: T frames; neutral: the index of the one at rest; mouths: T pictures; cuts: the frames that begin a new
    shot.
    """

    track: FaceTrack
    neutral: int
    mouths: Mouths
    cuts: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))

    @cached_property
    def shots(self) -> NDArray[np.int64]:
        """The number of the shot that each frame is of, (T,).

        A shot without a face counts to the one before it that has one (at the start to the one after): the head stays
        as it was there, and does not glide from one camera to another.
        """
        faces = np.unique(self._filmed[self.track.present])
        return faces[np.maximum(np.searchsorted(faces, self._filmed, side="right") - 1, 0)]

    @property
    def _filmed(self) -> NDArray[np.int64]:
        """The number of the shot that each frame was filmed in, with a face or without, (T,)."""
        return np.searchsorted(self.cuts, np.arange(len(self.track)), side="right")

    @cached_property
    def points(self) -> NDArray[np.float64]:
        """The landmarks of every frame, of lost ones interpolated within their shot: (T, J, 3). In a shot without any
        the head stays and the face is at rest, not as it happened to be at the cut.
        """
        points = whole(self.track.points, self.track.present, self.track.seconds, self.shots)
        faceless = ~np.isin(self._filmed, self._filmed[self.track.present])
        if faceless.any():
            rest = points[self.neutral][None]
            head = np.repeat(to_head(rest, head_pose_of(rest)), int(faceless.sum()), 0)
            points[faceless] = from_head(head, head_pose_of(points[faceless]))
        return points

    def save(self, path: Path) -> None:
        """Write the motion as a compressed npz without pickles."""
        np.savez_compressed(
            path, meta=self.track.meta(), neutral=np.int64(self.neutral), cuts=self.cuts, **self.track.arrays(),
            **vars(self.mouths),
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path, folder: Path | None = None) -> FaceMotion:
        """Read a motion that `save` wrote, also one that a user hands over.

        With `folder` the mouths' pictures are unpacked there, as `PICTURES`, and mapped: memory does not hold them.

        Raises:
            MediaError: it is none, or damaged; LimitError: it unpacks to more than is allowed.
        """
        check_unpacked(path, PICTURES if folder else "", 3 * SIZE[0] * SIZE[1])
        try:
            with np.load(path, allow_pickle=False) as data:
                found = {name: _array(data, name, folder) for name in data.files}
            # Earlier files have one colour for all frames, and no cuts.
            found["skin"] = np.broadcast_to(found["skin"], (len(found["pts"]), 3))
            found.setdefault("cuts", np.zeros(0, np.int64))
            mouths = Mouths(found["pictures"], found["rings"], found["skin"])
            motion = cls(FaceTrack.of(found), int(found["neutral"]), mouths, found["cuts"])
            sound = _sound(found, motion.neutral)
        except Exception as error:  # a damaged zip fails in any way
            raise MediaError(
                f"{path} is no motion of vidgan ({type(error).__name__}): give a video, or a file of --save-motion"
            ) from error
        if not sound:
            raise MediaError(f"{path} is damaged: make it again with --save-motion")
        return motion


def _array(data: Any, name: str, folder: Path | None) -> NDArray:
    """An array of an open npz."""
    if folder is None or f"{name}.npy" != PICTURES:
        return np.asarray(data[name])
    with data.zip.open(PICTURES) as packed, (folder / PICTURES).open("wb") as file:
        shutil.copyfileobj(packed, file)
    return np.asanyarray(np.load(folder / PICTURES, mmap_mode="r", allow_pickle=False))


def _sound(found: Mapping[str, NDArray], neutral: int) -> bool:
    """Whether the arrays fit each other."""
    count = len(found["pts"])
    shapes = {
        "image": (count, LANDMARKS, 2), "depth": (count, LANDMARKS), "present": (count,), "pts": (count,),
        "pictures": (count, *SIZE, 3), "rings": (count, len(LIPS_INNER), 2), "skin": (count, 3),
    }  # fmt: skip
    fits = all(found[name].shape == shape for name, shape in shapes.items())
    return (
        fits
        and 0 <= neutral < count
        and bool(found["present"][neutral])
        and all(bool(np.isfinite(found[name][found["present"].astype(bool)]).all()) for name in ("image", "depth"))
        and all(bool(np.isfinite(found[name]).all()) for name in ("rings", "skin"))
        and bool((np.diff(found["pts"]) > 0).all())
        and found["cuts"].ndim == 1
        and found["cuts"].dtype == np.int64
        and bool(((found["cuts"] > 0) & (found["cuts"] < count)).all())
        and bool((np.diff(found["cuts"]) > 0).all())
    )
