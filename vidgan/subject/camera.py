"""Is the camera still? If not, where does each frame lie on the plate?

Legend: T frames; homographies are 3x3 float64, frame → plate (the plate being the frame of `reference`).
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

STILL = 0.004
"""A camera moves when background corners travel farther than this share of the frame's height."""

WORK_HEIGHT = 360
"""Features are found on frames of about this height: enough for a background, and fast."""

MIN_INLIERS = 14

PERSPECTIVE_GAIN = 1.4
"""A full homography must explain this many times the matches of a similarity: with few far points it bends people."""


@dataclass(frozen=True)
class Features:
    """Background features of one frame: points (N, 2) in full-size pixels and their ORB descriptors (N, 32)."""

    points: NDArray[np.float32]
    descriptors: NDArray[np.uint8]


def background_features(rgb: NDArray[np.uint8], person: NDArray[np.uint8]) -> Features:
    """ORB features outside the person. rgb: (H, W, 3); person: (h, w) 0-255 at any size."""
    scale = WORK_HEIGHT / rgb.shape[0]
    grey = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    away = (cv2.resize(person, grey.shape[::-1]) < 25).astype(np.uint8) * 255
    away = cv2.erode(away, np.ones((9, 9), np.uint8)).astype(np.uint8)
    keypoints, descriptors = cv2.ORB.create(nfeatures=600, fastThreshold=8).detectAndCompute(grey, away)
    if descriptors is None:
        return Features(np.zeros((0, 2), np.float32), np.zeros((0, 32), np.uint8))
    points = np.array([keypoint.pt for keypoint in keypoints], np.float32)
    return Features((points + 0.5) / scale, np.asarray(descriptors, np.uint8))


def homography_between(features: Features, reference: Features) -> NDArray[np.float64] | None:
    """From one frame's pixels to the reference's (RANSAC over cross-checked matches), None when unsure."""
    if min(len(features.points), len(reference.points)) < MIN_INLIERS:
        return None
    matches = cv2.BFMatcher(cv2.NORM_HAMMING, crossCheck=True).match(features.descriptors, reference.descriptors)
    if len(matches) < MIN_INLIERS:
        return None
    here = features.points[[match.queryIdx for match in matches]]
    there = reference.points[[match.trainIdx for match in matches]]
    rigid, inliers = cv2.estimateAffinePartial2D(here, there, method=cv2.RANSAC, ransacReprojThreshold=3.0)
    count = 0 if rigid is None else int(inliers.sum())
    matrix = np.eye(3) if rigid is None else np.vstack([rigid, [0, 0, 1]])
    full, inliers = cv2.findHomography(here, there, cv2.RANSAC, 3.0)
    if full is not None and int(inliers.sum()) > PERSPECTIVE_GAIN * count:
        matrix, count = full, int(inliers.sum())
    if count < max(MIN_INLIERS, 0.3 * len(matches)):
        return None
    return np.asarray(matrix, np.float64)


def displacement(matrix: NDArray[np.float64], width: int, height: int) -> float:
    """How far the homography moves the frame's corners on average, as a share of the height."""
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)
    moved = project(matrix, corners)
    return float(np.linalg.norm(moved - corners, axis=1).mean() / height)


def project(matrix: NDArray[np.float64], points: NDArray) -> NDArray[np.float64]:
    """Points (..., 2) through a homography."""
    homogeneous = np.concatenate([points, np.ones((*points.shape[:-1], 1))], -1) @ matrix.T
    return np.asarray(homogeneous[..., :2] / homogeneous[..., 2:])


@dataclass(frozen=True)
class Camera:
    """The camera over a clip: `homographies` (T, 3, 3), all identity when it is still or could not be followed.

    `motion` is the 90th percentile of corner displacement as a share of frame height; `lost` counts frames that could
    not be registered and took their neighbours' place.
    """

    homographies: NDArray[np.float64]
    moving: bool
    motion: float
    lost: int
    registered: bool


def follow_camera(features: list[Features], width: int, height: int) -> Camera:
    """Register every frame's background onto the middle frame's."""
    reference = features[len(features) // 2]
    found = [homography_between(one, reference) for one in features]
    known = {index: matrix for index, matrix in enumerate(found) if matrix is not None}
    still = np.tile(np.eye(3), (len(features), 1, 1))
    if len(known) < 0.7 * len(features):
        return Camera(still, moving=False, motion=0.0, lost=len(features) - len(known), registered=False)
    moves = [displacement(matrix, width, height) for matrix in known.values()]
    motion = float(np.percentile(moves, 90))
    if motion < STILL:
        return Camera(still, moving=False, motion=motion, lost=0, registered=True)
    matrices = np.stack(list(known.values())).reshape(len(known), 9)
    frames = np.arange(len(features))
    filled = np.stack([np.interp(frames, list(known), column) for column in matrices.T], 1)
    return Camera(filled.reshape(-1, 3, 3), True, motion, lost=len(features) - len(known), registered=True)
