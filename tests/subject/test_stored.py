from __future__ import annotations

import numpy as np

from vidgan.subject.stored import new_pictures


def test_new_pictures_are_zeros_that_stay_when_written(tmp_path):
    pictures = new_pictures(tmp_path / "a.npy", (3, 4, 4, 2))
    assert not pictures.any()
    pictures[1] = 7
    pictures.flush()
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), pictures)


def test_their_space_is_taken_at_once(tmp_path):
    new_pictures(tmp_path / "a.npy", (64, 64, 64, 4))
    assert (tmp_path / "a.npy").stat().st_blocks * 512 >= 64 * 64 * 64 * 4
