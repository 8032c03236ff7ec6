"""A video target under a driver's frames."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.face.faces import pose, track_of
from vidgan.errors import PersonError
from vidgan.face.head import neutral_mesh
from vidgan.face.shots import visits
from vidgan.progress import Silent
from vidgan.stages.drive import _told, film_under, visits_of

N = 40
ABSENT, COVERED, ASIDE, CUT = 3, 16, 30, 17


@pytest.fixture
def target_face(tmp_path):
    """A face of 40 frames: in one it is gone, in one something is before it, in one it is seen from the side."""
    degrees = np.zeros((N, 3))
    degrees[ASIDE, 0] = 60
    track = track_of([neutral_mesh()] * N, pose(degrees))
    image, depth, present = track.image.copy(), track.depth.copy(), np.ones(N, bool)
    image[ABSENT], depth[ABSENT], present[ABSENT] = np.nan, np.nan, False
    track = replace(track, image=image, depth=depth, present=present)
    track.save(tmp_path / "track.npz")
    masks = np.full((N, 4, 4), 255, np.uint8)
    masks[COVERED] = 0
    np.save(tmp_path / "masks.npy", masks)
    np.save(tmp_path / "cuts.npy", [CUT])
    return tmp_path, track


def under(folder, driver):
    context = SimpleNamespace(input=lambda name: folder, progress=Silent())
    portrait = SimpleNamespace(size=np.array([driver.width, driver.height]))
    return context, film_under(context, driver, portrait)


def test_frames_without_a_clear_face_from_the_front_stay_as_filmed(target_face):
    folder, track = target_face
    context, filmed = under(folder, track)
    np.testing.assert_array_equal(filmed.frames, np.arange(N))
    np.testing.assert_array_equal(np.flatnonzero(filmed.share == 0), [ABSENT, COVERED, ASIDE])
    assert 0 < filmed.share[COVERED - 1] < 1
    assert filmed.share[COVERED - 6] == 1
    assert filmed.share[CUT] == 1
    assert filmed.shots.tolist() == [0] * CUT + [1] * (N - CUT)
    assert _told(context, filmed) == {"target_frames": N, "as_filmed": 3, "cuts": 1}


def test_a_film_that_runs_back_comes_to_a_shot_anew(target_face):
    folder, track = target_face
    longer = replace(track[np.arange(2 * N) % N], pts=np.arange(2 * N))
    _, filmed = under(folder, longer)
    assert np.abs(np.diff(filmed.frames)).max() == 1
    assert np.unique(visits(filmed.shots)).tolist() == [0, 1, 2]


def test_a_cut_of_the_driver_begins_a_visit_as_one_of_the_film_does(target_face):
    folder, track = target_face
    _, filmed = under(folder, track)
    driver = (np.arange(N) >= 25).astype(np.int64)
    assert np.flatnonzero(np.diff(visits_of(filmed, driver))).tolist() == [CUT - 1, 24]
    assert np.flatnonzero(np.diff(visits_of(None, driver))).tolist() == [24]


def test_a_target_that_is_nowhere_seen_is_refused(target_face):
    context, filmed = under(*target_face)
    with pytest.raises(PersonError, match="no face from the front"):
        _told(context, replace(filmed, share=np.zeros(N)))
