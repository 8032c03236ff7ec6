from __future__ import annotations

import numpy as np
import pytest

from tests.pose.skeletons import figure
from vidgan.errors import PersonError, UsageError
from vidgan.pose.backend import Detection
from vidgan.pose.people import Follower, choose, find_people, landmark_box, needs_following

SIZE = (480, 640)


class DotBackend:
    """Finds people that are painted as rectangles of one grey value each, the largest first, at most one at a time.

    Like MediaPipe's it tracks: once it has someone it stays with that grey value until they are gone.
    """

    name, several = "dots", False

    def __init__(self, several=False):
        self.several = several
        self.tracked = None
        self.resets = 0

    def reset(self):
        self.tracked = None
        self.resets += 1

    def detect(self, rgb, index, seconds):
        values, counts = np.unique(rgb[..., 0][rgb[..., 0] >= 100], return_counts=True)
        order = [int(v) for v, n in sorted(zip(values, counts, strict=True), key=lambda pair: -pair[1]) if n > 300]
        if self.several:
            return [self._person(rgb, value) for value in order]
        if self.tracked not in order:
            self.tracked = order[0] if order else None
        return [] if self.tracked is None else [self._person(rgb, self.tracked)]

    def _person(self, rgb, value):
        rows, columns = np.nonzero(rgb[..., 0] == value)
        height = np.ptp(rows) + 1
        image = figure(height, ((columns.min() + columns.max() + 1) / 2, rows.max() + 1)).astype(np.float32)
        mask = (rgb[..., 0] == value).astype(np.uint8) * 255
        return Detection(image, np.zeros((33, 3), np.float32), np.ones(33, np.float32), mask)


def scene(*people):
    """A frame with (grey, x, height) people standing on one floor."""
    frame = np.full((*SIZE, 3), 20, np.uint8)
    for grey, x, height in people:
        frame[440 - height : 440, int(x - height / 5) : int(x + height / 5)] = grey
    return frame


@pytest.mark.parametrize("several", [False, True])
def test_everybody_is_found_from_left_to_right(several):
    people = find_people(DotBackend(several), scene((200, 500, 300), (150, 100, 240), (120, 300, 200)))
    assert [round(float(person.centre[0]), -1) for person in people] == [100, 300, 500]


def test_nobody_is_found_in_an_empty_frame():
    assert find_people(DotBackend(), scene()) == []


def test_choosing():
    people = find_people(DotBackend(), scene((200, 500, 300), (150, 100, 240), (120, 330, 200)))
    assert choose(people, "largest", 640) is people[2]
    assert choose(people, "center", 640) is people[1]
    assert choose(people, "1", 640) is people[0]
    with pytest.raises(PersonError, match="person 4 was asked for but only 3 found"):
        choose(people, "4", 640)
    with pytest.raises(UsageError, match="tallest"):
        choose(people, "tallest", 640)


def test_following_is_for_crowds_and_small_people():
    assert not needs_following(find_people(DotBackend(), scene((200, 300, 300))), 480)
    assert needs_following(find_people(DotBackend(), scene((200, 300, 80))), 480)
    assert needs_following(find_people(DotBackend(), scene((200, 300, 300), (150, 100, 300))), 480)


@pytest.mark.parametrize("several", [False, True])
def test_the_chosen_person_is_kept_while_a_larger_one_walks_by(several):
    backend = DotBackend(several)
    small = find_people(backend, scene((150, 120, 200), (200, 560, 320)))[0]
    follower = Follower(backend, small.box)
    follower.restart()
    for index in range(60):
        frame = scene((200, 560 - 2 * index, 320), (150, 120 + 3 * index, 200))
        found = follower.detect(frame, index, index / 25)
        assert found is not None
        assert found.mask.shape == SIZE
        assert abs(landmark_box(found.image)[[0, 2]].mean() - (120 + 3 * index)) < 3
        assert found.mask[400, int(120 + 3 * index)] == 255


def test_another_place_is_not_believed():
    backend = DotBackend()
    follower = Follower(backend, find_people(backend, scene((150, 120, 200)))[0].box)
    assert follower.detect(scene((150, 125, 200)), 0, 0.0) is not None
    assert follower.detect(scene((150, 520, 200)), 1, 0.04) is None


def test_the_window_moves_seldom():
    backend = DotBackend()
    follower = Follower(backend, find_people(backend, scene((150, 120, 200)))[0].box)
    before = backend.resets
    for index in range(50):
        follower.detect(scene((150, 120 + 4 * np.sin(index), 200)), index, index / 25)
    assert backend.resets - before == 1
