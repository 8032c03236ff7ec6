"""The layers of a dressed person: skin, eyes, shirt, trousers or skirt, shoes."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.performers import chart, wardrobe
from vidgan.performers.body import Body, meshes, skeleton
from vidgan.performers.chart import Chart
from vidgan.performers.layers import SIDE, Layer, grid, layer, loose, painted, shell, take, texture
from vidgan.performers.people import Person

Array = NDArray[np.float32]

TUCKED = 0.03
"""Metres inside a garment's edge from where the skin beneath is left out."""


def skin(person: Person, body: Body) -> Layer:
    """The skin that clothes leave open, with the face."""
    mesh, place = meshes()["body"], chart.vertices()
    hidden = np.maximum(wardrobe.shoe_coverage(place, person.shoes), wardrobe.top_coverage(place, person.top))
    if not person.bottom.skirt:
        hidden = np.maximum(hidden, wardrobe.bottom_coverage(place, person.bottom.hem))
    seen = (hidden[mesh.faces] < TUCKED).any(1)
    values, covered = chart.texels("body", SIDE)
    lips, lids = (chart.painted(name, SIDE)[covered] for name in ("lips", "eyelids"))
    colours = wardrobe.paint_skin(take(values, covered), person, lips, lids)
    return layer(
        "skin", body.reference, mesh.faces[seen], mesh.uv[seen], texture(colours, covered),
        gloss=(0.10, 18.0, 0.35), cutout=False, follows=True,
    )  # fmt: skip


def eyes(person: Person, body: Body) -> list[Layer]:
    """Two eyeballs."""
    layers = []
    for part, bone in (("left_eye", "eye.L"), ("right_eye", "eye.R")):
        mesh = meshes()[part]
        low, high = mesh.uv.min((0, 1)), mesh.uv.max((0, 1))
        uv = (0.02 + 0.96 * (mesh.uv - low) / (high - low)).astype(np.float32)
        place = chart.vertices()
        columns = np.stack([getattr(place, name) for name in Chart.__dataclass_fields__], -1)
        values, covered = chart.baked(uv, mesh.faces, columns, 256)
        centre = chart.reference().joint(bone)
        colours = wardrobe.paint_eye(Chart(*values[covered].T), person, (float(centre[0]), float(centre[2])))
        layers.append(
            layer(part, body.reference, mesh.faces, uv, texture(colours, covered), gloss=(0.5, 60.0, 0.3),
                   cutout=False, follows=True, density=5000.0)
        )  # fmt: skip
    return layers


def top(person: Person, body: Body) -> Layer:
    """The shirt."""
    top, place = person.top, chart.vertices()
    coverage = wardrobe.top_coverage(place, top)
    lower = np.clip((0.25 - place.z) / 0.3, 0, 1) * (place.arm < 0.5)
    cuff = np.clip((place.reach - 0.1) / 0.6, 0, 1) * (place.arm >= 0.5)
    offset = 0.006 + top.loose * (0.4 + 0.9 * lower + 0.8 * cuff)
    points, faces, uv = shell(body, coverage, offset.astype(np.float32), rounds=9)
    picture = painted(lambda c: wardrobe.top_coverage(c, top), lambda c: wardrobe.paint_top(c, top))
    return layer("top", points, faces, uv, picture, gloss=(0.02, 8.0, 0.15))


def bottom(person: Person, body: Body) -> Layer:
    """Trousers or shorts; under a skirt, short ones."""
    bottom, place = person.bottom, chart.vertices()
    hem = -0.14 if bottom.skirt else bottom.hem
    coverage = wardrobe.bottom_coverage(place, hem)
    down = np.clip((-0.05 - place.z) / 0.7, 0, 1)
    offset = 0.005 + (0.002 if bottom.skirt else bottom.flare) * down + 0.004 * (place.z < -0.02)
    points, faces, uv = shell(body, coverage, offset.astype(np.float32), rounds=4)
    picture = painted(lambda c: wardrobe.bottom_coverage(c, hem), lambda c: wardrobe.paint_bottom(c, bottom))
    return layer("bottom", points, faces, uv, picture, gloss=(0.02, 8.0, 0.15))


def shoes(person: Person, body: Body) -> list[Layer]:
    """A pair of shoes: rounded hulls of the feet, slice by slice from heel to toe, on flat soles."""
    used = np.unique(meshes()["body"].faces)
    points, place = body.reference[used], chart.vertices()
    scale = body.height / chart.reference().height
    made = []
    for name, side in (("left_shoe", 1), ("right_shoe", -1)):
        foot = (place.z[used] < person.shoes.top) & (place.x[used] * side > 0)
        hull = _foot_hull(points[foot].astype(np.float64), scale)
        nearest = [int(np.argmin(((points[foot] - spot) ** 2).sum(-1))) for spot in hull.reshape(-1, 3)]
        weights = skeleton().weights[used[foot][nearest]]
        made.append(
            loose(name, hull, weights, grid(SLICES, SPOKES, closed=True), _shoe_picture(hull, person, scale),
                  gloss=(0.10, 20.0, 0.1), cutout=False, density=700.0)
        )  # fmt: skip
    return made


SLICES, SPOKES = 30, 36


def _foot_hull(foot: NDArray[np.float64], scale: float) -> Array:
    """Rings (SLICES, SPOKES, 3) around a foot (n, 3) that points to -y: the convex hull of each slice."""
    low, high, floor = foot[:, 1].min() - 0.012 * scale, foot[:, 1].max() + 0.010 * scale, foot[:, 2].min()
    angle = np.linspace(0, 2 * np.pi, SPOKES, endpoint=False)
    spokes = np.stack([np.sin(angle), np.cos(angle)], -1)
    facing = np.cos(angle[:, None] - angle)
    rings = np.zeros((SLICES, SPOKES, 3))
    middle = 0.5 * (foot[:, 0].min() + foot[:, 0].max())
    for row, part in enumerate(0.5 - 0.5 * np.cos(np.linspace(0, np.pi, SLICES))):
        y = low + (high - low) * part
        inside = np.clip(y, foot[:, 1].min() + 0.02 * scale, foot[:, 1].max() - 0.015 * scale)
        near = foot[np.abs(foot[:, 1] - inside) < 0.016 * scale][:, [0, 2]]
        centre = np.array([middle, floor + 0.02 * scale])
        support = ((near - centre) @ spokes.T).max(0) + 0.007 * scale
        # The convex hull along a spoke is where its nearest supporting line crosses it.
        reach = np.where(facing > 0.05, support[:, None] / np.maximum(facing, 0.05), np.inf).min(0)
        # Both ends close in a quarter of an ellipse.
        ends = np.sqrt(np.clip(1 - np.clip(1 - np.minimum(part / 0.10, (1 - part) / 0.07), 0, 1) ** 2, 0, 1))
        rings[row, :, [0, 2]] = (centre + spokes * (reach * (0.12 + 0.88 * ends))[:, None]).T
        rings[row, :, 1] = y
    rings = (rings + np.roll(rings, 1, 1) + np.roll(rings, -1, 1)) / 3
    sole = floor - 0.016 * scale
    rings[..., 2] = np.where(rings[..., 2] < floor + 0.004 * scale, sole, rings[..., 2])
    return rings.astype(np.float32)


def _shoe_picture(hull: Array, person: Person, scale: float) -> NDArray[np.uint8]:
    closed = np.concatenate([hull, hull[:, :1]], 1).astype(np.float32)
    fine = cv2.resize(closed, (256, 256), interpolation=cv2.INTER_LINEAR)
    along = (fine[..., 1] - hull[..., 1].min()) / np.ptp(hull[..., 1])
    across = (fine[..., 0] - hull[..., 0].mean()) / scale
    height = (fine[..., 2] - hull[..., 2].min()) / scale
    colours = wardrobe.paint_shoes(along, across, height, person.shoes)
    return texture(colours.reshape(-1, 3), np.ones((256, 256), bool))


def skirt(person: Person, body: Body) -> Layer:
    """MakeHuman's skirt helper, cut at the hem and flared towards it."""
    mesh, place = meshes()["skirt"], chart.vertices()
    hem, flare = person.bottom.hem, person.bottom.flare
    points = body.reference.copy()
    down = np.clip((0.06 - place.z) / (0.06 - hem), 0, 1.3)
    angle = np.arctan2(place.x, -(place.y + 0.01))
    pleat = 0.010 * down * np.sin(14 * angle)
    outward = np.stack([np.sin(angle), -np.cos(angle)], -1)
    points[:, :2] += outward * (0.012 + flare * down + pleat)[:, None]
    turns = angle / (2 * np.pi) + 0.5
    corners = turns[mesh.faces]
    # A triangle across the back seam continues beyond one turn; textures wrap.
    corners = np.where((np.ptp(corners, axis=1) > 0.5)[:, None] & (corners < 0.5), corners + 1, corners)
    height = (0.2 - place.z[mesh.faces]) / 1.1
    uv = np.stack([corners, height], -1).astype(np.float32)
    rows, columns = np.mgrid[0:512, 0:512].astype(np.float32)
    u, v = (columns / 512 - 0.5) * 0.9, 0.2 - 1.1 * (rows + 0.5) / 512
    colours = person.bottom.pattern(u, v)
    colours = np.clip(colours * (1 + 0.16 * np.sin(14 * u / 0.9 * 2 * np.pi) * np.clip(-v * 3, 0, 1))[..., None], 0, 1)
    inside = np.minimum(v - hem, wardrobe.WAIST + 0.02 - v)
    picture = texture(colours.reshape(-1, 3), np.ones((512, 512), bool), inside.ravel())
    kept = (place.z[mesh.faces] > hem - 0.08).any(1)
    return layer("skirt", points, mesh.faces[kept], uv[kept], picture, gloss=(0.02, 8.0, 0.15), density=500.0)
