"""Finding a watermark again: flipped, scaled, cropped, cut, at another frame rate, compressed.

How sure it is does not rest on a model of pictures. For one guess of place and time let T_b be what the video shows at
frequency b and φ_b the key's phase there, uniform on the circle and independent of every video that was not marked;
P = Re Σ T_b conj(φ_b) over the pilot's frequencies, X_c the same over those of the coded bit c, V = Σ |T_b|² / 2. Since
E exp(a |T| cos θ) = I0(a |T|) ≤ exp(a² |T|² / 4),

    M(a) = exp(a P) Π_c cosh(a X_c) / exp(a² V / 2),

the mean over both signs of every bit, has a mean of at most 1 by chance, whatever the video is, and so has its mean M
over several a: an e-value (Vovk and Wang 2021). By Markov's inequality P(M > 1 / α) ≤ α; each guess has a share of α
(Bonferroni), the likely ones a larger one.

Legend: G groups of frames by their time in the cycle, h, w cells of a frame, N of the torus, B frequencies, P patterns.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.trust.pattern import CYCLE, PATTERNS, SEGMENT, TORUS, Cells, Key, luma_cells, place, ring, share
from vidgan.trust.payload import CODED_BITS, decode
from vidgan.video.clip import Frame
from vidgan.video.read import ClipReader

FALSE_ALARM = 1e-6
"""A watermark counts as found when chance would show as much in fewer videos than this."""
BLOCK = 4 * CYCLE * SEGMENT
"""Seconds that are looked at together, and then, if nothing was read in them, the next."""

_GROUPS = 2 * CYCLE
_GROUP = SEGMENT / 2
_SCALES = np.linspace(0.74, 1.3, 45)
"""Cells of the marked frame for one of ours: below 1 after a crop, above 1 after bars were added."""
_TIMES = np.arange(0, CYCLE * SEGMENT, SEGMENT / 4)
_UNCUT = (0.0, CYCLE * SEGMENT - SEGMENT / 4, CYCLE * SEGMENT - SEGMENT / 2)
"""Times of a video from its start on: a codec shows for a while what it coded before."""
_COARSE_TIMES = np.arange(0, CYCLE * SEGMENT, SEGMENT / 2)
_REACH = 4.0  # cells, the width of the whitening's window
_STILL = 0.5
"""Weight of what all frames show: at few bits much of the first one, its mark as well, stays to the end."""
_STRENGTHS = np.geomspace(3, 48, 7)  # of a mark, in standard deviations of what chance shows
_QUIET_REACH, _QUIET = 1.5, 0.2  # cells; what a still place changes by, in whitened units

Spectra = NDArray[np.complex64]


@dataclass(frozen=True)
class Guess:
    """How a video may have been changed since it was marked.

    scale: cells of then for one of now; flipped: mirrored; down, right: cells that it was moved by on the torus;
    seconds: cut from its start.
    """

    scale: float = 1.0
    flipped: bool = False
    down: int = 0
    right: int = 0
    seconds: float = 0.0


@dataclass(frozen=True)
class Found:
    """What was found: how unlikely by chance (at most 10^`log10_p`), the number read or None, and where."""

    log10_p: float
    number: int | None
    guess: Guess

    @property
    def present(self) -> bool:
        """Whether there is a watermark."""
        return self.log10_p < math.log10(FALSE_ALARM)


def find_watermark(video: Path, key: Key | None = None, limit: float = 10 * BLOCK) -> Found:
    """Look for a watermark in the first `limit` seconds of a video.

    Raises:
        MediaError: the video cannot be read.
    """
    with ClipReader(video) as clip:
        return find_in(clip, key or Key(), limit)


def find_in(frames: Iterable[Frame], key: Key, limit: float = 10 * BLOCK) -> Found:
    """The surest finding among blocks of `BLOCK` seconds, the first in which a number can be read ending the search."""
    best = Found(0.0, None, Guess())
    for number, folded in enumerate(_blocks(frames, limit)):
        found = _search(folded, key)
        tried = math.log10((number + 1) * (number + 2))  # the shares 1 / (n (n + 1)) of all blocks make 1
        found = replace(found, log10_p=min(0.0, found.log10_p + tried))
        best = min(best, found, key=lambda it: (not (it.present and it.number is not None), it.log10_p))
        if best.present and best.number is not None:
            break
    return best if best.present else replace(best, number=None)


# --- What a video shows -----------------------------------------------------------------------------------------------


def _blocks(frames: Iterable[Frame], limit: float) -> Iterator[Cells]:
    """Each block's frames, whitened and averaged in groups by their time in the cycle, and over all: (G + 1, h, w)."""
    folded, counts, block = np.zeros((0, 0, 0), np.float32), np.zeros(_GROUPS), 0
    start = None
    for frame in frames:
        start = frame.time if start is None else start
        seconds = float(frame.time - start)
        if seconds >= limit:
            break
        if int(seconds // BLOCK) != block:
            yield _means(folded, counts)
            block, folded, counts = int(seconds // BLOCK), np.zeros_like(folded), np.zeros_like(counts)
        cells = whiten(luma_cells(frame.rgb))
        if not folded.size:
            folded = np.zeros((_GROUPS, *cells.shape), np.float32)
        group = int(seconds // _GROUP) % _GROUPS
        folded[group] += cells
        counts[group] += 1
    if counts.any():
        yield _means(folded, counts)


def whiten(luma: Cells) -> Cells:
    """Luma (h, w) without its coarse parts and of the same contrast everywhere: no edge may outweigh the mark."""
    fine = luma - cv2.GaussianBlur(luma, (0, 0), _REACH)
    contrast = np.sqrt(cv2.GaussianBlur(fine * fine, (0, 0), 1.5 * _REACH))
    return np.asarray(np.clip(fine / (contrast + 1), -2.5, 2.5), np.float32)


def _means(folded: Cells, counts: NDArray[np.float64]) -> Cells:
    """The groups' means less what all of them show, and that as one more; empty ones are zero.

    The mark changes from group to group, a resting scene does not.

    What is left counts by its inverse variance over the groups, as a matched filter does: where nothing moves, the
    mark is most of it, however little a codec has left.
    """
    there = counts > 0
    still = folded.sum(0) / counts.sum()
    means = np.zeros_like(folded)
    means[there] = folded[there] / counts[there, None, None]
    if there.sum() > 1:
        means[there] -= means[there].mean(0)
        variance = cv2.GaussianBlur(np.square(means[there]).mean(0), (0, 0), _QUIET_REACH)
        means /= np.square(np.sqrt(variance) + _QUIET)
    return np.concatenate([means, still[None]])


def _spectra(folded: Cells, guess: Guess) -> Spectra:
    """The ring's frequencies (G + 1, B) of the groups, laid on the torus as guessed and flattened over the spectrum."""
    planes = torch.zeros(len(folded), TORUS, TORUS)
    for plane, cells in zip(planes, folded, strict=True):
        if cells.any():
            laid = _scaled(cells[:, ::-1] if guess.flipped else cells, guess.scale)
            plane[place(laid.shape[1], laid.shape[0])] = torch.from_numpy(laid)
    spectra = torch.fft.rfft2(planes)
    size = torch.nn.functional.avg_pool2d(spectra.abs()[:, None], 9, stride=1, padding=4)[:, 0]
    return np.asarray((spectra / (size + 1e-6)).flatten(1)[:, torch.from_numpy(ring())])


def _scaled(cells: Cells, scale: float) -> Cells:
    """Cells (h, w) at another size, cut to what the torus holds."""
    size = [max(8, round(side * scale)) for side in cells.shape]
    if scale != 1:
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        cells = np.asarray(cv2.resize(np.ascontiguousarray(cells), size[::-1], interpolation=smooth))
    top, left = (max(0, side - TORUS) // 2 for side in cells.shape)
    return np.ascontiguousarray(cells[top : top + TORUS, left : left + TORUS])


# --- Guesses ----------------------------------------------------------------------------------------------------------


def _search(folded: Cells, key: Key) -> Found:
    """The best guess for one block: as the frame is first, then any size and place."""
    log10_p, guess = min((_straight(folded, flipped, key) for flipped in (False, True)), key=lambda it: it[0])
    if log10_p > math.log10(FALSE_ALARM):
        options = [_moved(folded, Guess(scale, flipped), key) for scale, flipped in product(_SCALES, (False, True))]
        moved = max(options, key=lambda it: it[0])[1]
        mixed = _turned(_mixed(_spectra(folded, moved), moved.seconds, key), moved)
        moved_p = _log10_p(mixed, 4 * len(options) * len(_COARSE_TIMES) * TORUS**2, key)
        if moved_p < log10_p:
            log10_p, guess = moved_p, moved
    for better in (guess, *_refined(folded, guess, key)):
        mixed = _turned(_mixed(_spectra(folded, better), better.seconds, key), better)
        _, bits, spread = _sums(mixed, key)
        number = decode(bits / np.sqrt(spread + 1e-9))
        if number is not None:
            return Found(log10_p, number, better)
    return Found(log10_p, None, guess)


def _log10_p(mixed: NDArray[np.complex64], guesses: int, key: Key) -> float:
    """How unlikely by chance it is that one of so many guesses shows as much; each has the same share of the chance."""
    pilot, bits, _ = _sums(mixed, key)
    total = np.square(np.abs(mixed)).sum(dtype=np.float64) / 2
    strengths = _STRENGTHS / math.sqrt(total + 1e-9)
    coded = np.logaddexp(strengths[:, None] * bits, -strengths[:, None] * bits).sum(1) - len(bits) * math.log(2)
    logs = strengths * pilot + coded - strengths**2 * total / 2
    e_value = np.logaddexp.reduce(logs) - math.log(len(logs))
    return min(0.0, math.log10(guesses) - float(e_value) / math.log(10))


def _straight(folded: Cells, flipped: bool, key: Key) -> tuple[float, Guess]:
    """The surest time at the frame's own size and place. As filmed and uncut, the likeliest, has half of all chance."""
    spectra = _spectra(folded, Guess(flipped=flipped))
    found = []
    for seconds in map(float, _TIMES):
        guesses = 2 * len(_UNCUT) if seconds in _UNCUT and not flipped else 4 * 2 * len(_TIMES)
        log10_p = _log10_p(_mixed(spectra, seconds, key), guesses, key)
        found.append((log10_p, Guess(flipped=flipped, seconds=seconds)))
    return min(found, key=lambda it: it[0])


def _moved(folded: Cells, guess: Guess, key: Key, times: NDArray[np.float64] = _COARSE_TIMES) -> tuple[float, Guess]:
    """The best score over all places and the given times, for one size."""
    spectra = _spectra(folded, guess)
    mixed = [_mixed(spectra, float(seconds), key) for seconds in times]
    planes = torch.zeros(len(times), TORUS * (TORUS // 2 + 1), dtype=torch.complex64)
    planes[:, torch.from_numpy(ring())] = torch.from_numpy(
        np.stack([_pilot(it, key).sum(0) / _spread(it, key) for it in mixed]).astype(np.complex64)
    )
    # Each of the ring's frequencies stands for its mirror image too, so the inverse transform counts it twice.
    surface = torch.fft.irfft2(planes.unflatten(1, (TORUS, -1)), (TORUS, TORUS)) * (TORUS**2 / 2)
    where = int(surface.argmax())
    time, down, right = np.unravel_index(where, surface.shape)
    best = replace(guess, down=int(down), right=int(right), seconds=float(times[time]))
    return float(surface.flatten()[where]), best


def _refined(folded: Cells, guess: Guess, key: Key) -> list[Guess]:
    """The same guess more exactly, the likelier first: in size and in time."""
    times = guess.seconds + np.arange(-1, 1.1, 0.25) * SEGMENT / 2
    finer = [
        _moved(folded, replace(guess, scale=guess.scale + step), key, times) for step in np.arange(-0.012, 0.013, 0.003)
    ]
    return [it for _, it in sorted(finer, key=lambda it: -it[0])[:4]]


def _mixed(spectra: Spectra, seconds: float, key: Key) -> NDArray[np.complex64]:
    """What each pattern (P, B) gets of the groups' spectra (G + 1, B), when `seconds` were cut from the start."""
    weights = np.zeros((PATTERNS, _GROUPS + 1), np.float32)
    for group in range(_GROUPS):
        for segment, amplitude in share((group + 0.5) * _GROUP + seconds):
            number, sign = key.order[segment]
            weights[number, group] += amplitude * sign
    for segment, amplitude in share(seconds):
        number, sign = key.order[segment]
        weights[number, _GROUPS] += _STILL * amplitude * sign
    return weights @ spectra


def _pilot(mixed: NDArray[np.complex64], key: Key) -> NDArray[np.complex64]:
    """The products T conj(φ) (P, B) at the pilot's frequencies, 0 at the others."""
    return mixed * np.where(key.owners < 0, key.phases.conj(), 0)


def _spread(mixed: NDArray[np.complex64], key: Key) -> float:
    """The standard deviation that the pilot's sum has by chance."""
    return math.sqrt(float((np.abs(mixed) ** 2)[key.owners < 0].sum()) / 2) + 1e-9


def _turned(mixed: NDArray[np.complex64], guess: Guess) -> NDArray[np.complex64]:
    """What the patterns (P, B) get at the guess's place."""
    rows, columns = np.divmod(ring(), TORUS // 2 + 1)
    turn = np.exp(2j * np.pi * (rows * guess.down + columns * guess.right) / TORUS)
    return np.asarray(mixed * turn, np.complex64)


def _sums(mixed: NDArray[np.complex64], key: Key) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """The pilot's sum, the coded bits' sums (C,), and the variances (C,) that these have by chance."""
    values, carried = (mixed * key.phases.conj()).real.astype(np.float64), key.owners >= 0
    bits = np.bincount(key.owners[carried], values[carried], CODED_BITS)
    variances = np.bincount(key.owners[carried], np.square(np.abs(mixed[carried])) / 2, CODED_BITS)
    return float(values[~carried].sum()), np.asarray(bits, np.float64), np.asarray(variances, np.float64)
