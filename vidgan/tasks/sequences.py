"""Sequences by number: what a generator makes of each seed, of any length, and of latents put together by hand.

Legend: B clips, T frames, S pixels of a side, Z latent length, M motion length.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgan.nets.temporal import resample_motion
from vidgan.nets.video import VideoGenerator, draw_latents
from vidgan.train.randomness import generator as counter_rng
from vidgan.train.sampler import as_frames

FRAMES_AT_ONCE = 256

Lengthen = Literal["chain", "stretch"]


@dataclass(frozen=True)
class Latents:
    """What makes clips: themes (B, Z), motion seeds (B, Z) and labels (B,), None without classes."""

    theme: Tensor
    motion: Tensor
    label: Tensor | None

    def __len__(self) -> int:
        return len(self.theme)

    def __getitem__(self, rows: slice | list[int]) -> Latents:
        """Some of the clips."""
        return Latents(self.theme[rows], self.motion[rows], None if self.label is None else self.label[rows])


@dataclass(frozen=True)
class Sequences:
    """Draws the sequences of a generator. The sequence of a seed is the same however many are drawn together."""

    generator: VideoGenerator
    shared_latent: bool = False
    device: torch.device | str = "cpu"

    @property
    def classes(self) -> int:
        """The number of classes; 0 when there are none."""
        return self.generator.classes

    def latents(self, seeds: Sequence[int], label: int | None = None, truncation: float | None = None) -> Latents:
        """The latents of numbered sequences; without `label` the classes take turns by seed.

        `truncation` cuts themes and motion seeds (`vidgan.nets.video.draw_latents`); a generator that truncates styles
        (`stylegan`) is given them whole.
        """
        cut = None if self.generator.image.truncates else truncation
        theme = self._drawn("theme", seeds, cut)
        motion = theme if self.shared_latent else self._drawn("motion", seeds, cut)
        chosen = [seed % self.classes if label is None else label for seed in seeds] if self.classes else None
        return Latents(theme, motion, None if chosen is None else torch.tensor(chosen))

    def _drawn(self, purpose: str, seeds: Sequence[int], truncation: float | None) -> Tensor:
        config = self.generator.config
        rows = [draw_latents((1, config.latent), config.prior, counter_rng(purpose, it), truncation) for it in seeds]
        return torch.cat(rows)

    def motion(
        self, latents: Latents, frames: int | None = None, how: Lengthen = "chain", seeds: Sequence[int] = ()
    ) -> Tensor:
        """The frame latents (B, frames, M), of as many frames as the generator makes when None.

        Fewer frames are the first ones. More are, by `chain`, the motions of further seeds (those of the sequences
        `seeds`, drawn on), each laid over the last half of the one before and cross-faded; by `stretch`, the same
        motion slowed down, its frame latents interpolated (`resample_motion`).
        """
        own = self._motion(latents.motion, latents.label)
        count = own.shape[1]
        if frames is None or frames <= count:
            return own[:, :frames]
        if how == "stretch":
            return resample_motion(own, frames)
        overlap = count // 2
        link = 0
        while own.shape[1] < frames:
            link += 1
            further = self._drawn(f"motion {link}", seeds or range(len(latents)), None)
            own = cross_fade(own, self._motion(further, latents.label), overlap)
        return own[:, :frames]

    @torch.inference_mode()
    def draw(self, latents: Latents, motion: Tensor, truncation: float | None = None) -> NDArray[np.uint8]:
        """Clips (B, T, S, S, 3) of latents and frame latents (B, T, M); `truncation` for generators that truncate."""
        size = self.generator.config.size
        clips = np.empty((len(latents), motion.shape[1], size, size, 3), np.uint8)
        at_once = max(1, FRAMES_AT_ONCE // motion.shape[1])
        for start in range(0, len(latents), at_once):
            rows = slice(start, start + at_once)
            part = latents[rows]
            label = None if part.label is None else part.label.to(self.device)
            cut = truncation if self.generator.image.truncates else None
            made = self.generator.images(part.theme.to(self.device), motion[rows].to(self.device), label, cut)
            clips[rows] = as_frames(made).cpu().numpy()
        return clips

    def sample(
        self,
        seeds: Sequence[int],
        label: int | None = None,
        truncation: float | None = None,
        frames: int | None = None,
        how: Lengthen = "chain",
    ) -> NDArray[np.uint8]:
        """The clips (B, T, S, S, 3) of numbered sequences."""
        latents = self.latents(seeds, label, truncation)
        return self.draw(latents, self.motion(latents, frames, how, seeds), truncation)

    @torch.inference_mode()
    def _motion(self, seeds: Tensor, label: Tensor | None) -> Tensor:
        label = None if label is None else label.to(self.device)
        return self.generator.motion(seeds.to(self.device), label).float().cpu()


def cross_fade(first: Tensor, second: Tensor, overlap: int) -> Tensor:
    """Lay the start of `second` over the end of `first`, fading linearly from one to the other.

    (B, T1, M), (B, T2, M) → (B, T1 + T2 - overlap, M).
    """
    share = torch.arange(1, overlap + 1, dtype=first.dtype)[None, :, None] / (overlap + 1)
    faded = first[:, first.shape[1] - overlap :] * (1 - share) + second[:, :overlap] * share
    return torch.cat([first[:, : first.shape[1] - overlap], faded, second[:, overlap:]], 1)
