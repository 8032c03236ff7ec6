"""Clips of a square that slides right or falls down, in one of a few colours: real enough to train on for a moment."""

from __future__ import annotations

import numpy as np

from vidgan.clips.model import ClipSet
from vidgan.tasks.generate_config import GenerateConfig
from vidgan.train.engine import launch

CLASSES = ("falls", "slides")
TINY = {
    "clips": {"size": 32, "frames": 4},
    "generator": {
        "latent": 8,
        "motion": 8,
        "width": 0.0625,
        "temporal_widths": [16, 16],
        "prior": "normal",
        "init": "orthogonal",
    },
    "critic": {"width": 8, "norm": "spectral"},
    "batch": 4,
    "precision": "32-true",
    "evaluated": 4,
    "steps": 4,
    "evaluations": 2,
}


def square_clip(kind, colour, start, length=6, size=32):
    """(length, S, S, 3) uint8."""
    frames = np.full((length, size, size, 3), 40, np.uint8)
    for time, frame in enumerate(frames):
        place = (start + 3 * time) % (size - 8)
        row, column = (place, 12) if kind == 0 else (12, place)
        frame[row : row + 8, column : column + 8] = colour
    return frames


def square_clips(count=8, held=2, labels=True, fps=8.0):
    """A set of `count` clips in two classes, the last `held` held out."""
    rng = np.random.default_rng(0)
    kinds = [number % 2 for number in range(count)]
    clips = [square_clip(kind, rng.integers(80, 255, 3), int(rng.integers(12))) for kind in kinds]
    return ClipSet.of(
        clips,
        kinds if labels else None,
        CLASSES if labels else (),
        None,
        [n >= count - held for n in range(count)],
        fps,
    )


def settings(**more):
    """A configuration of the smallest networks."""
    merged = {**TINY}
    for name, value in more.items():
        merged[name] = {**merged.get(name, {}), **value} if isinstance(value, dict) else value
    return GenerateConfig.model_validate(merged)


def task(config=None, clips=None, seed=0, **more):
    from vidgan.tasks.generate import GenerateTask

    return GenerateTask(clips or square_clips(), config or settings(), launch("cpu", "32-true"), seed, **more)
