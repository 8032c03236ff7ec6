"""What moves: how landmarks carry pixels from one pose to another, and how a network is shown a pose.

A rig is all that painting and training know of a body or of a face.

Legend: B driving poses, K references each, J landmarks, M pose maps, S pixels of a window; points in window units.
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from vidgan.face.rasterise import MAPS as FACE_MAPS
from vidgan.face.rasterise import face_maps
from vidgan.face.regions import LIPS, MESH, RIGID
from vidgan.pose.rasterise import MAPS as BODY_MAPS
from vidgan.pose.rasterise import pose_maps
from vidgan.subject.parts import PartMotion
from vidgan.subject.warp import Flow, grid_points, part_flow

SIGMA = 0.016
"""Softness of the pose maps as a share of the window."""

COLUMN_MARGIN = 0.1

NEAR, FAR = 0.25, 0.6
"""Face heights from the nearest landmark within which a face's motion is known, and from which on it is not."""

SPREAD = 0.06
"""Face heights over which the motion of a face's landmarks is averaged."""


class Rig(Protocol):
    """A kind of subject.

    maps: the number M of its pose maps; trust: how much a generator's own picture is trusted before anything is
    learned, a logit against all references together.
    """

    maps: int
    trust: float

    def flow(
        self, driving: Tensor, reference: Tensor, height_d: Tensor, height_r: Tensor, mattes: Tensor, grid: int,
        columns: slice,
    ) -> Flow:  # fmt: skip
        """The backward flow of every reference on a grid x grid: driving (B, J, 2), reference (B, K, J, 2), heights
        (B,) and (B, K), mattes of the references (B, K, S, S); in those of its columns that are asked for.
        """
        ...

    def conditioning(self, points: Tensor, visibility: Tensor, size: int) -> Tensor:
        """The pose maps a network of `size` pixels takes, at half its resolution: (B, M, size / 2, size / 2)."""
        ...

    def columns(self, points: Tensor, size: int) -> slice:
        """The columns of the window that hold the poses (..., J, 2) with a margin: what is left out is not worth a
        network's time.
        """
        ...


class BodyRig:
    """A whole person: rigid parts (see `vidgan.subject.parts`)."""

    maps = BODY_MAPS
    trust = -1.5

    def flow(
        self, driving: Tensor, reference: Tensor, height_d: Tensor, height_r: Tensor, mattes: Tensor, grid: int,
        columns: slice,
    ) -> Flow:  # fmt: skip
        """See `Rig.flow`."""
        return part_flow(PartMotion(driving, reference, height_d, height_r, mattes), grid, columns)

    def conditioning(self, points: Tensor, visibility: Tensor, size: int) -> Tensor:
        """See `Rig.conditioning`."""
        half = size // 2
        return pose_maps(points * half, visibility, (half, half), sigma=SIGMA * half)

    def columns(self, points: Tensor, size: int) -> slice:
        """See `Rig.columns`: a standing person fills a third of the square window, about its middle."""
        multiple = 64 if points.is_cuda else 32  # cuDNN plans anew, a second long, for every width that it meets
        reach = float((points[..., 0] - 0.5).abs().amax()) + COLUMN_MARGIN
        half = min(size // 2, multiple // 2 * math.ceil(2 * reach * size / multiple))
        return slice(size // 2 - half, size // 2 + half)


class FaceRig:
    """A face: pixels move as the landmarks about them do."""

    maps = FACE_MAPS
    trust = -0.5

    def flow(
        self, driving: Tensor, reference: Tensor, height_d: Tensor, height_r: Tensor, mattes: Tensor, grid: int,
        columns: slice,
    ) -> Flow:  # fmt: skip
        """See `Rig.flow`: the landmarks' displacements, averaged with Gaussian weights (Nadaraya 1964), for the small
        motion from one frame to the next; `vidgan.face.mesh` is for larger ones.
        """
        carried = list(_CARRIERS)
        at = grid_points((grid, grid), driving.device, columns).expand(len(driving), -1, -1)
        distance = torch.cdist(at, driving[:, carried]) / height_d[:, None, None]
        weights = torch.softmax(-0.5 * (distance / SPREAD).square(), -1)
        shift = reference[:, :, carried] - driving[:, None, carried]
        where = (at[:, None] + weights[:, None] @ shift).unflatten(2, (grid, -1))
        nearest = distance.amin(-1).unflatten(1, (grid, -1))
        known = 1 - ((nearest - NEAR) / (FAR - NEAR)).clamp(0, 1)
        confidence = known[:, None].expand(-1, reference.shape[1], -1, -1)
        return Flow(where, confidence, torch.ones_like(confidence), nearest.square(), columns)

    def conditioning(self, points: Tensor, visibility: Tensor, size: int) -> Tensor:
        """See `Rig.conditioning`; landmarks are all taken as seen."""
        half = size // 2
        return face_maps(points * half, (half, half), sigma=SIGMA * half)

    def columns(self, points: Tensor, size: int) -> slice:
        """See `Rig.columns`: all of them, a face fills its window."""
        return slice(0, size)


_CARRIERS = sorted({*RIGID, *LIPS, *range(0, MESH, 6)})
"""Landmarks that tell a face's motion well enough."""

BODY: Rig = BodyRig()
FACE: Rig = FaceRig()
