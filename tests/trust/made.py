"""Clips with texture that moves, made by code."""

from __future__ import annotations

from fractions import Fraction

import cv2
import numpy as np

from vidgan.video.write import ClipWriter

WIDTH, HEIGHT, RATE = 256, 160, Fraction(16)


def textured(seconds=4.0, seed=0, width=WIDTH, height=HEIGHT):
    """Frames (H, W, 3) with their times: blobs of all sizes that drift to the left, and a plain part above."""
    rng = np.random.default_rng(seed)
    wall = np.zeros((height, 2 * width))
    for size in (64, 16, 4):
        blobs = rng.normal(0, 16, (max(2, height // size), max(2, 2 * width // size)))
        wall += cv2.resize(blobs, (2 * width, height))
    for number in range(round(seconds * RATE)):
        seen = 120 + wall[:, number : number + width]
        seen[: height // 4] = 150
        yield np.clip(seen, 0, 255).astype(np.uint8)[..., None].repeat(3, 2), number / RATE


def write(path, frames, crf=18, rate=RATE):
    """Encode frames with their times."""
    frames = list(frames)
    height, width = frames[0][0].shape[:2]
    with ClipWriter(path, width, height, rate, crf=crf, time_base=Fraction(1, 90_000)) as writer:
        for rgb, time in frames:
            writer.write(np.ascontiguousarray(rgb), time)
    return path


def marked(mark, **made):
    """The same frames, marked."""
    return [(mark(rgb, float(time)), time) for rgb, time in textured(**made)]
