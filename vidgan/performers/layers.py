"""Layers: textured shells around the body, and what builds them.

Legend: V vertices of the base mesh, n points of a layer, F triangles, B bones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.performers import chart
from vidgan.performers.body import Body, meshes, skeleton
from vidgan.performers.chart import Chart

Array = NDArray[np.float32]
Faces = NDArray[np.int32]

SIDE = 1024
"""Texels a side of a garment's texture."""


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


def take(values: Chart, chosen: NDArray[Any]) -> Chart:
    """The chosen points of a chart."""
    return Chart(*(getattr(values, name)[chosen] for name in Chart.__dataclass_fields__))


def texture(colours: Array, covered: NDArray[np.bool_], inside: Array | None = None) -> NDArray[np.uint8]:
    """RGBA of a texture from colours of its covered texels; uncovered ones take the mean, so that mips stay clean."""
    side = covered.shape[0]
    picture = np.full((side, side, 4), 255, np.uint8)
    picture[..., :3] = (colours.mean(0) * 255).astype(np.uint8)
    picture[covered, :3] = np.clip(colours * 255 + 0.5, 0, 255).astype(np.uint8)
    if inside is not None:
        # A ramp of two texels about the edge keeps the cut smooth under interpolation.
        picture[covered, 3] = np.clip(127.5 + inside * 40000, 0, 255).astype(np.uint8)
    return picture


def shell(
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


def layer(name: str, points: Array, faces: Faces, uv: Array, picture: NDArray[np.uint8], **look: Any) -> Layer:
    """Compact a shell that shares the base mesh's vertex numbers."""
    used, numbers = np.unique(faces, return_inverse=True)
    follows = look.pop("follows", False)
    source = used.astype(np.int64) if follows else np.full(len(used), -1, np.int64)
    corners = numbers.reshape(-1, 3).astype(np.int32)
    return Layer(name, points[used], skeleton().weights[used], corners, uv, picture, source, **look)


def painted(coverage: Callable[[Chart], Array], paint: Callable[[Chart], Array]) -> NDArray[np.uint8]:
    """A garment's texture from its signed distance and its colours on a chart."""
    values, covered = chart.texels("body", SIDE)
    inside = coverage(take(values, covered))
    near = inside > -0.03
    colours = np.zeros((len(inside), 3), np.float32)
    colours[near] = paint(take(take(values, covered), near))
    colours[~near] = colours[near].mean(0)
    return texture(colours, covered, inside)


def loose(
    name: str, points: Array, weights: Array, mesh: tuple[Faces, Array], picture: NDArray[np.uint8], **look: Any
) -> Layer:
    """A layer with points of its own, that no expression moves."""
    faces, uv = mesh
    flat = points.reshape(-1, 3).astype(np.float32)
    return Layer(name, flat, weights, faces, uv, picture, np.full(len(flat), -1, np.int64), **look)


def blend(share: Sequence[tuple[str, Array]], count: int) -> Array:
    """Skin weights (count, B) from the share of each bone, normalised."""
    weights = np.zeros((count, len(skeleton().names)), np.float32)
    for bone, amount in share:
        weights[:, skeleton().index[bone]] += amount
    return weights / weights.sum(1, keepdims=True)


def grid(rows: int, columns: int, closed: bool) -> tuple[Faces, Array]:
    """Triangles (F, 3) and uv (F, 3, 2) of a grid numbered by rows; `closed` joins its last column to the first."""
    faces, uv = [], []
    for i in range(rows - 1):
        for j in range(columns if closed else columns - 1):
            square = [(i, j), (i, j + 1), (i + 1, j + 1), (i + 1, j)]
            for corner in ((0, 1, 2), (0, 2, 3)):
                faces.append([square[k][0] * columns + square[k][1] % columns for k in corner])
                uv.append([(square[k][1] / columns, square[k][0] / rows) for k in corner])
    return np.array(faces, np.int32), np.array(uv, np.float32)
