"""The generator that comes with vidgan."""

from __future__ import annotations

import numpy as np

from vidgan.resources import shipped_model
from vidgan.runs.folder import open_run


def test_it_is_small_enough_to_come_along():
    assert shipped_model().stat().st_size <= 12_000_000


def test_it_draws_moving_clips_of_every_class():
    run = open_run(None)
    clips = run.sample(range(len(run.classes)))
    assert run.classes == ("disco", "kick", "march", "raise", "side_turn", "squat")
    assert clips.shape == (6, run.frames, 64, 64, 3)
    assert (np.abs(np.diff(clips.astype(int), axis=1)).mean((1, 2, 3, 4)) > 1).all()  # real ones change by 3 to 4.4


def test_themes_and_motions_can_be_exchanged():
    run = open_run(None)
    same_theme = run.pair([3, 3], [3, 4])
    assert not np.array_equal(same_theme[0], same_theme[1])
    alone = run.pair([3], [3])[0]
    assert np.abs(same_theme[0].astype(int) - alone).max() <= 1  # sums of another order round differently
