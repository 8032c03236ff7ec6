"""The draft: the target's own pixels, warped to the driving pose and composited on the plate. No training.

Legend: B driving poses, K references, (H, W) pixels of the window; colours float32 in [-1, 1], mattes in [0, 1];
points in window units.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from vidgan.subject.heads import heads_alike
from vidgan.subject.parts import PartMotion
from vidgan.subject.warp import Flow, feathered, part_flow, reached, resize_flow, sample, widened

FLOW_STRIDE = 4
"""The flow is computed on a grid this much coarser than the picture and interpolated."""

SHARPNESS = 4.0
"""Exponent of the confidence when references are averaged: high prefers the one reference that fits."""

RANK_PENALTY = 1.6
"""Each further slot, a farther pose, counts exp(-RANK_PENALTY) of the one before at equal confidence."""

FIRMNESS = {"draft": 1.6, "trained": 1.15}
"""What is shown has its matte steepened by this much about a half: references that disagree a little on where a hand is
leave a hand, and not a shade of it. A generator settles most of that itself, and firmer mattes flicker more.
"""

TURN, TURNED = 0.45, 0.15
"""A trunk turned by TURN radians from the driving pose counts exp(-1/2) of one that is not, before `SHARPNESS`: what is
printed on it lies elsewhere. It never counts less than TURNED.
"""

HEAD_TURN, HEAD_TURNED = 0.001, 0.01
"""The same for heads, see `heads_alike`. One wins nearly everywhere: the average of two faces that are turned otherwise
is a face of neither.
"""

GATE_LOW, GATE_HIGH = 0.5, 0.95
"""Outside the body, mattes fade out as the confidence falls from the upper to the lower of these."""


@dataclass(frozen=True)
class Pose:
    """Driving poses and their references' poses in window units.

    driving: (B, J, 2); height: (B,); facing: (B,) radians; face: (B, F), see `vidgan.subject.heads.faces`; the same of
    the references, (B, K, ...).
    """

    driving: Tensor
    height: Tensor
    facing: Tensor
    face: Tensor
    reference: Tensor
    reference_height: Tensor
    reference_facing: Tensor
    reference_face: Tensor

    @property
    def alike(self) -> Tensor:
        """How far each reference's trunk and head are turned as the driving pose's are: (B, K, 2) in (0, 1]."""
        apart = self.reference_facing - self.facing[:, None]
        turned = torch.atan2(apart.sin(), apart.cos()).square()
        trunks = torch.exp(-turned / (2 * TURN**2)).clamp_min(TURNED)
        heads = heads_alike(self.face[:, None], self.reference_face, HEAD_TURN)[:, 0].clamp_min(HEAD_TURNED)
        return torch.stack([trunks, heads], -1)

    def at(self, some: slice) -> Pose:
        """Some of the poses."""
        return Pose(*(value[some] for value in vars(self).values()))


@dataclass(frozen=True)
class Warped:
    """References at the driving pose: colour (B, K, 3, H, W), matte and confidence (B, K, H, W); core (B, 1, H, W) in
    [0, 1], near 1 along the bones of the driving body, where what shows nobody is not believed.
    """

    colour: Tensor
    matte: Tensor
    confidence: Tensor
    core: Tensor

    def at(self, some: slice) -> Warped:
        """Those of some of the poses."""
        return Warped(*(value[some] for value in vars(self).values()))


def flows(pose: Pose, pictures: Tensor, size: int, whole: bool = True) -> Flow:
    """The backward flow of every reference on the coarse grid for a window of size x size pixels; pictures as in
    `warp_references`. whole: also in columns that no part reaches. A draft shows nobody there, a generator sees them.
    """
    grid = max(16, size // FLOW_STRIDE)
    mattes = pictures[:, :, 3]
    motion = PartMotion(pose.driving, pose.reference, pose.height, pose.reference_height, mattes, pose.alike)
    return part_flow(motion, grid, None if whole else reached(motion, grid, size))


def warp_references(pictures: Tensor, flow: Flow, size: int) -> Warped:
    """Pull the references to the driving pose.

    pictures: (B, K, 4, S, S), colour in [-1, 1] spread beyond the matte, then the matte.
    Outside the driving body, a pixel that lands on another part than its own (the other leg) is not the person. What an
    arm hides in a reference is taken from others.
    """
    fine = resize_flow(flow, size)
    pulled = sample(pictures, fine.where)
    own = ((fine.confidence - GATE_LOW) / (GATE_HIGH - GATE_LOW)).clamp(0, 1)
    pulled[:, :, 3] *= torch.maximum(own, fine.inside[:, None]) * fine.near[:, None]
    pulled = feathered(pulled, fine)
    core = widened(fine.core[:, None], fine.columns, size)
    trusted = (fine.confidence * fine.shown)[:, :, None]
    whole = widened(torch.cat([pulled, trusted], 2), fine.columns, size)
    matte = whole[:, :, 3]
    return Warped(whole[:, :, :3], matte, whole[:, :, 4] * believed(matte, core), core)


def believed(matte: Tensor, core: Tensor) -> Tensor:
    """How far a picture with a matte (B, K, H, W) is believed, in [0, 1]: along the driving body's bones, `core`
    (B, 1, H, W), as far as it shows somebody.
    """
    return 1 - core * (1 - matte)


def blend_logits(warped: Warped) -> Tensor:
    """How much the draft trusts each reference at each pixel: (B, K, H, W) logits."""
    rank = torch.arange(warped.confidence.shape[1], device=warped.confidence.device, dtype=torch.float32)
    return SHARPNESS * warped.confidence.clamp_min(1e-3).log() - RANK_PENALTY * rank[None, :, None, None]


def mix(weights: Tensor, warped: Warped) -> tuple[Tensor, Tensor]:
    """Average the references with weights (B, K, H, W) that sum to one: colour (B, 3, H, W), matte (B, 1, H, W)."""
    colour = (weights[:, :, None] * warped.colour).sum(1)
    matte = (weights * warped.matte).sum(1, keepdim=True)
    return colour, matte


def blended(warped: Warped) -> tuple[Tensor, Tensor]:
    """The references averaged as far as each is trusted: colour (B, 3, H, W) and matte (B, 1, H, W)."""
    return mix(torch.softmax(blend_logits(warped), 1), warped)


def firm(matte: Tensor, firmness: float) -> Tensor:
    """The matte that is shown, from an average of mattes: (B, 1, H, W) both. firmness: see `FIRMNESS`."""
    return (firmness * (matte - 0.5) + 0.5).clamp(0, 1)


def composite(colour: Tensor, matte: Tensor, plate: Tensor) -> Tensor:
    """The person over the plate: (B, 3, H, W)."""
    return matte * colour + (1 - matte) * plate
