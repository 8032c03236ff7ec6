"""The pose found again in a finished video, to be held against the pose that was asked for.

What the detector itself adds is small: real footage against its own smoothed track reads 0.2-0.45 % of the height.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.pose_error import PoseError, pose_error
from vidgan.pose.backend import Detection, PoseBackend
from vidgan.pose.body import person_height
from vidgan.pose.finish import unswapped
from vidgan.pose.people import Follower, landmark_box
from vidgan.pose.track import LANDMARKS, PoseTrack

MAX_SIDE = 960
"""Frames are scaled down to this for the backend, as the pose stage does."""


def spread_runs(total: int, limit: int, run: int = 10) -> NDArray[np.int64]:
    """Frame numbers to look at: all when `total` is within `limit`, else evenly placed runs of consecutive ones.

    Runs rather than single frames: trackers work on them as they did on the driving video.
    """
    if total <= limit:
        return np.arange(total)
    run = max(1, min(run, limit))
    starts = np.linspace(0, total - run, max(1, limit // run)).round().astype(np.int64)
    return np.asarray(np.unique(starts[:, None] + np.arange(run)))


@dataclass
class Redetector:
    """Finds the pose in chosen frames of a video, given in rising order to `add`.

    backend: an opened backend; wanted: the track the video should show, in its pixels, one entry a frame; follow: look
    only around where the person should be, for videos with several people in them.
    """

    backend: PoseBackend
    wanted: PoseTrack
    follow: bool = False
    frames: list[int] = field(default_factory=list)
    _found: list[Detection | None] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._follower = Follower(self.backend)

    def add(self, index: int, rgb: NDArray[np.uint8]) -> NDArray[np.float32] | None:
        """Look at frame `index`, (H, W, 3); return the landmarks found (J, 2) in its pixels, or None."""
        small = _scaled_down(rgb)
        scale = np.array([rgb.shape[1] / small.shape[1], rgb.shape[0] / small.shape[0]], np.float32)
        if not self.frames or index != self.frames[-1] + 1:
            self._follower.restart()
            asked = self.wanted.image[index] / scale
            self._follower.box = landmark_box(asked) if self.follow and np.isfinite(asked).all() else None
        seconds = float(int(self.wanted.pts[index]) * self.wanted.time_base)
        found = self._follower.detect(small, index, seconds)
        if found is not None:
            found = Detection(found.image * scale, found.world, found.visibility)
        self.frames.append(index)
        self._found.append(found)
        return None if found is None else found.image

    def track(self) -> PoseTrack:
        """What was found, as a track of the looked-at frames."""
        wanted, count = self.wanted, len(self.frames)
        image = np.full((count, len(LANDMARKS), 2), np.nan, np.float32)
        world = np.full((count, len(LANDMARKS), 3), np.nan, np.float32)
        visibility = np.zeros((count, len(LANDMARKS)), np.float32)
        for row, found in enumerate(self._found):
            if found is not None:
                image[row], world[row], visibility[row] = found.image, found.world, found.visibility
        return PoseTrack(
            image, world, visibility, np.isfinite(image[:, 0, 0]), wanted.pts[self.frames], wanted.time_base,
            wanted.width, wanted.height, self.backend.name,
        )  # fmt: skip

    def error(self) -> PoseError:
        """The error of what was found against what was asked, in % of the asked person's height.

        Where the detector swapped left and right for a while it is repaired, as in the track that was asked.
        """
        height = person_height(self.wanted)
        found, _ = unswapped(self.track(), height)
        return pose_error(found, self.wanted[np.array(self.frames, np.int64)], height)


def _scaled_down(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = rgb.shape[:2]
    scale = MAX_SIDE / max(height, width)
    if scale >= 1:
        return rgb
    size = max(1, round(width * scale)), max(1, round(height * scale))
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
