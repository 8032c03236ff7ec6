"""Keeping to one face of a clip, and finding it again after it was lost."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from vidgan.face.backend import MARGIN, Face, MeshBackend
from vidgan.pose.people import Box, Follower, Person, choose

SEARCH_EVERY = 6
"""Frames between two searches of the whole frame while the face is lost."""


class FaceFollower(Follower[Face]):
    """Follows a face in a window around its last place; when it is lost there, searches the frame from time to time.

    Who comes back must be where the lost one can be by then, or it is another one. `masks` adds person masks; `asked`
    says who is taken where nobody is followed yet (see `vidgan.pose.people.choose`).
    """

    def __init__(
        self, backend: MeshBackend, box: Box | None = None, masks: bool = False, asked: str = "largest"
    ) -> None:
        super().__init__(backend, box, MARGIN)
        self._mesh, self._masks, self._asked = backend, masks, asked
        self._lost = 0

    def restart(self) -> None:
        """Forget all but the last place."""
        super().restart()
        self._lost = 0

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> Face | None:
        """The followed face in this frame, in pixels of `rgb`, or None."""
        found = super().detect(rgb, index, seconds) if self.box is not None else None
        if found is None:
            if self._lost % SEARCH_EVERY == 0:
                found = self._search(rgb, index, seconds)
            self._lost += 1
        if found is None:
            return None
        self._lost = 0
        return replace(found, mask=self._mesh.segment(rgb)) if self._masks else found

    def _search(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> Face | None:
        people = self._mesh.faces(rgb, index, seconds)
        last = self.box
        if last is not None:
            people = [person for person in people if self.believes(person.box, seconds)]
        if not people:
            return None
        self.box = (self._chosen(people, rgb.shape[1]) if last is None else _nearest(people, last)).box
        self._window = None
        return super().detect(rgb, index, seconds)

    def _chosen(self, people: list[Person], width: int) -> Person:
        """The asked one; the largest where there are fewer than the asked number."""
        too_few = self._asked.isdecimal() and int(self._asked) > len(people)
        return choose(people, "largest" if too_few else self._asked, width)


def _nearest(people: list[Person], last: Box) -> Person:
    return min(people, key=lambda person: float(np.hypot(*(person.centre - Person(last).centre))))
