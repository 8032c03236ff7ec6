from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.pose.skeletons import dance, figure, mirrored
from vidgan.pose.repair import ARMS, LEGS, MIRROR, exchange, fill_gaps, find_spikes, find_swaps, ranges


def turning(count, fps, turns):
    """Somebody turning on the spot: (T, 33, 2) in heights and (T, 33, 3)."""
    base = figure(1.0, (0.0, 0.0))
    angle = 2 * np.pi * turns * np.arange(count) / count
    x = base[None, :, 0] * np.cos(angle)[:, None]
    z = base[None, :, 0] * np.sin(angle)[:, None]
    y = np.broadcast_to(base[:, 1], x.shape)
    return np.stack([x, y], axis=-1), np.stack([x, y, z], axis=-1) * 1.7, np.arange(count) / fps


@pytest.mark.parametrize("frames", [[20], range(20, 27), [3, 4, 40, 60, 61]])
@pytest.mark.parametrize("part", ["all", "arms", "legs"])
def test_swaps_of_a_few_frames_are_found(frames, part):
    track = dance()
    group = {"all": slice(None), "arms": ARMS, "legs": LEGS}[part]
    image, world = (mirrored(values, frames, group) for values in (track.image, track.world))
    swapped = find_swaps(image / 400, world, np.arange(75) / 25)
    expected = np.zeros((75, 2), bool)
    expected[list(frames)] = [part != "legs", part != "arms"]
    np.testing.assert_array_equal(swapped, expected)


@pytest.mark.parametrize(("fps", "turns"), [(25, 1.0), (25, 0.5), (12, -1.0), (60, 3.0)])
def test_a_true_turn_is_kept(fps, turns):
    heights, world, seconds = turning(int(4 * fps), fps, turns)
    assert not find_swaps(heights, world, seconds).any()


def test_swaps_are_found_without_world_landmarks():
    track = dance()
    image = mirrored(track.image, range(30, 35))
    swapped = find_swaps(image / 400, np.full_like(track.world, np.nan), np.arange(75) / 25)
    assert ranges(swapped.all(axis=1)) == [(30, 34)]


def test_exchange_undoes_itself():
    track, frames = dance(count=10), np.arange(10) % 3 == 0
    both = exchange(exchange(track.image, frames, LEGS), frames, LEGS)
    np.testing.assert_array_equal(both, track.image)
    assert (MIRROR[MIRROR] == np.arange(33)).all()


@pytest.mark.parametrize("length", [1, 2])
def test_spikes_come_back_and_fast_motion_does_not(length):
    seconds = np.arange(75) / 25
    heights = np.array(dance().image / 400)
    assert not find_spikes(heights, seconds).any()
    heights[30 : 30 + length, 15] += [0.4, -0.3]
    spikes = find_spikes(heights, seconds)
    assert spikes[30 : 30 + length, 15].all()
    assert spikes.sum() == length


def test_far_frames_are_no_evidence_of_a_spike():
    heights = np.array(dance(count=20).image / 400)
    heights[10, 15] += 0.4
    assert not find_spikes(heights, np.arange(20) / 5).any()


def test_gaps_are_filled_in_real_time():
    seconds = np.array([0.0, 0.1, 0.3, 0.4, 2.0, 2.1, 2.2])
    known = np.array([True, False, False, True, False, True, False])
    filled = fill_gaps(seconds * 10, seconds, known, 0.5)
    np.testing.assert_allclose(filled[:4], [0, 1, 3, 4])
    assert np.isnan(filled[[4, 6]]).all()
    assert filled[5] == pytest.approx(21)


@given(st.lists(st.booleans(), max_size=30))
def test_ranges_say_the_same_as_the_flags(flags):
    spans = ranges(np.array(flags, bool))
    assert [i for first, last in spans for i in range(first, last + 1)] == list(np.flatnonzero(flags))
    assert all(a[1] + 1 < b[0] for a, b in pairwise(spans))
