"""Which person: finding the people of a clip on a few frames, choosing one and following them.

A box is (x0, y0, x1, y1) float pixels of the frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import PersonError, UsageError
from vidgan.pose.backend import PoseBackend

Box = NDArray[np.float64]

MAX_PEOPLE = 6
"""At most so many people are looked for in a frame."""

PLACES = ("largest", "center", "left", "right")

_MIN_VISIBILITY = 0.5
"""Somebody counts only when shoulders and hips are seen this well."""

_TRUNK = [11, 12, 23, 24]


@dataclass(frozen=True, eq=False)
class Person:
    """Somebody found in one frame: the box around their landmarks."""

    box: Box

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        return float((self.box[2] - self.box[0]) * (self.box[3] - self.box[1]))

    @property
    def centre(self) -> NDArray[np.float64]:
        """The middle of the box."""
        return (self.box[:2] + self.box[2:]) / 2


def find_people(backend: PoseBackend, rgb: NDArray[np.uint8], index: int = 0, seconds: float = 0.0) -> list[Person]:
    """Everybody in the `index`-th frame, from left to right.

    A backend that finds one person is run again on the frame with those already found blanked out, then on
    overlapping squares, where people small in the frame are larger. Who is found so must be found a second time, in a
    close-up: detectors see people in pillars and in what is left of a blanked one.
    """
    if backend.several:
        backend.reset()
        return sorted_people([Person(landmark_box(found.image)) for found in backend.detect(rgb, index, seconds)])
    people: list[Person] = []
    canvas = rgb.copy()
    for window in _search_windows(rgb.shape[1], rgb.shape[0]):
        while len(people) < MAX_PEOPLE:
            box = _first_box(backend, canvas, window, index, seconds)
            if box is None or any(overlap(box, person.box) > 0.3 for person in people):
                break
            if people:
                closer = _first_box(backend, rgb, window_around(box, rgb.shape[1], rgb.shape[0]), index, seconds)
                if closer is None or overlap(box, closer) < 0.6:
                    break
            people.append(Person(box))
            _blank(canvas, box)
    return sorted_people(people)


def seen_again(people: list[Person], elsewhere: list[list[Person]]) -> list[Person]:
    """Those of one frame's people who are also about there in another frame; all of them if there is no other."""
    if not elsewhere:
        return people
    return [p for p in people if any(overlap(p.box, other.box) > 0.3 for frame in elsewhere for other in frame)]


def choose(people: list[Person], asked: str, width: int) -> Person:
    """The asked one of the people of one frame: one of `PLACES`, or a number counted from the left, from 1.

    Raises:
        UsageError: `asked` is none of these.
        PersonError: there are fewer people.
    """
    if asked == "largest":
        return max(people, key=lambda person: person.area)
    if asked in ("left", "right"):
        return people[0 if asked == "left" else -1]
    if asked == "center":
        return min(people, key=lambda person: abs(person.centre[0] - width / 2))
    if not asked.isdecimal() or int(asked) < 1:
        raise UsageError(
            f"person {asked!r} is not known; use {', '.join(PLACES)} or a number from 1 (counted from the left)"
        )
    if int(asked) > len(people):
        raise PersonError(
            f"person {asked} was asked for but only {len(people)} found; use a number up to {len(people)}"
        )
    return people[int(asked) - 1]


class Found(Protocol):
    """What a backend finds of somebody."""

    @property
    def image(self) -> NDArray[np.float32]:
        """Landmarks (J, 2) in the pixels of the picture that was looked at."""

    def moved(self, x: int, y: int, shape: tuple[int, ...]) -> Self:
        """What was found in a window at (x, y) of a frame of that shape, in the frame's pixels."""


FoundT = TypeVar("FoundT", bound=Found)


class Detector(Protocol[FoundT]):
    """The part of a backend that following needs, see `PoseBackend`."""

    several: bool

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[FoundT]:
        """Who is in the `index`-th frame, the surest first."""

    def reset(self) -> None:
        """Forget the frames before."""


class Follower(Generic[FoundT]):
    """Runs a backend on one clip and keeps to one person.

    With `box` (where the chosen one was last) a backend that finds one person sees only a window around them, so that
    it cannot take another; without it, the whole frame. What is found too far from the last place is not believed.
    `margin` is the window's around the landmarks, as a share of their longer side.
    """

    def __init__(self, backend: Detector[FoundT], box: Box | None = None, margin: float = 0.3) -> None:
        self.backend = backend
        self.box = box
        self._margin = margin
        self._window: tuple[int, int, int, int] | None = None
        self._seen: float | None = None

    def restart(self) -> None:
        """Forget all but the last place: what follows depends only on it and on the frames to come."""
        self.backend.reset()
        self._window = self._seen = None

    def forget(self) -> None:
        """Forget everything, as at a cut: who is followed next is chosen anew."""
        self.restart()
        self.box = None

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> FoundT | None:
        """The followed person in this frame, in pixels of `rgb`, or None."""
        if self.box is None:
            return next(iter(self.backend.detect(rgb, index, seconds)), None)
        if self._seen is None:
            self._seen = seconds
        if self.backend.several:
            found = self.backend.detect(rgb, index, seconds)
        else:
            found = self._in_window(rgb, index, seconds)
        near = min(found, key=self._distance, default=None)
        if near is None or not self.believes(landmark_box(near.image), seconds):
            return None
        self.box, self._seen = landmark_box(near.image), seconds
        return near

    def believes(self, box: Box, seconds: float) -> bool:
        """Whether somebody found there can be the followed one, by how far they can have got since they were seen."""
        assert self.box is not None
        since = 0.0 if self._seen is None else seconds - self._seen
        return _apart(self.box, box) <= 0.5 * (1 + 2 * since)

    def _distance(self, found: FoundT) -> float:
        """From the last place to this one, in diagonals of the last box."""
        assert self.box is not None
        return _apart(self.box, landmark_box(found.image))

    def _in_window(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[FoundT]:
        assert self.box is not None
        height, width = rgb.shape[:2]
        if self._window is None or not _inside(self.box, self._window, width, height):
            self._window = window_around(self.box, width, height, self._margin)
            self.backend.reset()
        x0, y0, x1, y1 = self._window
        return [found.moved(x0, y0, rgb.shape) for found in self.backend.detect(rgb[y0:y1, x0:x1], index, seconds)]


def needs_following(people: list[Person], height: int) -> bool:
    """Whether the person has to be followed: there are several, or the only one is small in a frame of that height."""
    return len(people) > 1 or (len(people) == 1 and bool(np.ptp(people[0].box[1::2]) < 0.25 * height))


def landmark_box(image: NDArray) -> Box:
    """The box around landmarks (J, 2)."""
    return np.concatenate([np.nanmin(image, axis=0), np.nanmax(image, axis=0)]).astype(np.float64)


def centre_distance(image: NDArray, other: NDArray) -> float:
    """How far two people's boxes are apart, (J, 2) each, in diagonals of the first."""
    return _apart(landmark_box(image), landmark_box(other))


def _apart(box: Box, other: Box) -> float:
    moved = Person(other).centre - Person(box).centre
    return float(np.hypot(*moved) / max(np.hypot(*(box[2:] - box[:2])), 1.0))


def sorted_people(people: list[Person]) -> list[Person]:
    """From left to right."""
    return sorted(people, key=lambda person: float(person.centre[0]))


def _search_windows(width: int, height: int) -> list[tuple[int, int, int, int]]:
    """The frame, then three squares of its shorter side along its longer one, as (x0, y0, x1, y1)."""
    side = min(width, height)
    starts = [((width - side) * share // 2, (height - side) * share // 2) for share in range(3)]
    squares = dict.fromkeys((x, y, x + side, y + side) for x, y in starts)
    return [(0, 0, width, height), *(square for square in squares if width != height)]


def _first_box(
    backend: PoseBackend, rgb: NDArray[np.uint8], window: tuple[int, int, int, int], index: int, seconds: float
) -> Box | None:
    """Where the backend sees somebody well in a window of a frame, in pixels of the frame."""
    x0, y0, x1, y1 = window
    backend.reset()
    found = backend.detect(rgb[y0:y1, x0:x1], index, seconds)
    if not found or found[0].visibility[_TRUNK].min() < _MIN_VISIBILITY:
        return None
    box = landmark_box(found[0].image) + np.array([x0, y0, x0, y0])
    x, y = Person(box).centre
    return box if 0 <= x < rgb.shape[1] and 0 <= y < rgb.shape[0] else None


def overlap(one: Box, other: Box) -> float:
    """The boxes' common area as a share of the smaller one."""
    sides = np.clip(np.minimum(one[2:], other[2:]) - np.maximum(one[:2], other[:2]), 0, None)
    return float(np.prod(sides) / max(min(Person(one).area, Person(other).area), 1.0))


def _blank(canvas: NDArray[np.uint8], box: Box) -> None:
    """Paint the frame's mean colour over a box and a margin around it."""
    height, width = canvas.shape[:2]
    margin = 0.1 * np.array([box[2] - box[0], box[3] - box[1]])
    x0, y0 = np.clip(box[:2] - margin, 0, [width, height]).astype(int)
    x1, y1 = np.clip(box[2:] + margin, 0, [width, height]).astype(int)
    canvas[y0:y1, x0:x1] = canvas.reshape(-1, 3).mean(axis=0).astype(np.uint8)


def window_around(box: Box, width: int, height: int, share: float = 0.3) -> tuple[int, int, int, int]:
    """The box with a margin of a share of its longer side, within the frame."""
    margin = share * max(box[2] - box[0], box[3] - box[1])
    x0, y0 = np.clip(np.floor(box[:2] - margin), 0, [width - 2, height - 2]).astype(int)
    x1, y1 = np.clip(np.ceil(box[2:] + margin), [x0 + 2, y0 + 2], [width, height]).astype(int)
    return int(x0), int(y0), int(x1), int(y1)


def _inside(box: Box, window: tuple[int, int, int, int], width: int, height: int) -> bool:
    """Whether the box keeps off those sides of its window that are not the frame's, and still fills a good part."""
    x0, y0, x1, y1 = window
    side = max(box[2] - box[0], box[3] - box[1])
    near = 0.08 * side
    sides = (
        x0 == 0 or box[0] > x0 + near,
        y0 == 0 or box[1] > y0 + near,
        x1 == width or box[2] < x1 - near,
        y1 == height or box[3] < y1 - near,
    )
    return all(sides) and bool(side > 0.35 * max(x1 - x0, y1 - y0))
