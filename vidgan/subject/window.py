"""The square window that follows the person: every network sees the person framed alike.

Legend: T frames, J landmarks; windows are (T, 3) float32: left, top, side, in pixels of the plate.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.pose.body import frame_heights
from vidgan.pose.track import PoseTrack

Array = NDArray[np.float32]

MARGIN = 1.3
"""Window side over standing height: arms stretched up or out stay inside."""

HALF = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, 1]], np.float64)
"""From pixel centres at +0.5, as everywhere in vidgan, to whole numbers, as in OpenCV."""


def gaussian(values: Array, sigma: float) -> Array:
    """Zero-phase smoothing along axis 0 with the ends held: (T, ...) → (T, ...)."""
    if sigma <= 0 or len(values) < 2:
        return values
    reach = int(np.ceil(3 * sigma))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel /= kernel.sum()
    flat = values.reshape(len(values), -1)
    padded = np.concatenate([np.repeat(flat[:1], reach, 0), flat, np.repeat(flat[-1:], reach, 0)])
    smooth = np.stack([np.convolve(column, kernel, "valid") for column in padded.T], 1)
    return smooth.reshape(values.shape).astype(np.float32)


def statures(track: PoseTrack, seconds: float = 1.5) -> Array:
    """The person's standing height in pixels at every frame, (T,): a rolling 90th percentile, then smoothed.

    A bent or foreshortened body keeps its stature; a person walking towards the camera grows. Frames without a person
    hold the nearest value.
    """
    present = np.flatnonzero(track.present)
    heights = frame_heights(track.image[present])
    rate = frames_per_second(track)
    half = max(1, round(seconds * rate / 2))
    rolling = np.array([np.percentile(heights[max(0, i - half) : i + half + 1], 90) for i in range(len(heights))])
    rolling = np.maximum(rolling, 0.6 * np.percentile(rolling, 90))
    every = np.interp(np.arange(len(track)), present, rolling).astype(np.float32)
    return gaussian(every, half / 2)


def frames_per_second(track: PoseTrack) -> float:
    """The track's mean frame rate."""
    if len(track) < 2:
        return 25.0
    return float((len(track) - 1) / ((int(track.pts[-1]) - int(track.pts[0])) * track.time_base))


def windows(track: PoseTrack, side: float | None = None) -> Array:
    """The window of every frame: centred on the smoothed middle of the landmarks, its side `MARGIN` statures.

    With `side` in pixels the size is given instead. Frames without a person hold the neighbours' place.
    """
    present = np.flatnonzero(track.present)
    points = track.image[present]
    middle = (points.min(1) + points.max(1)) / 2
    stature = statures(track)
    frames = np.arange(len(track))
    centre = np.stack([np.interp(frames, present, middle[:, axis]) for axis in (0, 1)], 1).astype(np.float32)
    # The head's crown and the soles lie outside the landmarks by about the same amount, so the middle is fair.
    centre = gaussian(centre, 0.12 * frames_per_second(track))
    sides = np.full(len(track), side, np.float32) if side else MARGIN * stature
    return np.concatenate([centre - sides[:, None] / 2, sides[:, None]], 1).astype(np.float32)


def to_window(image: Array, window: Array) -> Array:
    """Pixels of the plate → window units: (T, J, 2), (T, 3) → (T, J, 2)."""
    return ((image - window[:, None, :2]) / window[:, None, 2:]).astype(np.float32)


def crop(
    picture: NDArray, window: Array, size: int, homography: NDArray | None = None, border: int | None = 0
) -> NDArray:
    """The window's content at size x size pixels, bilinear or area as fits; outside is `border`, with None the
    picture's edge, repeated.

    picture: (H, W[, C]); homography: 3x3, picture → plate, None when they are the same.
    """
    scale = size / window[2]
    to_crop = np.array([[scale, 0, -scale * window[0]], [0, scale, -scale * window[1]], [0, 0, 1]], np.float64)
    matrix = HALF @ to_crop @ (np.eye(3) if homography is None else homography) @ np.linalg.inv(HALF)
    if scale < 0.6:  # bilinear sampling would skip pixels
        small = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
        shrink = np.diag([small[0] / picture.shape[1], small[1] / picture.shape[0], 1.0])
        picture = cv2.resize(picture, small, interpolation=cv2.INTER_AREA)
        matrix = matrix @ HALF @ np.linalg.inv(shrink) @ np.linalg.inv(HALF)
    mode = cv2.BORDER_REPLICATE if border is None else cv2.BORDER_CONSTANT
    return cv2.warpPerspective(
        picture, matrix, (size, size), flags=cv2.INTER_LINEAR, borderMode=mode, borderValue=(border or 0,) * 4
    )
