from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidgan.metrics.pose_error import pose_error
from vidgan.metrics.redetect import MAX_SIDE, Redetector, spread_runs
from vidgan.pose.backend import Detection
from vidgan.pose.body import person_height
from vidgan.pose.repair import MIRROR
from vidgan.pose.track import LANDMARKS


class Finder:
    """A backend that finds what it is told, in shares of the frame, and remembers what it was shown."""

    name = "finder"

    def __init__(self, shares, several=False):
        self.shares, self.several, self.shapes, self.resets = shares, several, [], 0

    def reset(self):
        self.resets += 1

    def detect(self, rgb, index, seconds):
        self.shapes.append(rgb.shape[:2])
        if self.shares is None:
            return []
        image = self.shares * np.array(rgb.shape[1::-1], np.float32)
        return [Detection(image, np.zeros((len(LANDMARKS), 3), np.float32), np.ones(len(LANDMARKS), np.float32))]


def frame(height=200, width=100):
    return np.zeros((height, width, 3), np.uint8)


@pytest.fixture
def shares(standing_track):
    return standing_track.image[0] / np.array([100, 200], np.float32)


def test_what_is_where_it_should_be_has_no_error(standing_track, shares):
    detector = Redetector(Finder(shares), standing_track)
    for index in range(6):
        found = detector.add(index, frame())
        np.testing.assert_allclose(found, standing_track.image[index], atol=1e-4)
    error = detector.error()
    assert error.mean == pytest.approx(0, abs=1e-4)
    assert (error.pck, error.frames, error.missed) == (1, 6, 0)


def test_error_is_in_percent_of_the_asked_height(standing_track, shares):
    moved = shares + np.array([0, 0.05 * person_height(standing_track) / 200], np.float32)
    detector = Redetector(Finder(moved), standing_track)
    detector.add(2, frame())
    assert detector.error().mean == pytest.approx(5, rel=1e-3)


def test_large_frames_are_scaled_down_and_landmarks_back_up(standing_track, shares):
    large = replace(standing_track, image=standing_track.image * 20, width=2000, height=4000)
    finder = Finder(shares)
    detector = Redetector(finder, large)
    np.testing.assert_allclose(detector.add(0, frame(4000, 2000)), large.image[0], rtol=1e-3)
    assert finder.shapes == [(MAX_SIDE, MAX_SIDE // 2)]


def test_tracking_starts_anew_at_every_run(standing_track, shares):
    finder = Finder(shares)
    detector = Redetector(finder, standing_track)
    for index in (0, 1, 2, 4, 5):
        detector.add(index, frame())
    assert finder.resets == 2
    assert detector.frames == [0, 1, 2, 4, 5]


def test_nobody_found_is_missed(standing_track):
    detector = Redetector(Finder(None), standing_track)
    assert detector.add(0, frame()) is None
    error = detector.error()
    assert (error.mean, error.pck, error.frames, error.missed) == (None, 0, 0, 1)


def test_following_does_not_take_somebody_far_from_the_asked_place(standing_track, shares):
    away = replace(standing_track, image=standing_track.image + np.array([400, 0], np.float32), width=500)
    near_left = Finder(shares * np.array([0.2, 1], np.float32), several=True)
    assert Redetector(near_left, away, follow=True).add(0, frame(200, 500)) is None
    assert Redetector(near_left, away).add(0, frame(200, 500)) is not None


@given(st.integers(1, 5000), st.integers(1, 300), st.integers(1, 20))
def test_runs_are_rising_within_the_clip_and_about_as_many_as_asked(total, limit, run):
    frames = spread_runs(total, limit, run)
    assert (np.diff(frames) > 0).all()
    assert frames[0] == 0
    assert frames[-1] < total
    assert frames[-1] == total - 1 or limit < 2 * run
    assert len(frames) <= limit


def test_sides_that_the_detector_swaps_for_a_while_are_no_error(standing_track, shares):
    class Swapper(Finder):
        def detect(self, rgb, index, seconds):
            (found,) = super().detect(rgb, index, seconds)
            return [replace(found, image=found.image[MIRROR])] if index in (2, 3) else [found]

    detector = Redetector(Swapper(shares), standing_track)
    for index in range(6):
        detector.add(index, frame())
    assert pose_error(detector.track(), standing_track).mean > 2
    assert detector.error().mean < 0.5  # but for the face's sides, which are not repaired
