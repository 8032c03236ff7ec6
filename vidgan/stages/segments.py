"""Rendered frames in lossless segments: what is there from a run that was killed is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.stages.base import StageContext
from vidgan.train.checkpoint import load_checkpoint, save_checkpoint
from vidgan.video.write import LOSSLESS_SUFFIX, LosslessWriter

StateT = TypeVar("StateT")
State = dict[str, torch.Tensor] | None


def write_segments(
    context: StageContext,
    pts: NDArray[np.int64],
    time_base: Fraction,
    size: tuple[int, int],
    length: int,
    paint: Callable[[slice, State], Iterator[tuple[NDArray[np.uint8], State]]],
    in_time: bool = True,
) -> State:
    """Paint all frames into segments of `length` and write their index, `render.json`; returns the state after them.

    Args:
        context: the stage's.
        pts: (T,) the frames' times in units of `time_base` seconds.
        time_base: see `pts`.
        size: (width, height) of the pictures.
        length: frames of a segment, which is what a kill can lose.
        paint: gives the pictures of a slice of the frames, each with the state after it, from the state before; the
            state stays on the device that it is on, and goes to the stage's after a kill.
        in_time: whether the frames are shown when they were filmed, so that a film's other tracks go with them.
    """
    rate = _rate(pts, time_base)
    starts = range(0, len(pts), length)
    names = [f"seg-{number:05d}{LOSSLESS_SUFFIX}" for number in range(len(starts))]
    done = next((i for i, name in enumerate(names) if not (context.dir / name).exists()), len(names))
    state = _load(context, done - 1) if done else None
    context.progress.start("render", len(pts), done=min(done * length, len(pts)))
    for number in range(done, len(names)):
        frames = slice(starts[number], min(starts[number] + length, len(pts)))
        with LosslessWriter(context.dir / names[number], *size, rate) as writer:
            for count, (picture, after) in enumerate(paint(frames, state)):
                writer.write(picture, count / rate)
                state = after
                context.progress.advance()
            # The state goes first: a segment that exists can always be gone on from.
            save_checkpoint(context.dir / f"state-{number:05d}.pt", {"before": state})
        (context.dir / f"state-{number - 1:05d}.pt").unlink(missing_ok=True)
    index = {
        "width": size[0], "height": size[1], "rate": str(rate), "time_base": str(time_base), "pts": pts.tolist(),
        "segments": names, "in_time": in_time,
    }  # fmt: skip
    (context.dir / "render.json").write_text(json.dumps(index))
    return state


def _load(context: StageContext, number: int) -> State:
    state: Any = load_checkpoint(context.dir / f"state-{number:05d}.pt", context.device)["before"]
    return state or None


def _rate(pts: NDArray[np.int64], time_base: Fraction) -> Fraction:
    """The mean frame rate."""
    if len(pts) < 2:
        return Fraction(25)
    return ((len(pts) - 1) / ((int(pts[-1]) - int(pts[0])) * time_base)).limit_denominator(1001 * 120)
