from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from tests.pose.skeletons import dance, mirrored
from vidgan.pose.finish import FinishConfig, RawPoses, describe_missing, finish
from vidgan.pose.repair import LEGS


def raw_dance(count=100, lost=(), **changes):
    track = dance(count=count, **changes)
    values = [np.array(v) for v in (track.image, track.world, track.visibility)]
    for value in values:
        value[list(lost)] = np.nan
    return RawPoses(*values, track.pts), track


def finished(raw, **config):
    return finish(raw, Fraction(1, 25), 640, 480, "test", FinishConfig(**config))


def test_short_gaps_are_filled_and_long_ones_stay():
    raw, truth = raw_dance(lost=[*range(10, 15), *range(40, 60), 99])
    track = finished(raw, max_gap=0.5)
    assert track.facts["filled"] == [(10, 14)]
    assert track.facts["missing"] == [(40, 59), (99, 99)]
    assert track.facts["found"] == 74
    assert np.isnan(track.image[40:60]).all()
    assert not np.isnan(track.image[track.present]).any()
    assert np.abs(track.image[10:15] - truth.image[10:15]).mean() < 6


def test_swaps_and_spikes_are_counted_and_gone():
    raw, truth = raw_dance()
    image, world = (mirrored(v, range(20, 24), LEGS) for v in (raw.image, raw.world))
    image[70, 15] += [200, -150]
    track = finished(RawPoses(image, world, raw.visibility, raw.pts))
    assert track.facts["swaps_repaired"] == 4
    assert track.facts["spikes_repaired"] == 1
    assert np.abs(track.image - truth.image).max() < 12


def test_smoothing_off_and_nothing_to_repair_changes_nothing():
    raw, truth = raw_dance()
    track = finished(raw, smoothing={"off": True})
    np.testing.assert_allclose(track.image, truth.image, atol=1e-4)


def test_landmarks_that_are_missing_by_themselves_come_from_other_frames_unseen():
    raw, _ = raw_dance(step=0.0)
    raw.image[30:40, 15], raw.world[30:40, 15] = np.nan, np.nan
    raw.image[:, 0], raw.world[:, 0] = np.nan, np.nan
    track = finished(raw)
    assert track.present.all()
    assert not np.isnan(track.image).any()
    assert track.visibility[35, 15] < 0.1
    assert (track.visibility[:, 0] == 0).all()


def test_missing_frames_are_told_with_their_times():
    track = finished(raw_dance(lost=[*range(25, 50), 99])[0])
    assert describe_missing(track) == "no person in 26 of 100 frames: 1.00-1.96 s, 3.96-3.96 s"
    assert describe_missing(finished(raw_dance()[0])) is None


@pytest.mark.parametrize("count", [1, 2, 3])
def test_very_short_clips(count):
    raw, truth = raw_dance(count=count)
    np.testing.assert_allclose(finished(raw).image, truth.image, atol=3)


def test_nobody_at_all_is_no_error_here():
    raw, _ = raw_dance(count=5, lost=range(5))
    track = finished(raw)
    assert not track.present.any()
    assert track.facts["missing"] == [(0, 4)]
