"""Poses as pictures: batched limb maps for networks, and a coloured skeleton for people to look at.

Legend: B batch, J = 33 landmarks, P map channels, H W size.
"""

from __future__ import annotations

import colorsys
import math
from functools import lru_cache

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgan.pose.body import BONES, PARTS, SHOULDERS
from vidgan.pose.track import JOINT, LANDMARKS

POINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "mouth_left", "mouth_right",
    "left_wrist", "right_wrist", "left_index", "right_index", "left_pinky", "right_pinky",
)  # fmt: skip
"""The landmarks of face and hands that get a channel of their own beside the parts."""

MAPS = len(PARTS) + len(POINTS)
"""The number of channels P of `pose_maps`: the parts in their order, then `POINTS`."""

_PAIRS = (("left_eye", "right_eye"), ("mouth_left", "mouth_right"), ("left_ear", "right_ear"))


def pose_maps(image: Tensor, visibility: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Soft limbs: one channel a part, then one for each landmark of `POINTS`.

    A channel is exp(-d² / 2s²), d the distance to the part's axis and s `sigma` or, for a part, `sigma` times its
    thickness over the mean part's, times how visible its landmarks are. Landmarks that are NaN give empty channels.

    Args:
        image: (B, J, 2) pixels of the map, centres at +0.5.
        visibility: (B, J) in [0, 1].
        size: (H, W).
        sigma: the soft edge's width in pixels.

    Returns:
        (B, P, H, W) in [0, 1], of the dtype and device of `image`.
    """
    dtype, image, visibility = image.dtype, image.float(), visibility.float()  # bfloat16 cannot hold a pixel
    starts, ends, widths = (table.to(image) for table in _tables())
    missing = torch.isnan(image).any(dim=-1)
    image = image.masked_fill(missing[..., None], 0.0)
    seen = visibility.masked_fill(missing, 0.0)
    weight = torch.minimum(_least(seen, starts), _least(seen, ends))
    # distances in units of sqrt(2) s, so that a channel is exp(-d²)
    unit = 1 / (math.sqrt(2) * sigma * widths)
    start, end = (points @ image * unit[:, None] for points in (starts, ends))
    y, x = ((torch.arange(side, device=image.device, dtype=image.dtype) + 0.5) * unit[:, None] for side in size)
    parts = len(PARTS)
    limbs = _capsules(start[:, :parts], end[:, :parts], x[:parts], y[:parts])
    dots = _dots(start[:, parts:], x[parts:], y[parts:])
    return torch.cat([limbs, dots], dim=1).mul_(weight[..., None, None]).to(dtype)


def draw_pose(
    canvas: NDArray[np.uint8] | tuple[int, int], points: NDArray, visibility: NDArray | None = None
) -> NDArray[np.uint8]:
    """A coloured skeleton over a copy of `canvas` (H, W, 3) RGB, or on black of that (H, W).

    Args:
        canvas: a frame, or a size.
        points: (J, 2) pixels; NaN draws nothing.
        visibility: (J,) in [0, 1]: badly seen limbs are drawn darker.
    """
    picture = np.zeros((*canvas, 3), np.uint8) if isinstance(canvas, tuple) else canvas.copy()
    if np.isnan(points).any():
        return picture
    seen = np.ones(len(points)) if visibility is None else visibility
    spots = _with_middles(points)
    light = _with_middles(seen[:, None])
    extent = float(np.ptp(points, axis=0).max())
    thickness = max(1, round(extent / 90))
    for (parent, child), colour in zip(_STROKES, _COLOURS, strict=True):
        shade = 0.35 + 0.65 * min(float(light[parent][0]), float(light[child][0]))
        ends = [tuple(int(v) for v in np.clip(spots[name], -1e4, 1e4) * 16) for name in (parent, child)]
        cv2.line(picture, ends[0], ends[1], [c * shade for c in colour], thickness, cv2.LINE_AA, shift=4)
    return picture


def _capsules(start: Tensor, end: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """exp(-d²), d from every place to every segment: (B, P, 2) twice, (P, W), (P, H) → (B, P, H, W).

    Across the segment and along it are each a sum of a row and a column, so few operations see the whole map.
    """
    axis = end - start
    length = axis.norm(dim=-1).clamp_min(1e-3)
    ux, uy = (axis / length[..., None])[..., None].unbind(-2)
    dx, dy = x - start[..., 0, None], y - start[..., 1, None]
    along = (dx * ux)[..., None, :] + (dy * uy)[..., :, None]
    across = (dx * uy)[..., None, :] - (dy * ux)[..., :, None]
    beyond = along - torch.minimum(along.clamp_min(0), length[..., None, None])
    return across.square_().addcmul_(beyond, beyond).neg_().exp_()


def _dots(centre: Tensor, x: Tensor, y: Tensor) -> Tensor:
    """exp(-d²), d from every place to every point: a product of a row and a column."""
    row = (x - centre[..., 0, None]).square().neg().exp()
    column = (y - centre[..., 1, None]).square().neg().exp()
    return column[..., :, None] * row[..., None, :]


def _least(seen: Tensor, table: Tensor) -> Tensor:
    """The visibility of the least visible landmark of each channel: (B, J), (P, J) → (B, P)."""
    return torch.where(table > 0, seen[:, None, :], torch.ones((), dtype=seen.dtype, device=seen.device)).amin(dim=-1)


@lru_cache(maxsize=1)
def _tables() -> tuple[Tensor, Tensor, Tensor]:
    """Matrices (P, J) that give each channel's start and end from the landmarks, and its width (P,)."""
    starts = [part.start for part in PARTS] + [(name,) for name in POINTS]
    ends = [part.end for part in PARTS] + [(name,) for name in POINTS]
    mean = float(np.mean([part.radius for part in PARTS]))
    widths = [part.radius / mean for part in PARTS] + [0.7] * len(POINTS)
    return _matrix(starts), _matrix(ends), torch.tensor(widths)


def _matrix(rows: list[tuple[str, ...]]) -> Tensor:
    matrix = torch.zeros(len(rows), len(LANDMARKS))
    for row, names in enumerate(rows):
        for name in names:
            matrix[row, JOINT[name]] = 1 / len(names)
    return matrix


def _with_middles(values: NDArray) -> dict[str, NDArray]:
    """Every landmark by name, and the virtual ones: (J, D)."""
    spots = {name: values[index] for name, index in JOINT.items()}
    spots["pelvis"] = (spots["left_hip"] + spots["right_hip"]) / 2
    spots["neck"] = (spots[SHOULDERS[0]] + spots[SHOULDERS[1]]) / 2
    spots["skull"] = (spots["left_ear"] + spots["right_ear"]) / 2
    return spots


_STROKES = (("pelvis", "neck"), ("neck", "skull"), ("skull", "nose"), *_PAIRS, *BONES)


def _colours() -> list[tuple[int, int, int]]:
    """Warm for the person's left, cold for the right, white in the middle."""
    colours = []
    for index, (_, child) in enumerate(_STROKES):
        if child.startswith("left"):
            colour = colorsys.hsv_to_rgb(0.02 + 0.010 * (index % 12), 0.85, 1.0)
        elif child.startswith("right") and not index < 6:
            colour = colorsys.hsv_to_rgb(0.50 + 0.010 * (index % 12), 0.85, 1.0)
        else:
            colour = (0.95, 0.95, 0.95)
        colours.append((int(colour[0] * 255), int(colour[1] * 255), int(colour[2] * 255)))
    return colours


_COLOURS = _colours()
