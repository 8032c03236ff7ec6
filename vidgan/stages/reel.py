"""A film's frames in the order in which they are shown, also there and back: each is decoded once."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgan.video.clip import Frame
from vidgan.video.read import ClipReader
from vidgan.video.write import LOSSLESS_SUFFIX, LosslessWriter

PIECE = 16
"""Frames held in memory at once of a film that also runs backwards."""


def shown_frames(
    reader: ClipReader, numbers: NDArray[np.int64], folder: Path, start: int = 0
) -> Iterator[NDArray[np.uint8]]:
    """The film's frames (H, W, 3) by their numbers, from position `start` of these on.

    folder: where a film that also runs backwards is kept in lossless pieces.
    """
    wanted = numbers[start:]
    if (np.diff(numbers) >= 0).all():
        yield from _forwards(reader, wanted)
        return
    reel = Reel(reader, folder)
    yield from (reel.frame(int(number)) for number in wanted)


def _forwards(reader: ClipReader, wanted: NDArray[np.int64]) -> Iterator[NDArray[np.uint8]]:
    """Frames whose numbers never fall."""
    position = 0
    for number, frame in enumerate(reader.frames(int(wanted[0])), int(wanted[0])):
        while position < len(wanted) and wanted[position] == number:
            yield frame.rgb
            position += 1
        if position == len(wanted):
            return


class Reel:
    """A film in pieces of `PIECE` frames, `film-NNNNN.nut`, made when they are first asked for.

    Compressed video only decodes forwards: going back T frames from the film's beginning each time would cost T² of
    them, and starting at key frames is not exact for every format.
    """

    def __init__(self, reader: ClipReader, folder: Path) -> None:
        self._reader, self._folder = reader, folder
        self._decoder: Iterator[Frame] | None = None
        self._next, self._number = 0, -1  # of the pieces: the one the decoder is at, the one that is held
        self._held: list[NDArray[np.uint8]] = []

    def frame(self, number: int) -> NDArray[np.uint8]:
        """One frame (H, W, 3); cheap within a piece."""
        piece, place = divmod(number, PIECE)
        if piece != self._number:
            self._held = []  # let go of before the next is there
            self._held, self._number = self._piece(piece), piece
        return self._held[place]

    def _piece(self, number: int) -> list[NDArray[np.uint8]]:
        path = self._folder / f"film-{number:05d}{LOSSLESS_SUFFIX}"
        if path.exists():
            with ClipReader(path) as kept:
                return [frame.rgb for frame in kept]
        if self._decoder is None or self._next != number:
            self._decoder = self._reader.frames(number * PIECE)
        frames = [frame.rgb for frame in islice(self._decoder, PIECE)]
        self._next = number + 1
        with LosslessWriter(path, self._reader.width, self._reader.height, Fraction(25)) as writer:
            for place, rgb in enumerate(frames):
                writer.write(rgb, Fraction(place, 25))
        return frames
