"""The report's pictures: scaled frames, poses, details at full size, as data URIs."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.metrics.identity import head_box
from vidgan.pose.body import frame_heights
from vidgan.pose.rasterise import draw_pose
from vidgan.pose.track import JOINT

Picture = NDArray[np.uint8]

_HAND = ("wrist", "index", "pinky", "thumb")


@dataclass(frozen=True)
class Still:
    """One moment: the time in seconds, its three pictures, and details of the output at full size by name."""

    seconds: float
    source: Picture
    pose: Picture
    output: Picture
    details: dict[str, Picture]


def fit(picture: Picture, height: int) -> Picture:
    """Scale to a height, aspect kept, both sides even, so that a video can hold it."""
    width = max(2, round(picture.shape[1] * height / picture.shape[0] / 2) * 2)
    interpolation = cv2.INTER_AREA if height < picture.shape[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=interpolation), np.uint8)


def pose_picture(landmarks: NDArray, visibility: NDArray, width: int, height: int, out_height: int) -> Picture:
    """The skeleton of landmarks (J, 2), in pixels of a width x height frame, on dark grey, drawn at `out_height`."""
    canvas = fit(np.full((height, width, 3), 22, np.uint8), out_height)
    scale = np.array([canvas.shape[1] / width, canvas.shape[0] / height], np.float32)
    return draw_pose(canvas, landmarks * scale, visibility)


def details(frame: Picture, landmarks: NDArray, visibility: NDArray) -> dict[str, Picture]:
    """Face and hands of a frame at full size, cut around landmarks (J, 2) in its pixels; only what is well seen."""
    found: dict[str, Picture] = {}
    height, width = frame.shape[:2]
    if not np.isfinite(landmarks).all():
        return found
    box = head_box(landmarks, width, height)
    if box is not None and visibility[JOINT["nose"]] >= 0.5:
        found["face"] = box.crop(frame).copy()
    half = 0.07 * float(frame_heights(landmarks[None])[0])
    for side in ("left", "right"):
        rows = [JOINT[f"{side}_{name}"] for name in _HAND]
        centre = landmarks[rows].mean(0)
        low = np.clip(centre - half, 0, (width, height)).astype(int)
        high = np.clip(centre + half, 0, (width, height)).astype(int)
        if visibility[rows].min() >= 0.5 and min(high - low) >= max(8, half):
            found[f"{side} hand"] = frame[low[1] : high[1], low[0] : high[0]].copy()
    return found


def jpeg_uri(picture: Picture, quality: int = 88) -> str:
    """An RGB picture as a JPEG data URI."""
    _, data = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, quality])
    return f"data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"


def video_uri(path: Path) -> str:
    """An MP4 file as a data URI."""
    return f"data:video/mp4;base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"
