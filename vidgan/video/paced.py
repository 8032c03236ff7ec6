"""Packets of another file that are written as the picture's time goes on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from fractions import Fraction

from av.container import OutputContainer
from av.packet import Packet


class PacedTrack:
    """The base of what is muxed beside a picture.

    `_packets` gives packets with the times in seconds, on the output's clock, at which they are due; they are `_shift`
    seconds later than in their file, where `_start` falls on the first frame. `_stack` holds the file.
    """

    _start: Fraction | None

    def __init__(self, output: OutputContainer) -> None:
        self._output, self._stack, self._shift = output, ExitStack(), Fraction(0)
        self._packets: Iterator[tuple[Fraction, Packet]] = iter(())
        self._pending: tuple[Fraction, Packet] | None = None

    def begin(self, time: Fraction) -> None:
        """Fix the track to the picture: the first frame is at `time` seconds."""
        self._shift = time - (self._start or Fraction(0))
        self._pending = next(self._packets, None)

    def feed(self, until: Fraction) -> None:
        """Write what is due before `until` seconds."""
        while self._pending is not None and self._pending[0] < until:
            self._output.mux(self._pending[1])
            self._pending = next(self._packets, None)

    def finish(self, end: Fraction) -> None:
        """Write the rest up to the picture's `end` in seconds, and let go of the file."""
        self.feed(end)
        self._pending = None
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._stack.close()
