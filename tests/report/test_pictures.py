from __future__ import annotations

import numpy as np
import pytest

from tests.metrics.people import standing_track
from vidgan.pose.track import JOINT
from vidgan.report.pictures import details, fit, pose_picture


@pytest.fixture
def person():
    track = standing_track(1, 400, 800)
    return track.image[0], track.visibility[0]


@pytest.mark.parametrize("size", [(33, 21), (100, 57), (7, 400)])
def test_fitted_pictures_have_the_height_and_an_even_width(size):
    fitted = fit(np.zeros((*size, 3), np.uint8), 64)
    assert fitted.shape[0] == 64
    assert fitted.shape[1] % 2 == 0
    assert abs(fitted.shape[1] - size[1] * 64 / size[0]) <= 1 or fitted.shape[1] == 2


def test_pose_is_drawn_where_it_is(person):
    drawn = pose_picture(*person, 400, 800, 200)
    assert drawn.shape == (200, 100, 3)
    rows, columns = np.nonzero(drawn.max(2) > 60)
    assert columns.min() > 30
    assert columns.max() < 75
    assert rows.max() > 160


def test_details_show_face_and_hands_at_full_size(person):
    image, visibility = person
    frame = np.zeros((800, 400, 3), np.uint8)
    x, y = image[JOINT["nose"]].astype(int)
    frame[y, x] = 255
    found = details(frame, image, visibility)
    assert set(found) == {"face", "left hand", "right hand"}
    assert found["face"].max() == 255
    assert found["left hand"].max() == 0


def test_hidden_parts_and_unknown_people_have_no_details(person):
    image, visibility = person
    frame = np.zeros((800, 400, 3), np.uint8)
    seen = visibility.copy()
    seen[[JOINT["nose"], JOINT["left_wrist"]]] = 0.2
    assert set(details(frame, image, seen)) == {"right hand"}
    assert details(frame, image * np.nan, visibility) == {}
    assert details(frame, image + 2000, visibility) == {}
