"""Drafts of a face repaired by a generator, frame after frame, inside a window that follows the face.

The one reference of the blend is the draft itself, and so is the plate: what the generator does not touch stays.

Legend: S pixels of the window, s of the network, J = 478 landmarks in window units.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.face.mesh import polygon
from vidgan.face.regions import OVAL
from vidgan.subject.draft import Warped
from vidgan.subject.mouths import put, window
from vidgan.subject.paint import Previous, nothing_before, paint, pull, repair, with_previous
from vidgan.subject.rig import FACE
from vidgan.subject.stored import as_bytes, as_matte, as_pictures

Array = NDArray[np.float32]

SIDE = 2.5
"""The window's side in distances of the outer eye corners."""

GROWN, SOFT = 1.05, 0.02
"""The repaired region: the face's outline, so many times as large; its soft edge as a share of the window."""

HEIGHT = 2.2
"""A face's height in distances of the outer eye corners."""


def face_windows(points: NDArray, side: NDArray) -> Array:
    """The windows of landmarks (T, J, 2+) with sides (T,) in pixels: (T, 3) left, top, side."""
    ring = points[:, list(OVAL), :2]
    middle = (ring.min(1) + ring.max(1)) / 2
    return np.column_stack([middle - side[:, None] / 2, side]).astype(np.float32)


def window_sides(
    scale: NDArray, shots: NDArray[np.int64], shown: NDArray[np.bool_], widths: float = SIDE, largest: float = 100
) -> NDArray[np.int64]:
    """The sides, even, in whole pixels, of windows `widths` times as wide as faces of so many pixels between their
    outer eye corners: (T,) both. One for each shot, or visit of one, for that percentile of its `shown` faces, 0
    without any: a side that changes within a shot would shift the pixels' grid.
    """
    sides = np.zeros(len(scale), np.int64)
    for shot in np.unique(shots[shown]):
        here = shots == shot
        sides[here] = 2 * round(widths * float(np.percentile(scale[here & shown], largest)) / 2)
    return sides


def face_region(points: NDArray, size: int) -> NDArray[np.uint8]:
    """What of a window may be repaired, from landmarks (J, 2) in window units: (S, S) uint8."""
    ring = points[list(OVAL), :2] * size
    middle = ring.mean(0)
    return as_matte(polygon(middle + GROWN * (ring - middle), (size, size), SOFT * size))


def shown_draft(draft: Tensor, matte: Tensor) -> Warped:
    """A draft (B, 3, S, S) with the matte (B, 1, S, S) of what may be repaired, as the blend's one reference."""
    return Warped(draft[:, None], matte, torch.ones_like(matte), core=torch.zeros_like(matte))


class Mender:
    """Repairs drafts with a generator that works at `size` pixels."""

    def __init__(self, generator: nn.Module, size: int, device: torch.device | str = "cpu") -> None:
        self.generator, self.size, self.device = generator, size, torch.device(device)

    @torch.inference_mode()
    def mend(
        self, draft: NDArray[np.uint8], matte: NDArray[np.uint8], points: NDArray, height: float,
        before: Previous | None,
    ) -> tuple[NDArray[np.uint8], Previous]:  # fmt: skip
        """One window's draft (S, S, 3) repaired where the matte (S, S) allows it, and the state after it.

        points: (J, 2) and height: the face in window units; before: the state after the frame before, None at the
        beginning of a shot.
        """
        small = self.size
        plate, cover = (as_pictures(one[None], self.device) for one in (draft, matte[..., None]))
        cover = (cover + 1) / 2
        less, less_cover = (_resized(one, small) for one in (plate, cover))
        at = torch.from_numpy(np.ascontiguousarray(points[None, :, :2], np.float32)).to(self.device)
        heights = torch.full((1,), height, device=self.device)
        last = before or nothing_before(at, heights, small)
        full = with_previous(shown_draft(less, less_cover), pull(last, at, heights, small, FACE))
        seen = torch.ones(at.shape[:2], device=self.device)
        maps = FACE.conditioning(at, seen, small)
        out = repair(self.generator, maps, FACE.columns(at, small), less, full)
        painted = paint(out, shown_draft(plate, cover), plate, FACE)
        picture = plate + cover * (painted.picture - plate)
        colour, there = (_resized(one, small) for one in (painted.colour, painted.matte))
        return as_bytes(picture[0].movedim(0, -1)), Previous.of(colour, there, at, heights)


def mended_frame(
    mender: Mender, rgb: NDArray[np.uint8], points: NDArray, scale: float, side: int, before: Previous | None
) -> tuple[NDArray[np.uint8], Previous]:
    """A whole draft frame (H, W, 3) with its face repaired.

    points: (J, 2+) in pixels; scale: pixels between the outer eye corners; side: of the window, in whole pixels.
    """
    corner = np.round(face_windows(points[None], np.array([side]))[0, :2]).astype(np.int64)
    place = (points[:, :2] - corner) / side
    picture, after = mender.mend(
        window(rgb, corner, side), face_region(place, side), place, HEIGHT * scale / side, before
    )
    return put(rgb, picture, corner), after


def _resized(pictures: Tensor, size: int) -> Tensor:
    """Pictures (B, C, S, S) at size x size pixels, as the takes' pictures are resized."""
    if size <= pictures.shape[-1]:
        return F.interpolate(pictures, (size, size), mode="area")
    return F.interpolate(pictures, (size, size), mode="bilinear", align_corners=False)
