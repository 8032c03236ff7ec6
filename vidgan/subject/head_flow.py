"""Where an animated picture has its pixels from: the mesh carries the face, the head as a rigid body hair and ears, and
what is far stays.

Legend: J = 478 landmarks, (h, w) the window's pixels; head frame as in `vidgan.face.head`.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.head import HeadPose
from vidgan.face.mesh import closed_triangles, edge_on, mesh_flow
from vidgan.face.regions import MESH
from vidgan.face.transfer import Driven
from vidgan.subject.inpaint import spread
from vidgan.subject.places import Window, grid
from vidgan.subject.portrait import Portrait

Array = NDArray[np.float32]

EARS = 0.35
"""Depth in the head frame of the plane that hair and ears are taken to lie in."""

HEAD = (0.95, 1.25)
"""Half width and half height of the skull about the face's middle, in eye distances."""

RIGID, FREE = 1.15, 2.1
"""In skull radii: what is nearer moves with the head, what is farther not at all."""

NECK, CHEST = 1.05, 2.1
"""Heights below the face's middle between which the neck takes up the head's motion."""

REACH = 0.3
"""Eye distances beyond the mesh over which its own motion fades into the head's."""

CALM = 2.0
"""Deviation of the blur of what the mesh's motion is taken to be beside it, in steps of the flow: steep along a cheek
seen from the side, it would ripple."""


class HeadFlow:
    """The flow from a portrait to the poses of `driven`, in the `window` of the picture that can move."""

    def __init__(self, portrait: Portrait, driven: Driven, window: Window) -> None:
        self.portrait, self.driven = portrait, driven
        left, top, right, bottom = window
        self._size, self._origin = (bottom - top, right - left), np.array([left, top], np.float64)
        self._stride = max(1, round(float(portrait.pose.scale[0]) / 56))

    @cached_property
    def _edge_on(self) -> NDArray[np.bool_]:
        return edge_on(self.portrait.points[:MESH])

    def at(self, index: int) -> Array:
        """For every pixel of the window its place in the window of the picture: (h, w, 2)."""
        stride = self._stride
        coarse = (-(-self._size[0] // stride), -(-self._size[1] // stride))
        points, home = self.driven.points[index], self.portrait.points
        at = grid(coarse) * stride + self._origin
        rigid, weight = self._head(at, index)
        mesh = mesh_flow(
            (points[:MESH, :2] - self._origin) / stride, home[:MESH, :2], closed_triangles(), coarse, points[:MESH, 2]
        )
        # Of cheeks seen from the side, here or in the picture, a triangle stretches what it hardly shows.
        known = mesh.inside & ~(edge_on(points[:MESH]) | self._edge_on)[mesh.face]
        own = spread((mesh.where - rigid) * known[..., None], known)
        beyond = cv2.distanceTransform((~known).astype(np.uint8), cv2.DIST_L2, 3) * stride
        fade = np.exp(-((beyond / (REACH * self.driven.pose.scale[index])) ** 2))[..., None]
        shift = weight[..., None] * (rigid - at) + fade * cv2.GaussianBlur(own, (0, 0), CALM)
        shift[known] = (mesh.where - at)[known]
        # Slivers of triangles seen edge-on would come out as specks.
        calm = np.dstack(
            [cv2.medianBlur(np.ascontiguousarray(part), 3) for part in cv2.split(shift.astype(np.float32))]
        )
        fine = cv2.resize(calm, (coarse[1] * stride, coarse[0] * stride), interpolation=cv2.INTER_LINEAR)
        return np.asarray(grid(self._size) + fine[: self._size[0], : self._size[1]], np.float32)

    def _head(self, at: Array, index: int) -> tuple[Array, Array]:
        """Where the head as a rigid body has the pixels `at` (h, w, 2) from, and how much each belongs to it (h, w)."""
        here, home = self.driven.pose[index : index + 1], self.portrait.pose
        linear = here.scale[0] * here.rotation[0, :2, :2]
        offset = here.scale[0] * here.rotation[0, :2, 2] * EARS + here.translation[0, :2]
        head = (at - offset) @ np.linalg.inv(linear).T
        back = home.scale[0] * home.rotation[0, :2, :2]
        start = home.scale[0] * home.rotation[0, :2, 2] * EARS + home.translation[0, :2]
        radius = np.hypot(head[..., 0] / HEAD[0], (head[..., 1] + 0.1) / HEAD[1])
        weight = _fall(radius, RIGID, FREE) * _fall(head[..., 1], NECK, CHEST)
        return (head @ back.T + start).astype(np.float32), weight.astype(np.float32)


def moving_window(pose: HeadPose, shape: tuple[int, ...]) -> Window:
    """(left, top, right, bottom): the part of a picture of that shape that can move with the head, of one frame."""
    height, width = shape[:2]
    wide, tall = (FREE * side for side in HEAD)
    corners = np.array([[x, y, EARS] for x in (-wide, wide) for y in (-tall - 0.1, CHEST)])
    seen = pose.scale[0] * corners @ pose.rotation[0].T + pose.translation[0]
    sway = 0.5 * pose.scale[0]
    left, top = np.clip(np.floor(seen[:, :2].min(0) - sway), 0, [width, height]).astype(int)
    right, bottom = np.clip(np.ceil(seen[:, :2].max(0) + sway), 0, [width, height]).astype(int)
    return int(left), int(top), int(right), int(bottom)


def _fall(values: NDArray, start: float, end: float) -> NDArray:
    """1 up to `start`, smoothly to 0 at `end`."""
    part = np.clip((values - start) / (end - start), 0, 1)
    return np.asarray(1 - part * part * (3 - 2 * part))
