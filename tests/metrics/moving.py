"""Clips made by code: a disc that swings, each clip with its own colours, pace and place."""

from __future__ import annotations

import numpy as np


def swinging_discs(count, seed=0, frames=12, size=32, ways=("across", "down"), pace=0.45):
    """uint8 clips (count, frames, size, size, 3) and labels (count,): which way the disc swings, in turn."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[0:size, 0:size]
    clips = np.empty((count, frames, size, size, 3), np.uint8)
    for index in range(count):
        ground, colour = random.uniform(20, 110, 3), random.uniform(140, 240, 3)
        phase = random.uniform(0, 2 * np.pi)
        for time in range(frames):
            swing = 0.3 * size * np.sin(phase + pace * time)
            across = ways[index % len(ways)] == "across"
            centre = (size / 2 + swing * across, size / 2 + swing * (not across))
            inside = np.clip(size / 6 - np.hypot(x - centre[0], y - centre[1]), 0, 1)[..., None]
            clips[index, time] = ground * (1 - inside) + colour * inside
    return clips, np.arange(count) % len(ways)


def shuffled(clips, seed=0):
    """The clips with their frames in another order."""
    random = np.random.default_rng(seed)
    return np.stack([clip[random.permutation(len(clip))] for clip in clips])
