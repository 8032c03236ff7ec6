from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.subject.sticks import background, stick_subject, stick_track
from vidgan.subject.model import motion_of, nearest_in, plate_in


@given(st.lists(st.integers(0, 60), min_size=1, unique=True).map(sorted), st.lists(st.integers(0, 60), min_size=1))
def test_the_nearest_number_is_found(values, wanted):
    found = nearest_in(np.array(values), np.array(wanted))
    assert set(found) <= set(values)
    for number, one in zip(wanted, found, strict=True):
        assert abs(one - number) == min(abs(value - number) for value in values)


def test_a_motion_says_in_window_units_where_the_landmarks_are():
    track = stick_track()
    motion = motion_of(track)
    pixels = motion.points * motion.windows[:, None, 2:] + motion.windows[:, None, :2]
    np.testing.assert_allclose(pixels, track.image, atol=1e-2)
    np.testing.assert_allclose(motion.heights * motion.windows[:, 2], 84, rtol=0.03)


def test_frames_without_a_person_hold_the_nearest_pose_and_say_so():
    track = stick_track(12, absent=(0, 5, 6, 11))
    motion = motion_of(track)
    np.testing.assert_array_equal(np.flatnonzero(~motion.present), [0, 5, 6, 11])
    pixels = motion.points * motion.windows[:, None, 2:] + motion.windows[:, None, :2]
    for frame, shown in ((0, 1), (5, 4), (6, 7), (11, 10)):
        np.testing.assert_allclose(pixels[frame], track.image[shown], atol=1e-2)
    assert np.isfinite(motion.descriptors(0.1)).all()


def test_frames_of_a_motion_can_be_chosen():
    motion = motion_of(stick_track(10))
    assert len(motion[3:7]) == 4
    np.testing.assert_array_equal(motion[np.array([9, 2])].points, motion.points[[9, 2]])


def test_the_plate_in_a_window_is_black_where_the_window_leaves_it():
    plate = plate_in(background(), np.float32([-56, 0, 112]), 56)
    assert plate.shape == (56, 56, 3)
    assert plate[:, :26].max() == 0
    assert plate[:, 30:].mean() > 50


@pytest.mark.parametrize("name", ["small_references", "plate_crops"])
def test_training_pictures_have_the_training_size(name):
    subject = stick_subject(4)
    assert getattr(subject, name).shape[:3] == subject.crops.shape[:3]
