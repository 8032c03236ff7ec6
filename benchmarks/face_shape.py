"""The neutral face that vidgan ships: the mean mesh of rendered performers, and its triangles.

    python benchmarks/face_shape.py vidgan/models/face.safetensors

Ten performers (MakeHuman shapes, CC0) are drawn at several yaw angles, MediaPipe finds their 478 landmarks, and the
meshes are averaged after similarity Procrustes and made symmetric. The triangles are the cliques of MediaPipe's
tessellation. Also prints how well the head pose found with the result fits the yaw that was drawn.
"""

from __future__ import annotations

import argparse
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import save_file

from vidgan.face import regions
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.head import angles, fit_similarity, head_pose_of
from vidgan.performers.people import CAST
from vidgan.performers.performer import Performer
from vidgan.performers.rig import turn
from vidgan.performers.room import CameraSpec, make_light, make_room
from vidgan.performers.stage import Stage

SIZE = 512
YAWS = (-24, -12, 0, 12, 24)
FACE = 0.36
"""Metres of the room that the picture shows at the face."""


def meshes() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The landmarks (N, 478, 3) of every performer at every yaw, in pixels, and the yaw in degrees (N,)."""
    room, light = make_room(np.random.default_rng(0)), make_light(np.random.default_rng(0))
    found, yaws = [], []
    with MeshBackend(FaceConfig()) as backend:
        for person in CAST:
            performer = Performer(person)
            stage, head = Stage(performer, room, light, SIZE), performer.body.joint("head")
            height = float(head[2]) + 1.06
            camera = CameraSpec(1.3, height, height, 0.0, 1.3 / FACE, np.zeros(3, np.float32))
            still = performer.expression({}) - head
            for yaw in YAWS:
                points = still @ turn("z", yaw).T + head + np.array([0, 0, 1.0])
                picture, _, _ = stage.draw(points.astype(np.float32), camera, 0.0)
                backend.reset()
                for face in backend.detect(picture, 0, 0.0):
                    found.append(np.column_stack([face.image, face.depth]))
                    yaws.append(yaw)
    return np.array(found, np.float64), np.array(yaws, np.float64)


def mean_shape(found: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric mean (478, 3): outer eye corners 1 apart, the middle of the rigid landmarks at the origin."""
    mean = found[len(YAWS) // 2] - found[len(YAWS) // 2].mean(0)
    for _ in range(10):
        fits = [fit_similarity(one, mean) for one in found]
        mean = np.mean(
            [(fit.scale * one @ fit.rotation.T) + fit.translation for one, fit in zip(found, fits, strict=True)], axis=0
        )
        mean = placed(mean)
    twin = ((mean[:, None] * [-1, 1, 1] - mean[None]) ** 2).sum(-1).argmin(1)
    return placed((mean + mean[twin] * [-1, 1, 1]) / 2)


def placed(mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turned so that the left and right eye corners, mouth corners and brows lie level, scaled and centred."""
    right, left = mean[33], mean[263]
    across = (left - right) / np.linalg.norm(left - right)
    down = mean[152] - mean[10]
    down -= (down @ across) * across
    down /= np.linalg.norm(down)
    axes = np.stack([across, down, np.cross(across, down)])
    turned = mean @ axes.T / np.linalg.norm(left - right)
    return turned - turned[list(regions.RIGID)].mean(0)


def triangles() -> NDArray[np.int32]:
    """The tessellation as triangles (852, 3), all wound alike."""
    from mediapipe.python.solutions.face_mesh_connections import FACEMESH_TESSELATION

    edges = {tuple(sorted(edge)) for edge in FACEMESH_TESSELATION}
    near: dict[int, set[int]] = {}
    for a, b in edges:
        near.setdefault(a, set()).add(b)
        near.setdefault(b, set()).add(a)
    cliques = {tuple(sorted((a, b, c))) for a, b in edges for c in near[a] & near[b]}
    shared = {edge: [one for one in cliques if set(edge) <= set(one)] for edge in edges}
    # Two cliques are no triangles but three edges around others: all their edges have two triangles besides them.
    extra = {one for one in cliques if all(len(shared[edge]) > 2 for edge in combinations(one, 2))}
    return np.array(sorted(cliques - extra), np.int32)


def main() -> None:
    """Make the file and print the check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    output = parser.parse_args().output
    found, yaws = meshes()
    shape, faces = mean_shape(found), triangles()
    flat = shape[faces]
    turned = np.cross(flat[:, 1] - flat[:, 0], flat[:, 2] - flat[:, 0])[:, 2] < 0
    faces[turned] = faces[turned][:, ::-1]
    save_file({"neutral": shape.astype(np.float32), "triangles": faces}, output)
    yaw = angles(head_pose_of(found).rotation)[:, 0]
    for drawn in YAWS:
        print(f"drawn {drawn:4d}  found {yaw[yaws == drawn].mean():6.1f} +- {yaw[yaws == drawn].std():.1f} degrees")


if __name__ == "__main__":
    main()
