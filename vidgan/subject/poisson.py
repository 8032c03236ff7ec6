"""Pictures from their gradients.

Legend: H, W pixels; C channels.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

STEPS = 80
"""Of conjugate gradients at every size, at most: what is wider was settled at the smaller ones."""

EXACT = 0.02
"""Grey levels by which Poisson's equation may be missed, on average; the picture is then off by about one, smoothly."""

_LAPLACIAN = np.array([[0, 1, 0], [1, -4, 1], [0, 1, 0]], np.float32)


def solve(values: Array, unknown: NDArray[np.bool_], across: Array, down: Array) -> Array:
    """The picture that keeps the known values and comes nearest to the wanted gradients where they are not.

    values: (H, W, C); unknown: (H, W); across and down: (H, W, C), the wanted differences to the right and the lower
    neighbour, their last column and row not used. Poisson's equation with the known pixels as its boundary (Pérez et
    al. 2003, "Poisson Image Editing", equation 4) by conjugate gradients, from coarse to fine (Deuflhard 1994,
    "Cascadic conjugate gradient methods").
    """
    height, width = unknown.shape
    if min(height, width) > 8 and unknown.any():
        small = solve(*_halved(values, unknown, across, down))
        start = _shaped(cv2.resize(small, (width, height), interpolation=cv2.INTER_LINEAR), values)
        values = np.where(unknown[..., None], start, values)
    inside = unknown[..., None].astype(np.float32)
    wrong = inside * (_laplacian(values) - _divergence(across, down))
    way, power = wrong, float((wrong**2).sum())
    enough = EXACT**2 * max(1, int(unknown.sum())) * values.shape[2]
    for _ in range(STEPS):
        if power <= enough:
            break
        bent = -inside * _laplacian(way)
        step = power / float((way * bent).sum())
        values, wrong = values + step * way, wrong - step * bent
        before, power = power, float((wrong**2).sum())
        way = wrong + power / before * way
    return values


def _laplacian(picture: Array) -> Array:
    """The sum of the neighbours' differences; there is none beyond the border."""
    return _shaped(cv2.filter2D(picture, -1, _LAPLACIAN, borderType=cv2.BORDER_REPLICATE), picture)


def _halved(values: Array, unknown: NDArray[np.bool_], across: Array, down: Array) -> tuple:
    """The same task at half the size; a pixel is known there when half of it is."""
    height, width = unknown.shape
    size = ((width + 1) // 2, (height + 1) // 2)

    def half(picture: Array) -> Array:
        odd = ((0, height % 2), (0, width % 2), (0, 0))
        padded = np.pad(picture, odd, mode="edge")
        return _shaped(cv2.resize(padded, size, interpolation=cv2.INTER_AREA), picture)

    known = (~unknown)[..., None].astype(np.float32)
    share = half(known)
    return (
        half(values * known) / np.maximum(share, 1e-6),
        share[..., 0] < 0.5,
        2 * half(across),  # two steps to a step
        2 * half(down),
    )


def gradients(picture: Array) -> tuple[Array, Array]:
    """The differences to the right and to the lower neighbour, zero in the last column and row: (H, W, C) both."""
    across, down = np.zeros_like(picture), np.zeros_like(picture)
    across[:, :-1], down[:-1] = np.diff(picture, axis=1), np.diff(picture, axis=0)
    return across, down


def _divergence(across: Array, down: Array) -> Array:
    out = np.zeros_like(across)
    out[:, :-1] += across[:, :-1]
    out[:, 1:] -= across[:, :-1]
    out[:-1] += down[:-1]
    out[1:] -= down[:-1]
    return out


def _shaped(picture: NDArray, like: Array) -> Array:
    """With the channels of `like`, of which cv2 drops a single one."""
    return np.asarray(picture, np.float32).reshape(*picture.shape[:2], like.shape[2])
