"""Clips and generators made by code, to evaluate."""

from __future__ import annotations

import numpy as np

from tests.metrics.moving import swinging_discs
from vidgan.clips.model import ClipSet

WAYS = ("across", "down")
FRAMES = 8


def people(count=4, held=(2, 3), length=20, seed=0):
    """A set of `count` people, each with a clip of every way to swing, some of them held out."""
    clips, labels, groups = [], [], []
    for person in range(count):
        made, which = swinging_discs(2, seed=seed + person, frames=length, ways=WAYS)
        clips += list(made)
        labels += which.tolist()
        groups += [f"p{person}"] * 2
    return ClipSet.of(clips, labels, WAYS, groups, [int(group[1:]) in held for group in groups])


class Discs:
    """A generator that swings discs as asked: the theme gives colours and place, the motion the way."""

    classes = WAYS

    def sample(self, seeds, label=None, truncation=None):
        asked = [(seed % 2 if label is None else label) for seed in seeds]
        return self._draw(seeds, asked)

    def pair(self, themes, motions, truncation=None):
        return self._draw(themes, [motion % 2 for motion in motions])

    def _draw(self, themes, ways):
        return np.concatenate(
            [
                swinging_discs(1, seed=1000 + theme, frames=FRAMES, ways=(WAYS[way],))[0]
                for theme, way in zip(themes, ways, strict=True)
            ]
        )


class Copies(Discs):
    """A generator that has learned training clips by heart."""

    def __init__(self, clips):
        self.clips = clips.train()

    def sample(self, seeds, label=None, truncation=None):
        clips = self.clips if label is None else self.clips.of_class(label)
        windows = clips.windows(FRAMES)
        return clips.gather(windows[[7 * seed % len(windows) for seed in seeds]], FRAMES)


class Same(Discs):
    """A generator that has collapsed."""

    def sample(self, seeds, label=None, truncation=None):
        return np.repeat(super().sample([0], label), len(seeds), 0)
