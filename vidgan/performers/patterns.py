"""Procedural cloth and surface patterns on (u, v) in metres, colours in [0, 1].

Every pattern takes coordinate arrays of one shape and returns that shape with 3 colour channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Pattern = Callable[[Array, Array], Array]


def floats(values: Any) -> Array:
    """The values in single precision."""
    return np.asarray(values, np.float32)


def rgb(code: str) -> Array:
    """The colour (3,) of a hex code like "#a03020"."""
    return floats([int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)])


def mix(below: Array, above: Array, amount: Array) -> Array:
    """`above` over `below` with coverage `amount` (...) in [0, 1]."""
    part = np.clip(amount, 0, 1)[..., None]
    return (below * (1 - part) + above * part).astype(np.float32)


def step(value: NDArray[np.floating[Any]], soft: float) -> Array:
    """A soft edge at 0: 0 below -soft, 1 above soft."""
    part = np.clip(value / (2 * soft) + 0.5, 0, 1)
    return np.asarray(part * part * (3 - 2 * part), np.float32)


def noise(u: Array, v: Array, size: float, seed: int, octaves: int = 3) -> Array:
    """Smooth value noise in about [-1, 1] with features of `size` metres."""
    total, weight = np.zeros(np.shape(u), np.float32), 1.0
    for octave in range(octaves):
        grid = np.random.default_rng((seed, octave)).uniform(-1, 1, (64, 64)).astype(np.float32)
        scale = 2**octave / size
        x, y = np.asarray(u * scale, np.float32), np.asarray(v * scale, np.float32)
        x0, y0 = np.floor(x).astype(np.int32), np.floor(y).astype(np.int32)
        fx, fy = x - x0, y - y0
        fx, fy = fx * fx * (3 - 2 * fx), fy * fy * (3 - 2 * fy)
        at = lambda i, j: grid[(y0 + j) % 64, (x0 + i) % 64]  # noqa: E731, B023
        total += weight * (
            (at(0, 0) * (1 - fx) + at(1, 0) * fx) * (1 - fy) + (at(0, 1) * (1 - fx) + at(1, 1) * fx) * fy
        )
        weight *= 0.5
    return total / 1.75


def _fabric(colour: Array, u: Array, v: Array, depth: float = 0.05) -> Array:
    """Add the slight unevenness of cloth: weave and broad wear."""
    shade = depth * noise(u, v, 0.05, 11) + 0.5 * depth * noise(u, v, 0.008, 12, 1)
    return np.clip(colour * (1 + shade[..., None]), 0, 1).astype(np.float32)


def plain(colour: str, depth: float = 0.06) -> Pattern:
    """One colour."""
    return lambda u, v: _fabric(np.broadcast_to(rgb(colour), (*np.shape(u), 3)), u, v, depth)


def stripes(first: str, second: str, width: float, *, upright: bool = False, share: float = 0.5) -> Pattern:
    """Stripes across (or upright), `width` metres a pair."""

    def paint(u: Array, v: Array) -> Array:
        place = (u if upright else v) / width
        return _fabric(mix(rgb(first), rgb(second), step(share / 2 - np.abs(place % 1 - 0.5), 0.03)), u, v)

    return paint


def checks(ground: str, first: str, second: str, width: float) -> Pattern:
    """Tartan: broad translucent bands both ways and thin lines between."""

    def paint(u: Array, v: Array) -> Array:
        colour = np.broadcast_to(rgb(ground), (*np.shape(u), 3))
        for place in (u, v):
            band = step(0.24 - np.abs((place / width) % 1 - 0.5), 0.02)
            line = step(0.035 - np.abs((place / width + 0.5) % 1 - 0.5), 0.015)
            colour = mix(mix(colour, rgb(first), 0.55 * band), rgb(second), 0.8 * line)
        return _fabric(colour, u, v)

    return paint


def dots(ground: str, spot: str, width: float, radius: float = 0.28) -> Pattern:
    """Dots on an offset grid `width` metres apart."""

    def paint(u: Array, v: Array) -> Array:
        row = np.floor(v / width)
        x, y = (u / width + 0.5 * (row % 2)) % 1 - 0.5, (v / width) % 1 - 0.5
        return _fabric(mix(rgb(ground), rgb(spot), step(radius - np.hypot(x, y), 0.04)), u, v)

    return paint


def patches(colours: Sequence[str], size: float, seed: int) -> Pattern:
    """Camouflage: one layer of blobs over the next."""

    def paint(u: Array, v: Array) -> Array:
        colour = np.broadcast_to(rgb(colours[0]), (*np.shape(u), 3))
        for number, code in enumerate(colours[1:]):
            colour = mix(colour, rgb(code), step(noise(u, v, size, seed + number) - 0.12, 0.03))
        return _fabric(colour, u, v)

    return paint


def flowers(ground: str, petals: Sequence[str], heart: str, width: float, seed: int) -> Pattern:
    """Scattered five-petalled flowers, one a cell."""

    def paint(u: Array, v: Array) -> Array:
        column, row = np.floor(u / width).astype(int), np.floor(v / width).astype(int)
        table = np.random.default_rng(seed).uniform(0, 1, (16, 16, 4)).astype(np.float32)
        cell = table[row % 16, column % 16]
        x = u / width - column - 0.5 - 0.3 * (cell[..., 0] - 0.5)
        y = v / width - row - 0.5 - 0.3 * (cell[..., 1] - 0.5)
        radius, angle = np.hypot(x, y), np.arctan2(y, x) + 6 * cell[..., 2]
        petal = floats([rgb(code) for code in petals])[(cell[..., 3] * len(petals)).astype(int)]
        shape = step(0.27 * (0.68 + 0.32 * np.cos(5 * angle)) - radius, 0.03)
        colour = mix(rgb(ground), petal, shape)
        return _fabric(mix(colour, rgb(heart), step(0.08 - radius, 0.02)), u, v)

    return paint


def denim(colour: str) -> Pattern:
    """Washed twill."""

    def paint(u: Array, v: Array) -> Array:
        twill = 0.06 * np.sin(2 * np.pi * (u + v) / 0.006)
        wash = 0.16 * noise(u, v, 0.16, 21) + 0.08 * noise(u, v, 0.02, 22)
        return np.clip(rgb(colour) * (1 + twill + wash)[..., None], 0, 1).astype(np.float32)

    return paint


def fade(top: str, bottom: str, low: float, high: float) -> Pattern:
    """A gradient along v from `low` to `high`."""
    return lambda u, v: _fabric(mix(rgb(bottom), rgb(top), (v - low) / (high - low)), u, v)


def blocks(upper: str, lower: str, edge: float, line: str = "#f4f1e8") -> Pattern:
    """Two colours that meet at height `edge`, with a line between."""

    def paint(u: Array, v: Array) -> Array:
        colour = mix(rgb(lower), rgb(upper), step(v - edge, 0.004))
        return _fabric(mix(colour, rgb(line), step(0.014 - np.abs(v - edge), 0.003)), u, v)

    return paint


def corners(points: Any) -> NDArray[np.int32]:
    """Points as OpenCV draws them."""
    return np.asarray(points, np.int32)


def emblem(kind: str, side: int = 256) -> Array:
    """The coverage (side, side) of a print: "star", "sun", "wave", "bolt", or a short text."""
    big = 4 * side
    canvas = np.zeros((big, big), np.uint8)
    c, r, ink = big // 2, int(big * 0.42), (255,)
    if kind == "star":
        turns = np.arange(10) * np.pi / 5 - np.pi / 2
        radius = np.where(np.arange(10) % 2 == 0, r, 0.42 * r)
        cv2.fillPoly(canvas, [corners(c + np.stack([radius * np.cos(turns), radius * np.sin(turns)], -1))], ink)
    elif kind == "sun":
        cv2.circle(canvas, (c, c), int(0.55 * r), ink, -1)
        for turn in np.arange(12) * np.pi / 6:
            ends = [np.array([np.cos(turn), np.sin(turn)]) * part * r + c for part in (0.7, 1.0)]
            cv2.line(canvas, tuple(map(int, ends[0])), tuple(map(int, ends[1])), ink, big // 24)
    elif kind == "wave":
        x = np.arange(int(0.08 * big), int(0.92 * big), 8)
        for row in (-0.2, 0.0, 0.2):
            y = c + row * big + 0.06 * big * np.sin(x / big * 6 * np.pi)
            cv2.polylines(canvas, [corners(np.stack([x, y], -1))], False, ink, big // 16)
    elif kind == "bolt":
        shape = np.array([[0.56, 0.05], [0.24, 0.55], [0.46, 0.55], [0.40, 0.95], [0.76, 0.40], [0.53, 0.40]])
        cv2.fillPoly(canvas, [corners(shape * big)], ink)
    else:
        (wide, high), _ = cv2.getTextSize(kind, cv2.FONT_HERSHEY_DUPLEX, 1, 2)
        scale = 0.9 * big / max(wide, 1.4 * high)
        place = (int(c - wide * scale / 2), int(c + high * scale / 2))
        cv2.putText(canvas, kind, place, cv2.FONT_HERSHEY_DUPLEX, scale, ink, int(scale * 2.6), cv2.LINE_AA)
    return cv2.resize(canvas, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def stamp(coverage: Array, u: Array, v: Array, centre: tuple[float, float], width: float) -> Array:
    """Read an emblem of `width` metres at (u, v); 0 outside. `v` goes up."""
    side = len(coverage)
    x = np.clip(((u - centre[0]) / width + 0.5) * side - 0.5, 0, side - 1.001)
    y = np.clip((0.5 - (v - centre[1]) / width) * side - 0.5, 0, side - 1.001)
    x0, y0 = x.astype(np.int32), y.astype(np.int32)
    fx, fy = x - x0, y - y0
    top = coverage[y0, x0] * (1 - fx) + coverage[y0, x0 + 1] * fx
    low = coverage[y0 + 1, x0] * (1 - fx) + coverage[y0 + 1, x0 + 1] * fx
    return np.asarray(top * (1 - fy) + low * fy, np.float32)
