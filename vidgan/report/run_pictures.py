"""Pictures of clips that stand still: slices through time, and samples above their nearest training clips.

Legend: N clips, T frames, S pixels of a side, H, W pixels of a picture.
"""

from __future__ import annotations

import base64

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Clips = NDArray[np.uint8]

GAP = 2
GROUND = 24


def time_slices(clips: Clips, count: int, scale: int) -> Picture:
    """Slices x-t of the first `count` clips (N, T, S, S, 3) side by side: the row in the middle, time downwards.

    A still clip gives vertical lines, a swing a wave, flicker horizontal bars. Rows are repeated to be seen.
    """
    slices = [clip[:, clip.shape[1] // 2] for clip in clips[:count]]
    tall = max(1, scale * clips.shape[2] // clips.shape[1])
    return beside([enlarge(piece, scale, tall) for piece in slices])


def strip(clip: Clips, frames: int, scale: int = 1) -> Picture:
    """`frames` frames of a clip (T, S, S, 3) spread over it, side by side."""
    chosen = np.linspace(0, len(clip) - 1, min(frames, len(clip))).round().astype(int)
    return beside([enlarge(clip[time], scale, scale) for time in chosen])


def pairs(samples: Clips, nearest: Clips, frames: int, scale: int = 1) -> list[Picture]:
    """For each sample its frames, and below them those of the training clip nearest to it."""
    return [
        below([strip(sample, frames, scale), strip(other, frames, scale)])
        for sample, other in zip(samples, nearest, strict=True)
    ]


def enlarge(picture: Picture, across: int, down: int) -> Picture:
    """Every pixel of (H, W, 3) as a block, without smoothing."""
    return picture.repeat(down, 0).repeat(across, 1)


def beside(pictures: list[Picture]) -> Picture:
    """Pictures of one height in a row."""
    gap = np.full((pictures[0].shape[0], GAP, 3), GROUND, np.uint8)
    return np.concatenate([part for picture in pictures for part in (gap, picture)][1:], 1)


def below(pictures: list[Picture]) -> Picture:
    """Pictures of one width in a column."""
    return beside([picture.transpose(1, 0, 2) for picture in pictures]).transpose(1, 0, 2)


def png_uri(picture: Picture) -> str:
    """An RGB picture as a PNG data URI: small pictures keep every pixel."""
    _, data = cv2.imencode(".png", np.ascontiguousarray(picture[..., ::-1]))
    return f"data:image/png;base64,{base64.b64encode(data.tobytes()).decode('ascii')}"
