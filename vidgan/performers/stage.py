"""The picture: one performer in one room under one light, seen by one camera."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.performers.body import library
from vidgan.performers.chart import vertex_normals
from vidgan.performers.performer import Performer
from vidgan.performers.room import FLOOR_SPAN, CameraSpec, LightSpec, RoomSpec

Array = NDArray[np.float32]

SHADOW = 320
"""Texels a side of the shadow maps."""
REACH = 1.6
"""Half of what the shadow maps span, metres."""


def mip_chain(texture: NDArray[np.uint8], levels: int) -> list[NDArray[np.uint8]]:
    """The texture (side, side, 4) and its halvings."""
    chain = [texture]
    for _ in range(levels):
        side = chain[-1].shape[0] // 2
        chain.append(cv2.resize(chain[-1], (side, side), interpolation=cv2.INTER_AREA).astype(np.uint8))
    return chain


class Stage:
    """Draws a performer; geometry, textures and the room are uploaded once."""

    def __init__(self, performer: Performer, room: RoomSpec, light: LightSpec, size: int) -> None:
        library()
        import warp as wp

        from vidgan.performers import raster

        self._wp, self._raster, self._device = wp, raster, raster.device()
        self.performer, self.size = performer, size
        self._texels: list[NDArray[np.uint8]] = []
        self._filled = 0
        textures = [self._texture(layer.texture) for layer in performer.layers]
        self._room = self._make_room(room)
        self._light_spec = light
        layers = performer.layers
        self._textures: Any = wp.array(textures, dtype=raster.Texture, device=self._device)
        self._store = self._array(np.concatenate(self._texels), wp.vec4ub)
        self._faces = self._array(performer.faces, int)
        self._uv = self._array(np.concatenate([layer.uv for layer in layers]), wp.vec2)
        which = np.concatenate([np.full(len(layer.faces), k, np.int32) for k, layer in enumerate(layers)])
        self._layer = self._array(which, int)
        self._cutout = self._array(np.array([layer.cutout for layer in layers], np.int32), int)
        self._gloss = self._array(np.array([layer.gloss for layer in layers], np.float32), wp.vec3)
        self._density = self._array(np.array([layer.density for layer in layers], np.float32), float)

    def _array(self, values: NDArray[Any], dtype: Any) -> Any:
        return self._wp.array(np.ascontiguousarray(values), dtype=dtype, device=self._device)

    def _texture(self, picture: NDArray[np.uint8]) -> Any:
        if picture.shape[-1] == 3:
            picture = np.dstack([picture, np.full(picture.shape[:2], 255, np.uint8)])
        texture = self._raster.Texture()
        texture.start, texture.side = self._filled, picture.shape[0]
        texture.levels = self._raster.mip_levels(texture.side)
        for level in mip_chain(picture, texture.levels):
            self._texels.append(level.reshape(-1, 4))
            self._filled += level.shape[0] ** 2
        return texture

    def _make_room(self, spec: RoomSpec) -> Any:
        room = self._raster.Room()
        room.half_width, room.depth, room.height, room.floor_span = spec.half_width, spec.depth, spec.height, FLOOR_SPAN
        room.floor, room.back, room.side = self._texture(spec.floor), self._texture(spec.back), self._texture(spec.side)
        return room

    def draw(
        self, points: Array, camera: CameraSpec, time: float
    ) -> tuple[NDArray[np.uint8], NDArray[np.uint8], Array]:
        """One frame.

        Args:
            points: (n, 3) of the performer in the room.
            camera: where from.
            time: seconds, for a moving camera.

        Returns:
            RGB (size, size, 3) uint8, the person's coverage (size, size) uint8 of 255, and the depth
            (size * SAMPLES, size * SAMPLES) in metres (FAR where the room is).
        """
        wp, raster, device = self._wp, self._raster, self._device
        side = self.size * raster.SAMPLES
        view, screen = self._project(points, camera, time, side)
        depth = wp.full((side, side), raster.FAR, dtype=float, device=device)
        hit = wp.full((side, side), -1, dtype=int, device=device)
        weights = wp.zeros((side, side), dtype=wp.vec2, device=device)
        wp.launch(
            raster.rasterise, dim=len(self.performer.faces), device=device,
            inputs=[self._array(screen, wp.vec3), self._faces, self._uv, self._layer, self._textures, self._cutout,
                    self._store, depth, hit, weights],
        )  # fmt: skip
        light, sun_map, sky_map = self._shadows(points)
        picture = wp.zeros((side, side), dtype=wp.vec3, device=device)
        normals = vertex_normals(points, self.performer.faces)
        wp.launch(
            raster.shade, dim=(side, side), device=device,
            inputs=[view, self._array(points, wp.vec3), self._array(normals, wp.vec3),
                    self._faces, self._uv, self._layer, self._textures, self._gloss, self._density, self._store, hit,
                    weights, depth, light, sun_map, sky_map, self._room, picture],
        )  # fmt: skip
        fine = picture.numpy().reshape(self.size, raster.SAMPLES, self.size, raster.SAMPLES, 3)
        cover = (hit.numpy() >= 0).reshape(self.size, raster.SAMPLES, self.size, raster.SAMPLES)
        rgb = np.clip(fine.mean((1, 3)) + 0.5, 0, 255).astype(np.uint8)
        return rgb, (cover.mean((1, 3)) * 255).astype(np.uint8), depth.numpy()

    def _project(self, points: Array, camera: CameraSpec, time: float, side: int) -> tuple[Any, Array]:
        wp = self._wp
        origin, axes = camera.at(time)
        view = self._raster.View()
        view.origin = wp.vec3(*map(float, origin))
        view.right, view.down, view.forward = (wp.vec3(*map(float, axis)) for axis in axes)
        view.focal, view.centre_x, view.centre_y = camera.focal * side, side / 2, side / 2
        local = (points - origin) @ axes.T
        screen = np.stack([local[:, 0] / local[:, 2], local[:, 1] / local[:, 2], 1 / local[:, 2]], -1)
        screen[:, :2] = screen[:, :2] * view.focal + side / 2
        return view, screen.astype(np.float32)

    def _shadows(self, points: Array) -> tuple[Any, Any, Any]:
        wp, spec = self._wp, self._light_spec
        light = self._raster.Light()
        light.direction = wp.vec3(*map(float, spec.direction))
        light.colour, light.above, light.below = wp.vec3(*spec.colour), wp.vec3(*spec.above), wp.vec3(*spec.below)
        light.softness = spec.softness * SHADOW / 512
        centre = np.array([points[:, 0].mean(), points[:, 1].mean(), 0.9], np.float32)
        maps = []
        for name, toward in (("sun", spec.direction), ("sky", np.array([0, 0, 1], np.float32))):
            transform = _parallel(centre, toward)
            setattr(light, name, wp.mat44(*map(float, transform.ravel())))
            seen = points @ transform[:3, :3].T + transform[:3, 3]
            depth = wp.full((SHADOW, SHADOW), self._raster.FAR, dtype=float, device=self._device)
            wp.launch(
                self._raster.depth_map, dim=len(self.performer.faces), device=self._device,
                inputs=[self._array(seen.astype(np.float32), wp.vec3), self._faces, depth],
            )  # fmt: skip
            maps.append(depth)
        return light, maps[0], maps[1]


def _parallel(centre: Array, toward: Array) -> Array:
    """World to shadow map (u, v in texels, depth in metres from the light) for light from direction `toward`."""
    helper = np.array([0, 1, 0]) if abs(toward[2]) > 0.9 else np.array([0, 0, 1])
    right = np.cross(helper, toward)
    right /= np.linalg.norm(right)
    up = np.cross(toward, right)
    scale = SHADOW / (2 * REACH)
    transform = np.eye(4, dtype=np.float32)
    transform[:3, :3] = np.stack([right * scale, up * scale, -toward])
    transform[:3, 3] = np.array([SHADOW / 2, SHADOW / 2, 0]) - transform[:3, :3] @ centre
    return transform
