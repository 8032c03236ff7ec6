"""Landmarks without their trembling: parabolas fitted in time, as far as the motion allows, then the one-euro filter.

Both work on whole tracks and so have no lag: smooth where the body is still or moves evenly, prompt where it is fast.
Casiez, Roussel and Vogel, "1 € Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
CHI 2012. Legend: T samples.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config

REACHES = (2, 3, 5, 7)
"""Samples to each side that a parabola is fitted to."""

CONFIDENCE = 2.0
"""Standard deviations by which estimates may differ."""


class SmoothConfig(Config):
    """The one-euro filter's parameters for positions in person heights.

    `noise` (heights) is by how much landmarks tremble, for `fitted`; 0 leaves that out. Of the one-euro filter,
    `min_cutoff` (Hz) rules jitter at rest, `beta` (Hz per height/s) how fast the cutoff opens with speed, `slow`
    (heights/s) below which speed it opens less, `speed_cutoff` (Hz) how much the speed itself is smoothed. `off` leaves
    the landmarks as they are found.
    The defaults were chosen by the flicker and likeness of drafts of four real clips (5 to 24 frames/s). With noise of
    0.1 and 0.3 % of the height added to their landmarks, the fastest tenth of all motion is kept to within 0.3 and
    0.42 % of it.
    """

    off: bool = False
    noise: float = Field(default=0.001, ge=0)
    min_cutoff: float = Field(default=0.3, gt=0)
    beta: float = Field(default=60.0, ge=0)
    slow: float = Field(default=0.05, ge=0)
    speed_cutoff: float = Field(default=8.0, gt=0)


def one_euro(
    values: NDArray, seconds: NDArray, min_cutoff: float, beta: float, speed_cutoff: float = 1.0, slow: float = 0.0
) -> NDArray[np.float64]:
    """The filter as published, on every trailing element by itself, at its real times. `slow` is ours: noise has a
    speed, too, and would hold the cutoff open at rest.

    Args:
        values: (T, ...) without NaN.
        seconds: (T,) increasing.
        min_cutoff: cutoff at rest, Hz.
        beta: Hz of cutoff for each unit of speed (units of `values` per second).
        speed_cutoff: cutoff of the speed's own low-pass, Hz.
        slow: speed below which the cutoff opens with its square, as if it were speed / `slow` of what it is.

    Returns:
        (T, ...) filtered, the first sample unchanged.
    """
    filtered = np.array(values, np.float64)
    speed = np.zeros_like(filtered[0]) if len(filtered) else filtered
    for t in range(1, len(filtered)):
        step = max(float(seconds[t] - seconds[t - 1]), 1e-6)
        raw_speed = (filtered[t] - filtered[t - 1]) / step
        speed = speed + _alpha(speed_cutoff, step) * (raw_speed - speed)
        fast = np.abs(speed)
        fast = fast * np.minimum(1, fast / slow) if slow else fast
        filtered[t] = filtered[t - 1] + _alpha(min_cutoff + beta * fast, step) * (filtered[t] - filtered[t - 1])
    return filtered


def smooth(values: NDArray, seconds: NDArray, config: SmoothConfig) -> NDArray[np.float64]:
    """`fitted`, then zero-phase one-euro: a pass over the outcome of one that goes the other way, so that the lags
    cancel; the mean of both orders, so that neither end of time is preferred.

    Values and speeds are in the units that `config` is tuned for. Shapes as in `one_euro`.
    """
    values = fitted(values, seconds, config.noise) if config.noise else values
    parameters = (config.min_cutoff, config.beta, config.speed_cutoff, config.slow)
    with_time = _back_and_forth(values, seconds, *parameters)
    against_time = _back_and_forth(values[::-1], -seconds[::-1], *parameters)[::-1]
    return (with_time + against_time) / 2


def _back_and_forth(values: NDArray, seconds: NDArray, *parameters: float) -> NDArray[np.float64]:
    """One-euro against time, and with it over the outcome."""
    back = one_euro(values[::-1], -seconds[::-1], *parameters)[::-1]
    return one_euro(back, seconds, *parameters)


def fitted(values: NDArray, seconds: NDArray, noise: float) -> NDArray[np.float64]:
    """Every sample replaced by the parabola through those about it, over as long a time as it holds.

    values: (T, ...); seconds: (T,) increasing; noise: standard deviation of the values' own trembling. The longest of
    `REACHES` is taken whose estimate agrees, within its confidence interval, with those of all shorter ones (Katkovnik
    1999, "A new method for varying adaptive bandwidth selection": the intersection of confidence intervals).
    """
    values = np.asarray(values, np.float64)
    best = values.copy()
    low, high = best - CONFIDENCE * noise, best + CONFIDENCE * noise
    agrees = np.ones(best.shape, bool)
    for reach in REACHES:
        if len(best) < 2 * reach + 1:
            break
        estimate, gain = _parabola(values, seconds, reach)
        width = CONFIDENCE * noise * gain.reshape(-1, *[1] * (best.ndim - 1))
        low, high = np.maximum(low, estimate - width), np.minimum(high, estimate + width)
        agrees &= low <= high
        best = np.where(agrees, estimate, best)
    return best


def _parabola(values: NDArray[np.float64], seconds: NDArray, reach: int) -> tuple[NDArray, NDArray]:
    """Least-squares parabolas over 2 `reach` + 1 samples (Savitzky and Golay 1964, at the samples' real times): their
    values at each sample (T, ...), and by what noise is multiplied there (T,).
    """
    length = 2 * reach + 1
    first = np.clip(np.arange(len(values)) - reach, 0, len(values) - length)
    index = first[:, None] + np.arange(length)
    time = seconds[index] - seconds[:, None]
    time = time / np.abs(time).max(1, keepdims=True)
    weights = np.linalg.pinv(np.stack([np.ones_like(time), time, time**2], -1))[:, 0]
    estimate = np.zeros_like(values)
    for k in range(length):
        estimate += weights[:, k].reshape(-1, *[1] * (values.ndim - 1)) * values[index[:, k]]
    return estimate, np.linalg.norm(weights, axis=1)


def _alpha(cutoff: NDArray | float, step: float) -> NDArray[np.float64]:
    """The smoothing factor of a first-order low-pass, equation 5: 1 / (1 + tau / Te) with tau = 1 / (2 pi fc)."""
    return np.asarray(1 / (1 + 1 / (2 * np.pi * np.asarray(cutoff) * step)))
