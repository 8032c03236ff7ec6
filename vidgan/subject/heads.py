"""How heads are turned, by the landmarks of their faces: references whose heads are turned otherwise do not align.

Legend: T and N poses, J landmarks, F of them in a face.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vidgan.pose.track import JOINT
from vidgan.subject.parts import FACE

SCALES = (0.8, 1.25)
"""The least and the most by which one face is scaled to another."""


def faces(points: Tensor, height: Tensor) -> Tensor:
    """Landmarks of faces about their middle, in heights, on the complex plane: poses (..., J, 2) of people so high
    (...) → (..., F).
    """
    face = points[..., [JOINT[name] for name in FACE], :] / height[..., None, None]
    x, y = (face - face.mean(-2, keepdim=True)).unbind(-1)
    return torch.complex(x, y)


def head_distances(driving: Tensor, reference: Tensor) -> Tensor:
    """How far heads are turned apart in depth, squared: `faces` (..., T, F) and (..., N, F) → (..., T, N), in heights.

    The mean square distance of their landmarks after the similarity that joins them (Procrustes, its scale kept within
    `SCALES`): to shift, roll and scale a head is no harm. Between two people it holds how their faces differ as well.
    """
    power_d, power_r = (one.abs().square().sum(-1) for one in (driving, reference))
    common = (driving.conj() @ reference.transpose(-1, -2)).abs()
    scale = (common / power_d[..., None].clamp_min(1e-12)).clamp(*SCALES)
    left = scale.square() * power_d[..., None] - 2 * scale * common + power_r[..., None, :]
    return left.clamp_min(0) / driving.shape[-1]


def heads_alike(driving: Tensor, reference: Tensor, nod: float) -> Tensor:
    """How far heads are turned as those of a driving pose, beside the one that comes nearest to it: `faces` (..., T, F)
    and (..., N, F) → (..., T, N) in [0, 1]. Turned apart farther by `nod`, in heights, they are alike to exp(-1/2).
    """
    apart = head_distances(driving, reference)
    return torch.exp((apart.amin(-1, keepdim=True) - apart) / (2 * nod**2))
