"""The sound of any file as one row of numbers: 16 kHz, mono, in rational time.

Legend: N samples.
"""

from __future__ import annotations

import wave
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from vidgan.errors import MediaError
from vidgan.video.audio import audio_stream, decoded_sound
from vidgan.video.isolate import isolated
from vidgan.video.limits import MediaLimits, Meter, current_limits
from vidgan.video.pyav import MICROSECOND, open_media, to_fraction

RATE = 16_000
"""Samples a second: enough for all that shows on a mouth, and what speech networks are trained on."""

_SLACK = Fraction(1, 50)
"""Timestamps within this many seconds of the samples so far are taken as running on."""


@dataclass(frozen=True)
class Sound:
    """`samples`: (N,) float32 in [-1, 1] at `rate` a second; `start`: seconds of the first on the file's clock."""

    samples: NDArray[np.float32]
    start: Fraction = Fraction(0)
    rate: int = RATE

    @property
    def seconds(self) -> Fraction:
        """How long it is."""
        return Fraction(len(self.samples), self.rate)

    @property
    def level(self) -> float:
        """Its loudness: the root mean square of the samples, in decibels below full scale; -inf when all are zero."""
        power = float(np.square(self.samples, dtype=np.float64).mean()) if len(self.samples) else 0.0
        return 10 * float(np.log10(power)) if power > 0 else -np.inf


def read_sound(path: Path, rate: int = RATE, limits: MediaLimits | None = None) -> Sound:
    """Decode the first sound track of a file, its channels averaged; holes in it are silent.

    Raises:
        MediaError: the file cannot be read, has no sound, or none that decodes.
    """
    pieces: list[NDArray[np.float32]] = []
    start = Fraction(0)
    for piece, begins in _pieces(Path(path), rate, limits or current_limits()):
        pieces.append(piece)
        start = Fraction(begins)
    if not pieces:
        raise MediaError(f"{path}: its sound lasts less than a hundredth of a second; give a recording of a voice")
    return Sound(np.concatenate(pieces), start, rate)


@isolated
def _pieces(path: Path, rate: int, limits: MediaLimits) -> Iterator[tuple[NDArray[np.float32], str]]:
    """The sound of a file piece by piece (N,), each with the time of the first sample, in seconds as a text."""
    with open_media(path, limits) as container:
        stream = audio_stream(container)
        if stream is None:
            raise MediaError(f"{path}: has no sound; give a recording, or a video with sound")
        base = to_fraction(stream.time_base) or MICROSECOND
        resampled = _Resampled(rate)
        start: Fraction | None = None
        count = 0
        for frame in decoded_sound(container, stream, Meter(path, limits)):
            time = None if frame.pts is None else frame.pts * base
            if start is None:
                start = time or Fraction(0)
            hole = Fraction(0) if time is None else time - start - Fraction(count, rate)
            silence = [np.zeros(round(hole * rate), np.float32)] if hole > _SLACK else []
            frame.pts = None  # the resampler would fill or drop samples by its own rules
            for piece in chain(silence, resampled.of(frame)):
                yield piece, str(start)
                count += len(piece)
        if start is None:
            raise MediaError(f"{path}: its sound cannot be decoded; convert it to WAV")
        for piece in resampled.rest():
            yield piece, str(start)


class _Resampled:
    """Frames at one rate, their channels averaged; a track may change its rate, layout or format as it goes."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._kind: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None

    def of(self, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """What a frame brings forth, (N,) each."""
        kind = frame.sample_rate, frame.layout.name, frame.format.name
        if self._resampler is None or kind != self._kind:
            yield from self.rest()
            self._kind, self._resampler = kind, AudioResampler("flt", None, self._rate)
        yield from _mixed(self._resampler, frame)

    def rest(self) -> Iterator[NDArray[np.float32]]:
        """What is still held back, (N,) each."""
        if self._resampler is not None:
            yield from _mixed(self._resampler, None)


def _mixed(resampler: AudioResampler, frame: AudioFrame | None) -> Iterator[NDArray[np.float32]]:
    for piece in resampler.resample(frame):  # packed: of planes, PyAV reads beyond the last where there are over 8
        yield piece.to_ndarray().reshape(-1, piece.layout.nb_channels).mean(1, dtype=np.float32)


def write_wav(path: Path, samples: NDArray[np.float32], rate: int) -> None:
    """Write samples (N,) in [-1, 1] as 16-bit WAV of one channel; louder ones are clipped."""
    whole = (np.clip(samples, -1, 1) * 32767).round().astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.astype("<i2").tobytes())
