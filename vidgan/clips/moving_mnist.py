"""Moving MNIST: digits that fly about in a square and bounce off its sides.

After Srivastava, Mansimov, Salakhutdinov 2015, "Unsupervised Learning of Video Representations using LSTMs", section
3.1, with each digit's speed drawn from U[1, 5] pixels a frame. A digit is reflected where it would leave the square,
rather than stopped there for a frame. Legend: D digits, N clips, T frames, S pixels of a side.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from vidgan.clips.model import ClipSet
from vidgan.errors import MediaError

Grey = NDArray[np.uint8]


def read_digits(path: Path) -> Grey:
    """The `images` (D, h, w) uint8 of an `.npz` of digits. Raises MediaError when they are not there."""
    try:
        with np.load(path, allow_pickle=False) as file:
            images = file["images"]
    except FileNotFoundError as error:
        raise MediaError(f"{path}: no such file; give an .npz with digits as images (D, 28, 28)") from error
    except Exception as error:  # a damaged archive fails in any way
        raise MediaError(f"{path}: no .npz of digits with an array named images ({error})") from error
    if images.ndim != 3 or images.dtype != np.uint8 or not len(images):
        raise MediaError(f"{path}: images must be uint8 of shape (D, h, w), not {images.dtype} {images.shape}")
    return images


def moving_mnist(
    digits: Grey,
    count: int,
    frames: int = 20,
    size: int = 64,
    each: int = 2,
    speed: tuple[float, float] = (1.0, 5.0),
    seed: int = 0,
) -> Iterator[Grey]:
    """Make `count` clips (T, S, S) uint8 of `each` digits.

    Clip k depends on `seed` and k alone. Where digits cross, the brighter one is seen. `speed` bounds the
    pixels a frame; the direction is uniform. Raises ValueError when a digit does not fit into `size`.
    """
    room = np.array([size - digits.shape[1], size - digits.shape[2]], np.float64)
    if room.min() < 1:
        raise ValueError(f"digits of {digits.shape[1]}x{digits.shape[2]} do not move in a square of {size}")
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        clip = np.zeros((frames, size, size), np.uint8)
        for _ in range(each):
            digit = digits[rng.integers(len(digits))]
            angle, pace = rng.uniform(0, 2 * np.pi), rng.uniform(*speed)
            start = rng.uniform(0, 1, 2) * room
            step = pace * np.array([np.sin(angle), np.cos(angle)])
            path = start + step * np.arange(frames)[:, None]
            _draw(clip, digit, np.rint(bounced(path, room)).astype(int))
        yield clip


def bounced(path: NDArray[np.float64], room: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions (T, 2) on a straight path, folded into [0, room] as by elastic walls."""
    return room - np.abs(np.mod(path, 2 * room) - room)


def moving_mnist_set(digits: Grey, count: int, held: int, frames: int = 20, size: int = 64, seed: int = 0) -> ClipSet:
    """A set of clips in memory, the last `held` of them held out; frames are grey RGB."""
    clips = [np.repeat(clip[..., None], 3, axis=3) for clip in moving_mnist(digits, count, frames, size, seed=seed)]
    return ClipSet.of(clips, held=[k >= count - held for k in range(count)])


def write_moving_mnist(digits: Grey, folder: Path, count: int, frames: int = 20, size: int = 64, seed: int = 0) -> None:
    """Write clips as image strips `00000.png`, ... into a folder, which `prepare_clips` takes."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate(moving_mnist(digits, count, frames, size, seed=seed)):
        Image.fromarray(np.concatenate(list(clip), axis=1)).save(folder / f"{number:05d}.png")


def _draw(clip: Grey, digit: Grey, corners: NDArray[np.int64]) -> None:
    height, width = digit.shape
    for frame, (top, left) in zip(clip, corners, strict=True):
        place = frame[top : top + height, left : left + width]
        np.maximum(place, digit, out=place)
