from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from vidgan.metrics.pose_error import pose_error
from vidgan.pose.body import person_height
from vidgan.pose.track import JOINT


def test_equal_tracks_have_no_error(standing_track):
    error = pose_error(standing_track, standing_track)
    assert (error.mean, error.median, error.pck, error.frames, error.missed) == (0, 0, 1, 6, 0)


def test_shift_reads_in_percent_of_height(standing_track):
    height = person_height(standing_track)
    shifted = replace(standing_track, image=standing_track.image + np.array([0.03 * height, 0.04 * height], np.float32))
    error = pose_error(shifted, standing_track)
    assert error.mean == pytest.approx(5, rel=1e-4)
    assert pose_error(shifted, standing_track, height=2 * height).mean == pytest.approx(2.5, rel=1e-4)


@pytest.mark.parametrize(("percent", "pck"), [(4.9, 1.0), (5.1, 0.0)])
def test_pck_cuts_at_five_percent(standing_track, percent, pck):
    shift = np.array([percent / 100 * person_height(standing_track), 0], np.float32)
    assert pose_error(replace(standing_track, image=standing_track.image + shift), standing_track).pck == pck


def test_frames_where_the_person_was_not_found_count_as_wrong_in_pck_only(standing_track):
    found = replace(standing_track, image=standing_track.image.copy(), present=standing_track.present.copy())
    found.present[:3] = False
    found.image[:3] = np.nan
    error = pose_error(found, standing_track)
    assert (error.mean, error.pck, error.frames, error.missed) == (0, 0.5, 3, 3)


def test_hidden_landmarks_and_those_outside_the_frame_do_not_count(standing_track):
    wanted = replace(standing_track, image=standing_track.image.copy(), visibility=standing_track.visibility.copy())
    wanted.visibility[:, JOINT["left_wrist"]] = 0.4
    wanted.image[:, JOINT["right_wrist"]] = (-5, 50)
    found = replace(wanted, image=wanted.image.copy())
    found.image[:, [JOINT["left_wrist"], JOINT["right_wrist"]]] += 40
    assert pose_error(found, wanted).mean == 0


def test_nobody_anywhere_gives_no_numbers(standing_track):
    nobody = replace(standing_track, image=np.full_like(standing_track.image, np.nan), present=np.zeros(6, bool))
    error = pose_error(nobody, nobody)
    assert (error.mean, error.median, error.pck, error.frames, error.missed) == (None, None, None, 0, 0)
