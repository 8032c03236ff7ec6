"""Rooms, light and cameras: where a performer dances."""

from __future__ import annotations

import colorsys
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vidgan.performers.patterns import floats, mix, noise, rgb, step

Array = NDArray[np.float32]

WALL = 1024
"""Texels a side of the wall and floor textures."""
FLOOR_SPAN = 4.0
"""Metres after which the floor's texture repeats."""


@dataclass(frozen=True)
class RoomSpec:
    """Size in metres and the three textures (WALL, WALL, 3) uint8."""

    half_width: float
    depth: float
    height: float
    floor: NDArray[np.uint8]
    back: NDArray[np.uint8]
    side: NDArray[np.uint8]


@dataclass(frozen=True)
class LightSpec:
    """Direction towards the light (unit), its colour, the light from above and below."""

    direction: Array
    colour: tuple[float, float, float]
    above: tuple[float, float, float]
    below: tuple[float, float, float]
    softness: float


@dataclass(frozen=True)
class CameraSpec:
    """A pinhole at `distance` metres before the dancer, at `height`, aimed at `aim`; `sway` moves it by hand."""

    distance: float
    height: float
    aim: float
    sway: float
    focal: float
    phases: Array

    def at(self, time: float) -> tuple[Array, Array]:
        """Origin (3,) and rotation (3, 3) with rows right, down, forward, at `time` seconds."""
        drift = [
            np.sin(2 * np.pi * rate * time + phase) for rate, phase in zip((0.11, 0.17, 0.23), self.phases, strict=True)
        ]
        origin = np.array([0.10 * drift[0], -self.distance + 0.05 * drift[1], self.height + 0.03 * drift[2]])
        origin = np.array([0, -self.distance, self.height]) + self.sway * (origin - [0, -self.distance, self.height])
        target = np.array([0.03 * self.sway * drift[1], 0, self.aim + 0.02 * self.sway * drift[0]])
        forward = (target - origin) / np.linalg.norm(target - origin)
        right = np.cross(forward, [0, 0, 1])
        right /= np.linalg.norm(right)
        down = np.cross(forward, right)
        return origin.astype(np.float32), np.stack([right, down, forward]).astype(np.float32)


PAINTS = (("#b9c4c0", "#8fa39c"), ("#d9c7a8", "#c2a983"), ("#8fa6bd", "#7089a4"), ("#c7a6a0", "#a98580"),
          ("#9fb08d", "#81946f"), ("#cfcac2", "#b3aca2"), ("#5e7188", "#4c5d72"), ("#c9b2c9", "#a88fab"))  # fmt: skip
WOODS = ("#a9794c", "#8a5a35", "#c49a68", "#6f4a30", "#b58e6a")
TILES = (("#cfc9bd", "#8f8a80"), ("#b2604a", "#d8cdbc"), ("#8d99a0", "#5f6a70"), ("#d9d4c9", "#3d4146"))


def make_room(rng: np.random.Generator) -> RoomSpec:
    """A seeded room: papered or painted walls with pictures and a skirting board, planks or tiles, a rug at times."""
    half, depth = float(rng.uniform(1.9, 2.5)), float(rng.uniform(1.1, 1.7))
    return RoomSpec(
        half, depth, 3.3, _to_bytes(_floor(rng)), _to_bytes(_wall(rng, half, True)), _to_bytes(_wall(rng, half, False))
    )


def make_light(rng: np.random.Generator) -> LightSpec:
    """A seeded key light from the front and one side, warm or cool."""
    side = float(rng.choice([-1, 1])) * float(rng.uniform(0.35, 0.75))
    direction = np.array([side, -0.75, float(rng.uniform(0.95, 1.3))])
    warmth = float(rng.uniform(-0.06, 0.08))
    strength = float(rng.uniform(1.2, 1.45))
    colour = (strength * (1 + warmth), strength, strength * (1 - 1.2 * warmth))
    toward = floats(direction / np.linalg.norm(direction))
    return LightSpec(toward, colour, (0.66, 0.68, 0.73), (0.36, 0.33, 0.30),
                     float(rng.uniform(6, 10)))  # fmt: skip


def make_camera(rng: np.random.Generator, tall: float, *, moving: bool) -> CameraSpec:
    """A seeded camera that keeps a dancer of height `tall` (metres), arms up, in a square frame."""
    distance = float(rng.uniform(3.7, 4.6))
    room = tall * 1.31 + 0.12
    return CameraSpec(
        distance,
        float(rng.uniform(0.95, 1.35)),
        0.5 * room - 0.13,
        1.0 if moving else 0.0,
        distance / room,
        rng.uniform(0, 6.3, 3).astype(np.float32),
    )


def _to_bytes(picture: Array) -> NDArray[np.uint8]:
    return np.asarray(np.clip(picture * 255 + 0.5, 0, 255), np.uint8)


def _metres(span: float) -> tuple[Array, Array]:
    rows, columns = np.mgrid[0:WALL, 0:WALL].astype(np.float32)
    return (columns + 0.5) / WALL * span, span - (rows + 0.5) / WALL * span


def _floor(rng: np.random.Generator) -> Array:
    u, v = _metres(FLOOR_SPAN)
    if rng.random() < 0.65:
        return _planks(rng, u, v)
    light, dark = TILES[int(rng.integers(len(TILES)))]
    size = FLOOR_SPAN / float(rng.choice([8, 10, 12]))
    column, row = np.floor(u / size), np.floor(v / size)
    colour = mix(rgb(light), rgb(dark), ((column + row) % 2).astype(np.float32) * float(rng.choice([0.25, 1.0])))
    gap = np.minimum(np.abs(u / size - np.round(u / size)), np.abs(v / size - np.round(v / size))) * size
    colour = mix(colour, rgb("#6a655e"), 0.7 * step(0.006 - gap, 0.003))
    return np.clip(colour * (1 + 0.05 * noise(u, v, FLOOR_SPAN / 32, int(rng.integers(1 << 30)))[..., None]), 0, 1)


def _planks(rng: np.random.Generator, u: Array, v: Array) -> Array:
    wood = floats(rgb(WOODS[int(rng.integers(len(WOODS)))]))
    wide, count = FLOOR_SPAN / 32, 32
    column = np.floor(u / wide).astype(int) % count
    shift = rng.uniform(0, FLOOR_SPAN, count).astype(np.float32)
    along = (v + shift[column]) % FLOOR_SPAN
    board = (along / (FLOOR_SPAN / 3)).astype(int)
    tone = rng.uniform(0.78, 1.12, (count, 4)).astype(np.float32)[column, board]
    grain = noise(u * 8, v * 0.7, FLOOR_SPAN / 32, int(rng.integers(1 << 30)))
    colour = wood * (tone * (1 + 0.10 * grain))[..., None]
    edge = np.minimum(np.abs(u / wide - np.round(u / wide)) * wide, np.abs(along % (FLOOR_SPAN / 3)))
    return np.clip(mix(colour, colour * 0.45, 0.8 * step(0.005 - edge, 0.003)), 0, 1)


def _wall(rng: np.random.Generator, half: float, back: bool) -> Array:
    span = 2 * half
    u, v = _metres(span)
    wall, second = PAINTS[int(rng.integers(len(PAINTS)))] if back else PAINTS[5]
    colour = np.broadcast_to(rgb(wall), (WALL, WALL, 3))
    kind = int(rng.integers(4)) if back else 0
    if kind == 1:
        width = span / round(span / 0.32)
        colour = mix(colour, rgb(second), step(0.25 - np.abs((u / width) % 1 - 0.5), 0.02))
    elif kind == 2:
        x, y = (u / 0.28 + 0.5 * (np.floor(v / 0.28) % 2)) % 1 - 0.5, (v / 0.28) % 1 - 0.5
        colour = mix(colour, rgb(second), step(0.22 - (np.abs(x) + np.abs(y)), 0.02))
    elif kind == 3:
        colour = _bricks(rng, u, v)
    colour = colour * (1 + 0.03 * noise(u, v, 0.5, int(rng.integers(1 << 30)))[..., None])
    if back:
        colour = _pictures(rng, colour, u, v, half)
    board = step(0.12 - v, 0.004)
    colour = mix(colour, rgb("#ece8df"), board)
    return np.clip(mix(colour, rgb("#8d887e"), step(0.006 - np.abs(v - 0.122), 0.004)), 0, 1)


def _bricks(rng: np.random.Generator, u: Array, v: Array) -> Array:
    row = np.floor(v / 0.085)
    x = u / 0.26 + 0.5 * (row % 2)
    tone = rng.uniform(0.75, 1.1, (64, 64)).astype(np.float32)[(row % 64).astype(int), (np.floor(x) % 64).astype(int)]
    brick = rgb("#a5624b") * tone[..., None]
    gap = np.minimum(np.abs(x - np.round(x)) * 0.26, np.abs(v / 0.085 - np.round(v / 0.085)) * 0.085)
    return mix(brick, rgb("#cbbfae"), step(0.007 - gap, 0.003))


def _pictures(rng: np.random.Generator, colour: Array, u: Array, v: Array, half: float) -> Array:
    """Two or three framed paintings or a window beside where the dancer stands."""
    for centre in ((0.45 * half, 1.55 * half), (0.38 * half, half, 1.62 * half))[int(rng.integers(2))]:
        x, y = centre + float(rng.uniform(-0.08, 0.08)), float(rng.uniform(1.45, 1.8))
        wide, high = float(rng.uniform(0.22, 0.36)), float(rng.uniform(0.22, 0.40))
        outside = np.maximum(np.abs(u - x) - wide, np.abs(v - y) - high)
        frame = ("#2a2420", "#c9a45c", "#f3f0e8")[int(rng.integers(3))]
        shadow = np.maximum(np.abs(u - x - 0.02) - wide, np.abs(v - y + 0.03) - high)
        colour = mix(colour, colour * 0.6, 0.6 * step(0.01 - shadow, 0.02))
        colour = mix(colour, rgb(frame), step(-outside, 0.003))
        inner = step(-0.03 - outside, 0.003)
        colour = mix(colour, _painting(rng, (u - x) / wide, (v - y) / high), inner)
    return colour


def _painting(rng: np.random.Generator, x: Array, y: Array) -> Array:
    hues = rng.uniform(0, 180, 4)
    palette = [floats(colorsys.hsv_to_rgb(hue / 180, 0.47, 0.82)) for hue in hues]
    if rng.random() < 0.5:
        hill = 0.25 * np.sin(3 * x + hues[0]) + 0.1 * np.sin(7 * x + hues[1]) - 0.1
        colour = mix(palette[0], palette[1], (y + 1) / 2)
        colour = mix(colour, palette[2], step(0.2 - np.hypot(x - 0.35, y - 0.45), 0.02))
        return mix(colour, palette[3], step(hill - y, 0.02))
    blob = noise(x + 9, y + 9, 0.7, int(rng.integers(1 << 30)), 2)
    colour = mix(palette[0], palette[1], step(blob, 0.05))
    return mix(colour, palette[2], step(np.abs(blob) * -1 + 0.12, 0.03))
