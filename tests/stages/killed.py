"""A run that ends in the middle, as if killed."""

from __future__ import annotations

from vidgan.progress import Silent


class Killed(Exception):
    pass


class KilledAfter(Silent):
    """Ends the run when so many frames are done."""

    def __init__(self, frames):
        super().__init__()
        self.left = frames

    def advance(self, amount=1, **info):
        self.left -= 1
        if self.left == 0:
            raise Killed
