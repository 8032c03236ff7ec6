"""A performer: the body of one person dressed, as one mesh of layers that a motion can bend.

Legend: n vertices and F triangles of all layers together, B bones, T frames.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.performers import chart, wardrobe
from vidgan.performers.body import Body, meshes, skeleton, skin
from vidgan.performers.chart import Chart
from vidgan.performers.people import Person
from vidgan.performers.rig import Motion, turn

Array = NDArray[np.float32]
Faces = NDArray[np.int32]

SIDE = 1024
"""Texels a side of a garment's texture."""
EXPRESSIONS = ("eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "jawOpen", "browInnerUp")
TUCKED = 0.03
"""Metres inside a garment's edge from where the skin beneath is left out."""


@dataclass(frozen=True)
class Layer:
    """A textured shell: `points` (n, 3) and `weights` (n, B) in the reference pose, `faces`, corner `uv`.

    texture: (side, side, 4) uint8 RGBA; gloss: (strength, exponent, light wrap); density: texels a metre.
    `source` holds the body vertex each point follows in expressions, -1 for none.
    """

    name: str
    points: Array
    weights: Array
    faces: Faces
    uv: Array
    texture: NDArray[np.uint8]
    source: NDArray[np.int64]
    gloss: tuple[float, float, float]
    cutout: bool = True
    density: float = 800.0


class Performer:
    """One person of the cast, ready to pose."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.body = Body(person.shape, EXPRESSIONS)
        self.layers = _dress(person, self.body)
        counts = np.cumsum([0, *(len(layer.points) for layer in self.layers)])
        self.points: Array = np.concatenate([layer.points for layer in self.layers])
        self.weights: Array = np.concatenate([layer.weights for layer in self.layers])
        self.faces: Faces = np.concatenate(
            [layer.faces + start for layer, start in zip(self.layers, counts[:-1], strict=True)]
        ).astype(np.int32)
        self.source = np.concatenate([layer.source for layer in self.layers])
        self._soles = np.flatnonzero(self.points[:, 2] < self.points[:, 2].min() + 0.06)

    def expression(self, weights: dict[str, float]) -> Array:
        """The reference points with a facial expression."""
        moved = np.zeros_like(self.body.reference)
        for action, amount in weights.items():
            moved += amount * self.body.expressions[action]
        followed = self.source >= 0
        points = self.points.copy()
        points[followed] += moved[self.source[followed]]
        return points

    def place(self, motion: Motion) -> NDArray[np.float64]:
        """The root's place (T, 3) so that the lowest sole of each frame touches the floor."""
        maps = self.body.transforms(motion.rotations)
        lowest = [skin(self.points[self._soles], self.weights[self._soles], frame)[:, 2].min() for frame in maps]
        return np.concatenate([motion.path * self.body.leg, -np.array(lowest)[:, None]], -1)

    def pose(self, maps: Array, root: NDArray[np.floating[Any]], face: dict[str, float]) -> Array:
        """All points (n, 3) in the room under bone `maps` (B, 4, 4)."""
        return (skin(self.expression(face), self.weights, maps) + np.asarray(root, np.float32)).astype(np.float32)


def _dress(person: Person, body: Body) -> list[Layer]:
    layers = [*_eyes(person, body), _shoes(person, body), _bottom(person, body), _top(person, body)]
    if person.bottom.skirt:
        layers.append(_skirt(person, body))
    layers += _hair(person, body)
    return [_skin(person, body), *layers]


def _take(values: Chart, chosen: NDArray[Any]) -> Chart:
    return Chart(*(getattr(values, name)[chosen] for name in Chart.__dataclass_fields__))


def _texture(colours: Array, covered: NDArray[np.bool_], inside: Array | None = None) -> NDArray[np.uint8]:
    """RGBA of a texture from colours of its covered texels; uncovered ones take the mean, so that mips stay clean."""
    side = covered.shape[0]
    picture = np.full((side, side, 4), 255, np.uint8)
    picture[..., :3] = (colours.mean(0) * 255).astype(np.uint8)
    picture[covered, :3] = np.clip(colours * 255 + 0.5, 0, 255).astype(np.uint8)
    if inside is not None:
        # A ramp of two texels about the edge keeps the cut smooth under interpolation.
        picture[covered, 3] = np.clip(127.5 + inside * 40000, 0, 255).astype(np.uint8)
    return picture


def _shell(
    body: Body, coverage: Array, offset: Array, *, rounds: int, margin: float = 0.05, fit: float = 1.0
) -> tuple[Array, Faces, Array]:
    """The part of the body surface under a garment, smoothed `rounds` times and pushed out by `offset` (V,).

    Returns compact (points, faces, uv), and keeps one ring beyond the edge for the texture to cut.
    """
    mesh = meshes()["body"]
    kept = (coverage[mesh.faces] > -margin).any(1)
    faces, uv = mesh.faces[kept], mesh.uv[kept]
    points = chart.soften(body.reference, faces, rounds)
    normal = chart.vertex_normals(points, faces)
    # Smoothing shrinks: never go below the skin by more than the smoothing is meant to hide.
    points = points + normal * (offset + fit * np.clip(((body.reference - points) * normal).sum(-1), 0, None))[:, None]
    return points.astype(np.float32), faces, uv


def _layer(name: str, points: Array, faces: Faces, uv: Array, texture: NDArray[np.uint8], **look: Any) -> Layer:
    """Compact a shell that shares the base mesh's vertex numbers."""
    used, numbers = np.unique(faces, return_inverse=True)
    follows = look.pop("follows", False)
    source = used.astype(np.int64) if follows else np.full(len(used), -1, np.int64)
    return Layer(
        name, points[used], skeleton().weights[used], numbers.reshape(-1, 3).astype(np.int32), uv, texture, source, **look
    )


def _painted(coverage: Any, paint: Any) -> NDArray[np.uint8]:
    """A garment's texture: `coverage` and `paint` are functions of a chart."""
    values, covered = chart.texels("body", SIDE)
    inside = coverage(_take(values, covered))
    near = inside > -0.03
    colours = np.zeros((len(inside), 3), np.float32)
    colours[near] = paint(_take(_take(values, covered), near))
    colours[~near] = colours[near].mean(0)
    return _texture(colours, covered, inside)


def _skin(person: Person, body: Body) -> Layer:
    mesh, place = meshes()["body"], chart.vertices()
    hidden = np.maximum(wardrobe.shoe_coverage(place, person.shoes), wardrobe.top_coverage(place, person.top))
    if not person.bottom.skirt:
        hidden = np.maximum(hidden, wardrobe.bottom_coverage(place, person.bottom.hem))
    seen = (hidden[mesh.faces] < TUCKED).any(1)
    values, covered = chart.texels("body", SIDE)
    lips, lids = (chart.painted(name, SIDE)[covered] for name in ("lips", "eyelids"))
    colours = wardrobe.paint_skin(_take(values, covered), person, lips, lids)
    return _layer(
        "skin", body.reference, mesh.faces[seen], mesh.uv[seen], _texture(colours, covered),
        gloss=(0.10, 18.0, 0.35), cutout=False, follows=True,
    )  # fmt: skip


def _eyes(person: Person, body: Body) -> list[Layer]:
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
            _layer(part, body.reference, mesh.faces, uv, _texture(colours, covered), gloss=(0.5, 60.0, 0.3),
                   cutout=False, follows=True, density=5000.0)
        )  # fmt: skip
    return layers


def _top(person: Person, body: Body) -> Layer:
    top, place = person.top, chart.vertices()
    coverage = wardrobe.top_coverage(place, top)
    lower = np.clip((0.25 - place.z) / 0.3, 0, 1) * (place.arm < 0.5)
    cuff = np.clip((place.reach - 0.1) / 0.6, 0, 1) * (place.arm >= 0.5)
    offset = 0.006 + top.loose * (0.4 + 0.9 * lower + 0.8 * cuff)
    points, faces, uv = _shell(body, coverage, offset.astype(np.float32), rounds=6)
    texture = _painted(lambda c: wardrobe.top_coverage(c, top), lambda c: wardrobe.paint_top(c, top))
    return _layer("top", points, faces, uv, texture, gloss=(0.02, 8.0, 0.15))


def _bottom(person: Person, body: Body) -> Layer:
    bottom, place = person.bottom, chart.vertices()
    hem = -0.14 if bottom.skirt else bottom.hem
    coverage = wardrobe.bottom_coverage(place, hem)
    down = np.clip((-0.05 - place.z) / 0.7, 0, 1)
    offset = 0.005 + (0.002 if bottom.skirt else bottom.flare) * down + 0.004 * (place.z < -0.02)
    points, faces, uv = _shell(body, coverage, offset.astype(np.float32), rounds=4)
    texture = _painted(lambda c: wardrobe.bottom_coverage(c, hem), lambda c: wardrobe.paint_bottom(c, bottom))
    return _layer("bottom", points, faces, uv, texture, gloss=(0.02, 8.0, 0.15))


def _shoes(person: Person, body: Body) -> Layer:
    shoes, place = person.shoes, chart.vertices()
    coverage = wardrobe.shoe_coverage(place, shoes)
    low = np.clip((-0.80 - place.z) / 0.05, 0, 1)
    points, faces, uv = _shell(body, coverage, (0.007 + 0.004 * low).astype(np.float32), rounds=40, fit=0.4)
    floor = points[np.unique(faces), 2].min()
    under = points[:, 2] < floor + 0.030
    points[under, 2] = floor + 0.25 * (points[under, 2] - floor) - 0.016
    texture = _painted(lambda c: wardrobe.shoe_coverage(c, shoes), lambda c: wardrobe.paint_shoes(c, shoes))
    return _layer("shoes", points, faces, uv, texture, gloss=(0.10, 20.0, 0.1))


def _skirt(person: Person, body: Body) -> Layer:
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
    texture = _texture(colours.reshape(-1, 3), np.ones((512, 512), bool), inside.ravel())
    kept = (place.z[mesh.faces] > hem - 0.08).any(1)
    return _layer("skirt", points, mesh.faces[kept], uv[kept], texture, gloss=(0.02, 8.0, 0.15), density=500.0)


def _hair(person: Person, body: Body) -> list[Layer]:
    hair, place = person.hair, chart.vertices()
    if hair.style == "shaved":
        return []
    coverage = wardrobe.hairline(place)
    points, faces, uv = _shell(body, coverage, wardrobe.hair_offset(place, hair), rounds=1, margin=0.03)
    values, covered = chart.texels("body", SIDE)
    spots = _take(values, covered)
    ragged = 0.006 * wardrobe.noise(np.arctan2(spots.x, spots.y) * 0.1, spots.z * 0.3, 0.006, 71, 2)
    inside = wardrobe.hairline(spots) + ragged
    inside = np.where(chart.painted("ears", SIDE)[covered] > 0.3, -1, inside)
    angle = np.arctan2(spots.x, spots.z - 0.64) * 0.09
    colours = wardrobe.paint_hair(angle, spots.y, hair)
    look: dict[str, Any] = {"gloss": (0.22, 24.0, 0.2)} if hair.style not in ("curly", "crop") else {"gloss": (0.05, 8.0, 0.3)}
    layers = [_layer("hair", points, faces, uv, _texture(colours, covered, inside), **look)]
    head = body.joint("head")
    if hair.style in ("long", "bob"):
        layers.append(_curtain(body, hair, -0.02 if hair.style == "long" else 0.525, look))
    if hair.style == "bun":
        layers.append(_ball(body, hair, head + np.float32([0, 0.075, 0.155]), (0.052, 0.052, 0.048), look))
    if hair.style == "tail":
        layers.append(_tail(body, hair, look))
    return layers


def _blend(body: Body, share: Sequence[tuple[str, Array]], count: int) -> Array:
    weights = np.zeros((count, len(skeleton().names)), np.float32)
    for bone, amount in share:
        weights[:, skeleton().index[bone]] += amount
    return weights / weights.sum(1, keepdims=True)


def _grid(rows: int, columns: int, closed: bool) -> tuple[Faces, Array]:
    """Triangles and uv of a grid of points, numbered by rows; `closed` joins the last column to the first."""
    faces, uv = [], []
    for i in range(rows - 1):
        for j in range(columns if closed else columns - 1):
            square = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
            for corner in ((0, 1, 2), (0, 2, 3)):
                faces.append([square[k][0] * columns + square[k][1] % columns for k in corner])
                uv.append([(square[k][1] / columns, square[k][0] / rows) for k in corner])
    return np.array(faces, np.int32), np.array(uv, np.float32)


def _strands(hair: Any, across: float, along: float, ragged: bool) -> NDArray[np.uint8]:
    rows, columns = np.mgrid[0:256, 0:256].astype(np.float32) / 256
    colours = wardrobe.paint_hair(columns * across, rows * along, hair)
    inside = None
    if ragged:
        inside = (0.93 - rows + 0.05 * wardrobe.noise(columns * across, rows * 0, 0.012, 72, 2)).ravel() * 0.1
    return _texture(colours.reshape(-1, 3), np.ones((256, 256), bool), inside)


def _curtain(body: Body, hair: Any, low: float, look: dict[str, Any]) -> Layer:
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
    faces, uv = _grid(rows, columns, closed=False)
    weights = _blend(body, [(bone, amount.astype(np.float32)) for bone, amount in share], len(points))
    return Layer("curtain", points, weights, faces, uv, _strands(hair, 0.5, 0.9, True), np.full(len(points), -1, np.int64),
                 density=500.0, **look)  # fmt: skip


def _ball(body: Body, hair: Any, centre: Array, radii: tuple[float, float, float], look: dict[str, Any]) -> Layer:
    """An ellipsoid fixed to the head."""
    rows, columns = 14, 20
    polar = np.linspace(0.02, np.pi - 0.02, rows)[:, None]
    around = np.linspace(0, 2 * np.pi, columns, endpoint=False)[None]
    shape = np.stack([np.sin(polar) * np.cos(around), np.sin(polar) * np.sin(around), np.cos(polar) + 0 * around], -1)
    points = (centre + shape.reshape(-1, 3) * np.float32(radii)).astype(np.float32)
    faces, uv = _grid(rows, columns, closed=True)
    weights = _blend(body, [("head", np.ones(len(points), np.float32))], len(points))
    return Layer("bun", points, weights, faces, uv, _strands(hair, 0.3, 0.2, False), np.full(len(points), -1, np.int64),
                 density=800.0, cutout=False, **look)  # fmt: skip


def _tail(body: Body, hair: Any, look: dict[str, Any]) -> Layer:
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
    faces, uv = _grid(rows, columns, closed=True)
    fall = np.repeat(np.clip((part - 0.4) / 0.6, 0, 1), columns).astype(np.float32)
    weights = _blend(body, [("head", 1 - 0.5 * fall), ("neck01", 0.2 * fall), ("spine01", 0.3 * fall)], len(points))
    return Layer("tail", points, weights, faces, uv, _strands(hair, 0.2, 0.5, False), np.full(len(points), -1, np.int64),
                 density=700.0, cutout=False, **look)  # fmt: skip


def face_track(person: Person, frames: int, fps: float, rng: np.random.Generator) -> list[dict[str, float]]:
    """A living face: the person's smile, blinks every few seconds, the mouth a little open now and then."""
    times = np.arange(frames) / fps
    blink = np.zeros(frames)
    moment = float(rng.uniform(0.5, 2.5))
    while moment < times[-1]:
        blink = np.maximum(blink, np.exp(-(((times - moment) / 0.06) ** 2)))
        moment += float(rng.uniform(1.8, 4.5))
    wave = np.sin(2 * np.pi * rng.uniform(0.2, 0.5) * times + rng.uniform(0, 6))
    smile = np.clip(person.smile * (1 + 0.5 * wave), 0, 1)
    open_mouth = 0.12 * np.clip(np.sin(2 * np.pi * rng.uniform(0.3, 0.7) * times), 0, 1)
    return [
        {"eyeBlinkLeft": float(b), "eyeBlinkRight": float(b), "mouthSmileLeft": float(s), "mouthSmileRight": float(s),
         "jawOpen": float(m), "browInnerUp": float(0.3 * s)}
        for b, s, m in zip(blink, smile, open_mouth, strict=True)
    ]  # fmt: skip


__all__ = ["EXPRESSIONS", "Layer", "Performer", "face_track", "turn"]
