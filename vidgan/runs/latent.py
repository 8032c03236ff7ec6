"""Latents put together by hand: walks between sequences, theme of one with motion of another, sums and differences.

Legend: N clips, T frames, S pixels of a side, Z latent length.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgan.errors import UsageError
from vidgan.runs.folder import Run
from vidgan.tasks.sequences import Latents, Lengthen

Part = Literal["both", "theme", "motion"]


@dataclass(frozen=True)
class Made:
    """Clips (N, T, S, S, 3), the name of each, and how many stand in a row of their grid."""

    clips: NDArray[np.uint8]
    names: tuple[str, ...]
    columns: int


@dataclass(frozen=True)
class Options:
    """How clips are drawn: see `Sequences.sample`. Without `label` a sequence's own class counts."""

    label: int | None = None
    truncation: float | None = None
    frames: int | None = None
    how: Lengthen = "chain"


def interpolate(run: Run, a: int, b: int, steps: int, part: Part = "both", options: Options = Options()) -> Made:
    """`steps` sequences from number `a` to number `b`, both ends among them; the class is that of `a`.

    Normal latents go along the great circle, as between them the straight line leaves the shell where they lie (White
    2016, "Sampling Generative Networks", section 2.1); uniform ones straight. `part` moves only theme or motion.
    """
    if steps < 2:
        raise UsageError(f"--steps {steps}: a walk needs its two ends at least")
    first, last = (_own(run, seed, options) for seed in (a, b))
    shares = torch.linspace(0, 1, steps)
    between = slerp if run.generator.config.prior == "normal" else torch.lerp
    themes = torch.cat([between(first.theme, last.theme, share) for share in shares])
    motions = torch.cat([between(first.motion, last.motion, share) for share in shares])
    if part == "theme":
        motions = first.motion.repeat(steps, 1)
    if part == "motion":
        themes = first.theme.repeat(steps, 1)
    walk = Latents(themes, motions, None if first.label is None else first.label.repeat(steps))
    return Made(_drawn(run, walk, [a] * steps, options), tuple(f"step{k:03d}" for k in range(steps)), min(steps, 8))


def mix(run: Run, themes: Sequence[int], motions: Sequence[int], options: Options = Options()) -> Made:
    """Every theme with every motion: a row for each theme, a column for each motion. The class goes with the motion."""
    moving = run.sequences.latents(list(motions) * len(themes), options.label, options.truncation)
    still = run.sequences.latents([it for it in themes for _ in motions], options.label, options.truncation)
    names = tuple(f"theme{theme:05d}-motion{motion:05d}" for theme in themes for motion in motions)
    mixed = replace(moving, theme=still.theme)
    return Made(_drawn(run, mixed, list(motions) * len(themes), options), names, len(motions))


def arithmetic(run: Run, a: int, b: int, c: int, options: Options = Options()) -> Made:
    """Sequences `a`, `b`, `c` and what A - B + C gives, theme and motion alike; the class is that of `a`.

    The sum is brought back to where latents lie: uniform ones into [-1, 1], normal ones to the length sqrt(Z).
    """
    ends = [_own(run, seed, options) for seed in (a, b, c)]
    prior = run.generator.config.prior
    theme = _settled(ends[0].theme - ends[1].theme + ends[2].theme, prior)
    motion = _settled(ends[0].motion - ends[1].motion + ends[2].motion, prior)
    own = [*ends, Latents(theme, motion, ends[0].label)]
    labels = [it.label for it in own if it.label is not None]
    all_four = Latents(
        torch.cat([it.theme for it in own]), torch.cat([it.motion for it in own]), torch.cat(labels) if labels else None
    )
    names = (f"a{a:05d}", f"b{b:05d}", f"c{c:05d}", "result")
    return Made(_drawn(run, all_four, [a, b, c, a], options), names, 4)


def slerp(a: Tensor, b: Tensor, share: Tensor | float) -> Tensor:
    """Spherical linear interpolation of rows (N, Z) (Shoemake 1985), straight where they are nearly parallel."""
    cosine = torch.cosine_similarity(a, b, dim=-1).clamp(-1, 1)[:, None]
    angle = torch.acos(cosine)
    sine = torch.sin(angle)
    curved = (torch.sin((1 - share) * angle) * a + torch.sin(share * angle) * b) / sine
    return torch.where(sine.abs() < 1e-4, torch.lerp(a, b, share), curved)


def _own(run: Run, seed: int, options: Options) -> Latents:
    return run.sequences.latents([seed], options.label, options.truncation)


def _settled(latent: Tensor, prior: str) -> Tensor:
    if prior == "uniform":
        return latent.clamp(-1, 1)
    return latent * math.sqrt(latent.shape[1]) / latent.norm(dim=1, keepdim=True).clamp(min=1e-6)


def _drawn(run: Run, latents: Latents, seeds: Sequence[int], options: Options) -> NDArray[np.uint8]:
    motion = run.sequences.motion(latents, options.frames, options.how, seeds)
    return run.sequences.draw(latents, motion, options.truncation)
