"""Head pose from the face mesh, and the head's own frame.

The neutral mesh is the mean of rendered performers (`benchmarks/face_shape.py`); a head pose is the similarity that
takes it to a frame's rigid landmarks (Umeyama, "Least-squares estimation of transformation parameters between two point
patterns", PAMI 1991).

Legend: T frames, J = 478 landmarks. Head frame: x to the person's left, y down, z to the back of the head, the outer
eye corners 1 apart, the middle of the rigid landmarks at the origin. Picture: pixels, x right, y down, z away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from vidgan import resources
from vidgan.face.regions import RIGID
from vidgan.face.track import FaceTrack

Array = NDArray[np.float64]


@dataclass(frozen=True)
class HeadPose:
    """Where the head is: picture = scale * rotation @ head + translation.

    rotation: (T, 3, 3); scale: (T,) pixels to a unit of the head frame; translation: (T, 3) pixels. NaN without a face.
    """

    rotation: Array
    scale: Array
    translation: Array

    def __len__(self) -> int:
        return len(self.scale)

    def __getitem__(self, frames: slice | NDArray[Any]) -> HeadPose:
        """The poses of the chosen frames."""
        return HeadPose(self.rotation[frames], self.scale[frames], self.translation[frames])


@cache
def _shape() -> dict[str, NDArray]:
    return load_file(resources.ROOT / "models" / "face.safetensors")


def neutral_mesh() -> NDArray[np.float32]:
    """The person-neutral face in the head frame: (J, 3)."""
    return _shape()["neutral"]


def triangles() -> NDArray[np.int32]:
    """The mesh's triangles, (852, 3) landmark indices; eyes and mouth are holes."""
    return _shape()["triangles"]


def fit_similarity(source: NDArray, target: NDArray) -> HeadPose:
    """The similarity that takes source (..., N, 3) nearest to target (..., N, 3), without reflection."""
    source, target = np.broadcast_arrays(np.asarray(source, np.float64), np.asarray(target, np.float64))
    mean_s, mean_t = source.mean(-2, keepdims=True), target.mean(-2, keepdims=True)
    s, t = source - mean_s, target - mean_t
    u, d, vt = np.linalg.svd(np.swapaxes(t, -1, -2) @ s)
    sign = np.ones_like(d)
    sign[..., -1] = np.sign(np.linalg.det(u @ vt))
    rotation = (u * sign[..., None, :]) @ vt
    scale = (d * sign).sum(-1) / np.maximum((s**2).sum((-1, -2)), 1e-12)
    moved = scale[..., None] * (rotation @ mean_s[..., 0, :, None])[..., 0]
    return HeadPose(rotation, scale, mean_t[..., 0, :] - moved)


def head_pose_of(points: NDArray) -> HeadPose:
    """The head pose of landmarks (T, J, 3) in pixels; NaN frames give NaN."""
    known = np.isfinite(points).all((1, 2))
    rigid = list(RIGID)
    fit = fit_similarity(neutral_mesh()[rigid], points[known][:, rigid])
    filled = HeadPose(
        np.full((len(points), 3, 3), np.nan), np.full(len(points), np.nan), np.full((len(points), 3), np.nan)
    )
    for name, value in vars(filled).items():
        value[known] = getattr(fit, name)
    return filled


def head_pose(track: FaceTrack) -> HeadPose:
    """The head pose of every frame of a track."""
    return head_pose_of(track.points)


def angles(rotation: NDArray) -> Array:
    """Yaw, pitch and roll in degrees: (T, 3, 3) → (T, 3).

    Yaw is positive to the picture's right, pitch upwards, roll clockwise as seen. Rotation = roll · yaw · pitch.
    """
    yaw = np.arcsin(np.clip(rotation[..., 2, 0], -1, 1))
    pitch = -np.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = np.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return np.rad2deg(np.stack([yaw, pitch, roll], -1))


def rotation_of(degrees: NDArray) -> Array:
    """The inverse of `angles`: (..., 3) degrees → (..., 3, 3)."""
    yaw, pitch, roll = np.moveaxis(np.deg2rad(np.asarray(degrees, np.float64)), -1, 0)
    o, i = np.zeros_like(yaw), np.ones_like(yaw)

    def matrix(rows: list[list[Array]]) -> Array:
        return np.moveaxis(np.array(rows), (0, 1), (-2, -1))

    turned = matrix([[np.cos(yaw), o, -np.sin(yaw)], [o, i, o], [np.sin(yaw), o, np.cos(yaw)]])
    nodded = matrix([[i, o, o], [o, np.cos(pitch), np.sin(pitch)], [o, -np.sin(pitch), np.cos(pitch)]])
    rolled = matrix([[np.cos(roll), -np.sin(roll), o], [np.sin(roll), np.cos(roll), o], [o, o, i]])
    return rolled @ turned @ nodded


def to_head(points: NDArray, pose: HeadPose) -> Array:
    """Landmarks (T, J, 3) in pixels → the head frame."""
    return ((points - pose.translation[:, None]) @ pose.rotation) / pose.scale[:, None, None]


def from_head(points: NDArray, pose: HeadPose) -> Array:
    """Landmarks (T, J, 3) or (J, 3) in the head frame → pixels."""
    return pose.scale[:, None, None] * (points @ np.swapaxes(pose.rotation, -1, -2)) + pose.translation[:, None]
