"""Hair: a cap over the scalp, and what hangs from it or is tied to it."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.performers import chart, wardrobe
from vidgan.performers.body import Body
from vidgan.performers.layers import SIDE, Layer, blend, grid, layer, loose, shell, take, texture
from vidgan.performers.patterns import floats
from vidgan.performers.people import Hair, Person

Array = NDArray[np.float32]


def hair_layers(person: Person, body: Body) -> list[Layer]:
    """The layers of a person's hair; none when shaved."""
    hair, place = person.hair, chart.vertices()
    if hair.style == "shaved":
        return []
    coverage = wardrobe.hairline(place)
    points, faces, uv = shell(body, coverage, wardrobe.hair_offset(place, hair), rounds=1, margin=0.03)
    values, covered = chart.texels("body", SIDE)
    spots = take(values, covered)
    ragged = 0.006 * wardrobe.noise(np.arctan2(spots.x, spots.y) * 0.1, spots.z * 0.3, 0.006, 71, 2)
    inside = wardrobe.hairline(spots) + ragged
    inside = np.where(chart.painted("ears", SIDE)[covered] > 0.3, -1, inside)
    angle = np.arctan2(spots.x, spots.z - 0.64) * 0.09
    colours = wardrobe.paint_hair(angle, spots.y, hair)
    look: dict[str, Any] = (
        {"gloss": (0.22, 24.0, 0.2)} if hair.style not in ("curly", "crop") else {"gloss": (0.05, 8.0, 0.3)}
    )
    layers = [layer("hair", points, faces, uv, texture(colours, covered, inside), **look)]
    head = body.joint("head")
    if hair.style in ("long", "bob"):
        layers.append(_curtain(body, hair, -0.02 if hair.style == "long" else 0.525, look))
    if hair.style == "bun":
        layers.append(_ball(hair, head + floats([0, 0.075, 0.155]), (0.052, 0.052, 0.048), look))
    if hair.style == "tail":
        layers.append(_tail(body, hair, look))
    return layers


def _strands(hair: Hair, across: float, along: float, ragged: bool) -> NDArray[np.uint8]:
    """A texture of strands, `across` x `along` metres; ragged at the far end when asked."""
    rows, columns = np.mgrid[0:256, 0:256].astype(np.float32) / 256
    colours = wardrobe.paint_hair(columns * across, rows * along, hair)
    inside = None
    if ragged:
        inside = (0.93 - rows + 0.05 * wardrobe.noise(columns * across, rows * 0, 0.012, 72, 2)).ravel() * 0.1
    return texture(colours.reshape(-1, 3), np.ones((256, 256), bool), inside)


def _curtain(body: Body, hair: Hair, low: float, look: dict[str, Any]) -> Layer:
    """Hair that hangs from ear to ear behind, from the temples down to height `low`."""
    head, neck = body.joint("head"), body.joint("neck01")
    reference = chart.reference()
    lift = float(head[2] - reference.joint("head")[2])
    columns, rows = 41, 18
    angle = np.deg2rad(np.linspace(62, 298, columns))[None]
    part = np.linspace(0, 1, rows)[:, None]
    start = 0.715 - 0.025 * np.cos(angle)
    z = start + (low - start) * part
    wide = 0.083 + hair.puff * 0.6 + 0.028 * np.clip((0.66 - z) / 0.12, 0, 1)
    deep = 0.100 + hair.puff * 0.5 + 0.012 * np.clip((0.64 - z) / 0.1, 0, 1)
    wave = (1 + 0.02 * np.sin(9 * angle + 5 * part)) * np.interp(part, [0, 0.08, 0.25], [0.72, 0.86, 1.0])
    x = np.sin(angle) * wide * wave
    # Below the neck the hair lies on the back.
    y = -np.cos(angle) * deep * wave - 0.025 + 0.045 * np.clip((0.5 - z) / 0.1, 0, 1)
    points = np.stack([x, y, z + lift], -1).reshape(-1, 3).astype(np.float32)
    fall = np.clip((0.56 - z) / 0.16, 0, 1).ravel() * (neck[2] > 0)
    share = [("head", 1 - 0.55 * fall), ("neck02", 0.15 * fall), ("spine01", 0.40 * fall)]
    weights = blend([(bone, amount.astype(np.float32)) for bone, amount in share], len(points))
    return loose(
        "curtain",
        points,
        weights,
        grid(rows, columns, closed=False),
        _strands(hair, 0.5, 0.9, True),
        density=500.0,
        **look,
    )


def _ball(hair: Hair, centre: Array, radii: tuple[float, float, float], look: dict[str, Any]) -> Layer:
    """An ellipsoid fixed to the head."""
    rows, columns = 14, 20
    polar = np.linspace(0.02, np.pi - 0.02, rows)[:, None]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    shape = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0 * around], -1)
    points = (centre + shape.reshape(-1, 3) * floats(radii)).astype(np.float32)
    weights = blend([("head", np.ones(len(points), np.float32))], len(points))
    return loose(
        "bun", points, weights, grid(rows, columns, closed=True), _strands(hair, 0.3, 0.2, False), cutout=False, **look
    )


def _tail(body: Body, hair: Hair, look: dict[str, Any]) -> Layer:
    """A ponytail: a tapering tube from the back of the head to the shoulder blades."""
    head = body.joint("head")
    rows, columns = 16, 14
    part = np.linspace(0, 1, rows)
    spine = np.stack([0 * part, 0.085 + 0.075 * np.sin(np.pi * np.clip(part * 1.1, 0, 1)) - 0.03 * part,
                      0.105 + 0.03 * np.sin(np.pi * part * 0.7) - 0.34 * part**1.25], -1)  # fmt: skip
    radius = np.interp(part, [0, 0.07, 0.14, 0.45, 0.85, 1], [0.012, 0.020, 0.017, 0.034, 0.022, 0.003])
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)
    forward = np.gradient(spine, axis=0)
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    side = np.broadcast_to([1.0, 0, 0], forward.shape)
    up = np.cross(forward, side)
    ring = side[:, None] * np.cos(around)[None, :, None] + up[:, None] * np.sin(around)[None, :, None]
    points = (head + spine[:, None] + ring * radius[:, None, None]).reshape(-1, 3).astype(np.float32)
    fall = np.repeat(np.clip((part - 0.4) / 0.6, 0, 1), columns).astype(np.float32)
    weights = blend([("head", 1 - 0.5 * fall), ("neck01", 0.2 * fall), ("spine01", 0.3 * fall)], len(points))
    return loose(
        "tail", points, weights, grid(rows, columns, closed=True), _strands(hair, 0.2, 0.5, False), cutout=False, **look
    )
