from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.subject.sticks import background, stick_subject, stick_track
from vidgan.subject.model import calmed, motion_of, nearest_in, plate_in


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


RATE, TALL = 25.0, np.full(100, 200, np.float32)


def moved(sway):
    """Two landmarks, one of which sways by as many heights at each time, the other beside it at rest."""
    image = np.full((100, 2, 2), 50, np.float32)
    image[:, 0, 0] += 200 * sway(np.arange(100) / RATE)
    return image


def left_of(image):
    """What is left of the first landmark's sway, in the middle of the time."""
    found = calmed(image, TALL, RATE)
    np.testing.assert_array_equal(found[:, 1], image[:, 1])
    middle = slice(20, 80)
    return float(np.ptp(found[middle, 0, 0]) / np.ptp(image[middle, 0, 0]))


def test_a_landmark_at_rest_does_not_tremble_when_calm():
    assert left_of(moved(lambda t: 0.001 * (-1) ** np.round(RATE * t))) < 0.05


@pytest.mark.parametrize("speed", [0.003, 0.05, 0.4])
def test_a_landmark_that_drifts_is_neither_late_nor_early_when_calm(speed):
    image = moved(lambda t: speed * t)
    np.testing.assert_allclose(calmed(image, TALL, RATE), image, atol=2e-2)


@pytest.mark.parametrize("much", [0.02, 0.05, 0.2])
def test_a_foot_that_taps_is_left_alone(much):
    assert left_of(moved(lambda t: much / 2 * np.sin(2 * np.pi * 2.5 * t))) > 0.95


@pytest.mark.parametrize("much", [0.03, 0.06])
def test_a_short_nod_between_rests_is_left_alone(much):
    image = moved(lambda t: much * np.exp(-(((t - 2) / 0.1) ** 2) / 2))
    assert left_of(image) > 0.95


@pytest.mark.parametrize("count", [1, 2, 3, 10])
def test_a_short_clip_is_calmed_as_well(count):
    image = moved(lambda t: 0.001 * (-1) ** np.round(RATE * t))[:count]
    found = calmed(image, TALL[:count], RATE)
    assert found.shape == image.shape
    assert np.abs(found - image).max() < 0.5


def test_a_motion_has_its_calm_pose_beside_it():
    track = stick_track(40)
    trembling = 0.1 * np.float32((-1) ** np.arange(40))[:, None, None]
    still = replace(track, image=np.repeat(track.image[:1], 40, 0) + trembling)
    motion = motion_of(still)
    steps, calm = (np.abs(np.diff(points, axis=0)).mean() for points in (motion.points, motion.calm))
    assert calm < 0.1 * steps
    np.testing.assert_allclose(motion.calm, motion.points, atol=0.2 / motion.windows[:, 2].min())


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
