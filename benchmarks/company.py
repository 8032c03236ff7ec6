"""Several people's footage as one, for a generator that shall know people, and not a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from vidgan.subject.footage import Footage, Picture, Positions, Sequences


class Company(Footage):
    """The footage of several people as one; `judged` is a further one's, on which training is watched.

    light: how far the colours of each sequence are changed, in logarithms.
    """

    def __init__(self, parts: Sequence[Footage], judged: Footage, light: float) -> None:
        self.parts, self.judged, self.light = parts, judged, light
        self.rig, self.size, self.references = judged.rig, judged.size, judged.references
        self.first = np.cumsum([0, *(len(part.frames) for part in parts)])
        span = 2 + max(int(part.frames.max()) for part in parts)  # nobody's frames follow another's
        self.frames = np.concatenate([part.frames + k * span for k, part in enumerate(parts)])
        self.train = np.concatenate([part.train + first for part, first in zip(parts, self.first[:-1], strict=True)])
        self.held = judged.held

    def draw(self, starts: Positions, rollout: int, rng: torch.Generator) -> Sequences:
        """See `Footage.draw`: each sequence in a light of its own."""
        drawn = []
        for start in starts:
            k = int(np.searchsorted(self.first, start, "right")) - 1
            drawn.append(self.parts[k].draw(np.array([start - self.first[k]]), rollout, rng))
        kind = type(drawn[0])
        batch = kind(*(torch.cat([getattr(one, field.name) for one in drawn]) for field in fields(kind)))
        light = torch.exp(self.light * (2 * torch.rand((len(starts), 3), generator=rng) - 1))
        return batch.in_light(light.to(batch.light.device))

    def truth(self, positions: Positions) -> NDArray[np.uint8]:
        """See `Footage.truth`."""
        return self.judged.truth(positions)

    def make(self, generator: nn.Module | None, held: Positions) -> Iterator[Picture]:
        """See `Footage.make`."""
        return self.judged.make(generator, held)
