"""The face mesh as a map between pictures: every triangle carries its pixels by one affine transform.

Legend: J landmarks, F triangles, (h, w) grid; positions in pixels of the grid, centres at +0.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.head import triangles
from vidgan.face.regions import LEFT_EYE, LIPS_INNER, RIGHT_EYE

Array = NDArray[np.float32]

EDGE_ON = 0.1
"""Cosine of the angle between a triangle and the camera below which it is seen from the side: from 84 degrees on."""

_SHIFT = 4
"""Fractional bits of the corners that OpenCV draws."""


def strip(ring: tuple[int, ...]) -> NDArray[np.int32]:
    """Triangles that fill a ring of an even number of points, between its lower and its upper half: (n - 2, 3)."""
    n = len(ring)
    faces = [(ring[0], ring[1], ring[-1])]
    for i in range(1, n // 2 - 1):
        faces += [(ring[i], ring[i + 1], ring[n - i]), (ring[i + 1], ring[n - i - 1], ring[n - i])]
    faces.append((ring[n // 2 - 1], ring[n // 2], ring[n // 2 + 1]))
    return np.array(faces, np.int32)


@cache
def closed_triangles() -> NDArray[np.int32]:
    """The mesh's triangles and those that close its eyes and mouth: (F, 3)."""
    return np.concatenate([triangles(), *(strip(ring) for ring in (LEFT_EYE, RIGHT_EYE, LIPS_INNER))])


@dataclass(frozen=True)
class MeshFlow:
    """where: (h, w, 2) float32, for every pixel of the driving grid its place in the source; face: (h, w) the triangle
    that covers it, -1 where none does (`where` is the pixel's own place there).
    """

    where: Array
    face: NDArray[np.int32]

    @property
    def inside(self) -> NDArray[np.bool_]:
        """The pixels that a triangle covers, (h, w)."""
        return np.asarray(self.face >= 0)


def mesh_flow(
    driving: NDArray, source: NDArray, faces: NDArray[np.int32], size: tuple[int, int], depth: NDArray | None = None
) -> MeshFlow:
    """The backward flow of a mesh.

    Args:
        driving: (J, 2) in pixels of the grid.
        source: (J, 2) in pixels of the source.
        faces: (F, 3) indices of landmarks.
        size: (h, w) of the grid.
        depth: (J,) away from the camera: nearer triangles hide farther ones. None draws them in order.
    """
    index = np.full(size, -1, np.int32)
    order = np.arange(len(faces)) if depth is None else np.argsort(-depth[faces].mean(1))
    corners = np.round((driving[faces] - 0.5) * (1 << _SHIFT)).astype(np.int32)
    # A triangle that has turned its back shows nothing.
    for face in order[(_doubled_areas(driving[faces]) * _doubled_areas(source[faces]) >= 0)[order]]:
        cv2.fillConvexPoly(index, corners[face], (float(face),), cv2.LINE_8, _SHIFT)
    inside = index >= 0
    y, x = np.mgrid[0 : size[0], 0 : size[1]].astype(np.float32) + 0.5
    where = np.stack([x, y], -1)
    maps = _affines(driving[faces], source[faces])[index[inside]]
    here = where[inside]
    where[inside] = maps[:, 0] * here[:, :1] + maps[:, 1] * here[:, 1:] + maps[:, 2]
    return MeshFlow(where, index)


def edge_on(points: NDArray) -> NDArray[np.bool_]:
    """Which of `closed_triangles` are seen nearly from the side, (F,), of landmarks (J, 3) in pixels.

    What closes eyes and mouth never is: between shut lids it has no side to be seen from.
    """
    skin = triangles()
    a, b, c = points[skin].astype(np.float64).transpose(1, 0, 2)
    normals = np.cross(b - a, c - a)
    towards = normals[:, 2] / np.maximum(np.linalg.norm(normals, axis=1), 1e-9)
    turned = np.zeros(len(closed_triangles()), bool)
    turned[: len(skin)] = towards * np.sign(np.median(towards)) < EDGE_ON
    return turned


def _doubled_areas(corners: NDArray) -> NDArray:
    """Twice the signed areas of triangles: (F, 3, 2) → (F,)."""
    a, b = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    return np.asarray(a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])


def _affines(driving: NDArray, source: NDArray) -> Array:
    """The affine of every triangle, (F, 3, 2) twice → (F, 3, 2), so that source = [x, y, 1] @ affine.

    A triangle without area moves as a whole: it has no pixels to stretch.
    """
    edges = np.stack([driving[:, 1] - driving[:, 0], driving[:, 2] - driving[:, 0]], 1).astype(np.float64)
    wanted = np.stack([source[:, 1] - source[:, 0], source[:, 2] - source[:, 0]], 1).astype(np.float64)
    area = np.linalg.det(edges)
    flat = np.abs(area) < 1e-3
    edges[flat], wanted[flat] = np.eye(2), np.eye(2)
    linear = np.linalg.solve(edges, wanted)
    centre_d, centre_s = driving.mean(1), source.mean(1)
    shift = centre_s - np.einsum("fi,fij->fj", centre_d, linear)
    return np.concatenate([linear, shift[:, None]], 1).astype(np.float32)


def polygon(points: NDArray, size: tuple[int, ...], soft: float) -> Array:
    """A filled ring (n, 2) as coverage in [0, 1] with an edge that is `soft` pixels wide: (h, w)."""
    mask = np.zeros(size[:2], np.uint8)
    cv2.fillPoly(mask, [np.round((points - 0.5) * (1 << _SHIFT)).astype(np.int32)], (255.0,), cv2.LINE_AA, _SHIFT)
    cover = mask.astype(np.float32) / 255
    return np.asarray(cv2.GaussianBlur(cover, (0, 0), soft), np.float32) if soft > 0.2 else cover


def pull(picture: NDArray, where: Array, way: int = cv2.INTER_CUBIC) -> NDArray:
    """A picture (H, W[, C]) sampled at the places `where` (h, w, 2); the border goes on outside."""
    return np.asarray(
        cv2.remap(picture, where[..., 0] - 0.5, where[..., 1] - 0.5, way, borderMode=cv2.BORDER_REPLICATE)
    )
