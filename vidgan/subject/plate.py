"""The clean plate: the target's background without the person.

Legend: N sampled frames, H, W the plate's size.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.subject import poisson
from vidgan.subject.inpaint import Fill, inpaint

STRIP = 64


@dataclass(frozen=True)
class Plate:
    """rgb: (H, W, 3) uint8; seen: (H, W) bool, False where no frame showed the background and it was inpainted."""

    rgb: NDArray[np.uint8]
    seen: NDArray[np.bool_]


SURE = 0.25
"""Share, of the frames that show the pixel seen most, in which a pixel must be seen for its median to stand; of the
others only the change from pixel to pixel is taken, since the few frames that show them may be lit otherwise.
"""


def masked_median(frames: NDArray[np.uint8], hidden: NDArray[np.bool_]) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """The median over frames of the pixels that are not hidden.

    frames: (N, H, W, 3); hidden: (N, H, W). Returns the median (H, W, 3), zero where every frame is hidden, and where
    at least one was not (H, W). For an even count the lower of the two middle values is taken.
    """
    median = np.zeros(frames.shape[1:], np.uint8)
    seen = np.zeros(frames.shape[1:3], bool)
    for rows in _strips(len(median)):
        lower, _, seen[rows] = _middle(frames[:, rows].astype(np.int16), hidden[:, rows])
        median[rows] = lower * seen[rows][..., None]
    return median, seen


def change_across(
    frames: NDArray[np.uint8], hidden: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The median over frames of the change from a pixel to its right neighbour, and whether a frame shows both.

    (H, W - 1, 3) and (H, W - 1); for an even count the mean of the two middle values: a bias would add up from pixel to
    pixel. What lights a frame otherwise leaves it as it is (Weiss 2001,
    "Deriving intrinsic images from image sequences", section 2).
    """
    height, width = frames.shape[1:3]
    change = np.zeros((height, width - 1, 3), np.float32)
    seen = np.zeros((height, width - 1), bool)
    for rows in _strips(height):
        some, away = frames[:, rows].astype(np.int16), hidden[:, rows]
        lower, upper, seen[rows] = _middle(np.diff(some, axis=2), away[:, :, 1:] | away[:, :, :-1])
        change[rows] = (lower.astype(np.float32) + upper) / 2
    return change, seen


def _strips(height: int) -> Iterator[slice]:
    return (slice(top, min(height, top + STRIP)) for top in range(0, height, STRIP))


def _middle(
    values: NDArray[np.int16], hidden: NDArray[np.bool_]
) -> tuple[NDArray[np.int16], NDArray[np.int16], NDArray[np.bool_]]:
    """The two middle ones, or the middle one twice, of (N, h, w, C) where not hidden (N, h, w), and where there is any.
    Changes `values`.
    """
    values[hidden] = 256  # sorts behind every grey level, and behind every difference of two
    values.sort(axis=0)
    count = len(values) - hidden.sum(0)
    at = (np.maximum(count - 1, 0) // 2, np.minimum(count // 2, len(values) - 1))
    lower, upper = (np.take_along_axis(values, middle[None, :, :, None], 0)[0] for middle in at)
    return lower, upper, count > 0


def clean_plate(
    frames: NDArray[np.uint8], person: NDArray[np.uint8], outside: NDArray[np.bool_], fill: Fill = inpaint
) -> Plate:
    """The plate of a still (or stabilised) camera.

    frames: (N, H, W, 3); person: (N, h, w) matte 0-255 at any size; outside: (N, H, W), where a stabilised frame shows
    nothing; fill: what is done where no frame shows anything.
    """
    hidden = hidden_by(person, frames.shape[1:3]) | outside
    median, seen = masked_median(frames, hidden)
    count = (~hidden).sum(0)
    return Plate(joined(fill(median, seen), seen, count < SURE * count.max(), frames, hidden), seen)


def hidden_by(person: NDArray[np.uint8], size: tuple[int, ...]) -> NDArray[np.bool_]:
    """Where mattes (N, h, w) hide a plate of `size` (H, W): (N, H, W). They are grown by 1.5 % of the height, so that
    soft edges and contact shadows do not stain the plate.
    """
    height, width = size
    reach = 2 * max(2, round(0.015 * height)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    return np.stack([cv2.dilate(cv2.resize(one, (width, height)), kernel) > 20 for one in person])


def joined(
    rgb: NDArray[np.uint8], seen: NDArray[np.bool_], unsure: NDArray[np.bool_], frames: NDArray[np.uint8],
    hidden: NDArray[np.bool_],
) -> NDArray[np.uint8]:  # fmt: skip
    """The plate (H, W, 3) with its `unsure` pixels made anew, from how frames, and the inpainting where none does,
    change from pixel to pixel there: what was seen in a few frames, in many, and in none meets without a seam.
    """
    if not unsure.any():
        return rgb
    rows, columns = (slice(max(0, at.min() - 1), at.max() + 2) for at in np.nonzero(unsure))
    picture = rgb[rows, columns].astype(np.float32)
    seen, unsure = seen[rows, columns], unsure[rows, columns]
    frames, hidden = frames[:, rows, columns], hidden[:, rows, columns]
    across, down = poisson.gradients(picture)
    across[:, :-1] *= (seen[:, :-1] == seen[:, 1:])[..., None]
    down[:-1] *= (seen[:-1] == seen[1:])[..., None]
    for wanted, way in ((across, (0, 1, 2, 3)), (down.swapaxes(0, 1), (0, 2, 1, 3))):
        change, both = change_across(frames.transpose(way), hidden.transpose(way[:3]))
        wanted[:, :-1][both] = change[both]
    plate = rgb.copy()
    plate[rows, columns] = np.clip(poisson.solve(picture, unsure, across, down) + 0.5, 0, 255)
    return plate
