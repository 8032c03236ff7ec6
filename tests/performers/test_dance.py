from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgan.performers.dance import CHANNELS, MOVES, choreograph, follow


def test_minimum_jerk_passes_keys_at_rest():
    # Flash and Hogan (1985): x(t) = x0 + (xf - x0) (10 t^3 - 15 t^4 + 6 t^5); at a quarter 0.103515625.
    beats = np.array([0.0, 0.5, 1.0, 2.0, 3.0])
    path = follow([(0.0, 1.0), (2.0, 5.0)], beats)
    assert path == pytest.approx([1.0, 1 + 4 * 0.103515625, 3.0, 5.0, 5.0])


@given(seed=st.integers(0, 2**31), move=st.sampled_from(sorted(MOVES)))
@settings(max_examples=30, deadline=None)
def test_moves_stay_in_reach_and_name_known_channels(seed, move):
    length, keys = MOVES[move](np.random.default_rng(seed), 1, 1.0)
    assert set(keys) <= set(CHANNELS)
    assert all(0 <= beat <= length for channel in keys.values() for beat, _ in channel)


def test_same_seed_same_dance_other_seed_other_dance():
    one, two, other = (choreograph(np.random.default_rng(seed), 50, 25, ("hips", "kick")) for seed in (1, 1, 2))
    assert all(np.array_equal(one.channels[name], two.channels[name]) for name in CHANNELS)
    assert not np.array_equal(one.channels["sway"], other.channels["sway"])


def test_dance_moves_smoothly():
    dance = choreograph(np.random.default_rng(4), 200, 25, tuple(MOVES))
    for name in ("left_elevation", "heading", "bend"):
        assert np.abs(np.diff(dance.channels[name])).max() < 40  # degrees in a 25th of a second


def test_a_foot_on_the_floor_does_not_slide():
    dance = choreograph(np.random.default_rng(5), 200, 25, ("step touch", "side turn"))
    for path in dance.feet.values():
        planted = (path[1:, 3] < 1e-6) & (path[:-1, 3] < 1e-6)
        assert planted.mean() > 0.3
        moved = np.abs(np.diff(path[:, :2], axis=0)).max(1)[planted]
        assert np.median(moved) == 0


def test_a_full_turn_ends_where_it_began():
    dance = choreograph(np.random.default_rng(6), 60, 25, ("full turn",), tempo=140)
    assert np.ptp(dance.channels["heading"]) > 300


def test_moves_cover_arms_crossing_and_side_views():
    dance = choreograph(np.random.default_rng(7), 400, 25, ("cross", "side turn", "squat", "raise"))
    assert dance.channels["left_azimuth"].max() > 60
    assert np.abs(dance.channels["heading"]).max() > 60
    assert dance.channels["drop"].max() > 0.2
    assert dance.channels["left_elevation"].max() > 140
