"""A video target under a driver's frames."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from tests.face.faces import pose, track_of
from vidgan.errors import PersonError
from vidgan.face.head import neutral_mesh
from vidgan.progress import Silent
from vidgan.stages.drive import _told, film_under

N = 40
ABSENT, COVERED, ASIDE = 3, 16, 30


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
    assert 0 < filmed.share[COVERED + 1] < filmed.share[COVERED + 2] < 1
    assert filmed.share[COVERED - 6] == 1
    assert _told(context, filmed) == {"target_frames": N, "as_filmed": 3}


def test_a_target_that_is_nowhere_seen_is_refused(target_face):
    context, filmed = under(*target_face)
    with pytest.raises(PersonError, match="no face from the front"):
        _told(context, replace(filmed, share=np.zeros(N)))
