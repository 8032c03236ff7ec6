from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.subject.sticks import background
from vidgan.subject.plate import change_across, clean_plate, masked_median


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), count=st.integers(1, 7), height=st.integers(1, 70), width=st.integers(1, 6))
def test_the_median_is_that_of_the_visible_values(seed, count, height, width):
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (count, height, width, 3)).astype(np.uint8)
    hidden = rng.random((count, height, width)) < 0.4
    median, seen = masked_median(frames, hidden)
    np.testing.assert_array_equal(seen, ~hidden.all(0))
    for y, x in np.ndindex(height, width):
        visible = np.sort(frames[~hidden[:, y, x], y, x], axis=0)
        if not len(visible):
            assert (median[y, x] == 0).all()
        elif len(visible) % 2:
            np.testing.assert_array_equal(median[y, x], np.median(visible, axis=0))
        else:
            np.testing.assert_array_equal(median[y, x], visible[len(visible) // 2 - 1])


def square_crossing(behind, count=15, side=20):
    """A grey square moves across; its mask comes at half the size."""
    height, width = behind.shape[:2]
    frames, masks = np.repeat(behind[None], count, 0), np.zeros((count, height // 2, width // 2), np.uint8)
    for index, left in enumerate(np.linspace(0, width - side, count).astype(int)):
        frames[index, 40 : 40 + side, left : left + side] = 128
        masks[index, 20 : 20 + side // 2, left // 2 : (left + side) // 2] = 255
    return frames, masks


def nothing_outside(frames):
    return np.zeros(frames.shape[:3], bool)


def test_the_background_behind_somebody_who_moves_is_recovered():
    behind = background(160, 96)
    frames, masks = square_crossing(behind)
    plate = clean_plate(frames, masks, nothing_outside(frames))
    assert plate.seen.all()
    np.testing.assert_array_equal(plate.rgb, behind)


def test_noise_is_averaged_away():
    behind = background(160, 96)
    frames, masks = square_crossing(behind)
    noisy = np.clip(frames + np.random.default_rng(0).normal(0, 8, frames.shape), 0, 255).astype(np.uint8)
    plate = clean_plate(noisy, masks, nothing_outside(frames))
    assert np.abs(plate.rgb.astype(float) - behind).mean() < 0.5 * np.abs(noisy[0].astype(float) - behind).mean()


def test_where_the_background_is_never_seen_it_is_filled_and_said():
    behind = np.full((96, 160, 3), (40, 90, 160), np.uint8)
    frames, masks = np.repeat(behind[None], 5, 0), np.zeros((5, 96, 160), np.uint8)
    frames[:, 30:60, 50:80], masks[:, 30:60, 50:80] = 255, 255
    plate = clean_plate(frames, masks, nothing_outside(frames))
    assert not plate.seen[30:60, 50:80].any()
    assert plate.seen[:20].all()
    assert np.abs(plate.rgb.astype(int) - behind).max() <= 3


def test_what_a_moved_camera_does_not_show_is_not_taken():
    behind = background(160, 96)
    frames = np.repeat(behind[None], 5, 0)
    outside = nothing_outside(frames)
    frames[:3, :, :30], outside[:3, :, :30] = 0, True
    plate = clean_plate(frames, np.zeros((5, 48, 80), np.uint8), outside)
    np.testing.assert_array_equal(plate.rgb, behind)


def test_what_few_frames_show_in_another_light_meets_the_rest_without_a_seam():
    behind = background(160, 96) // 2 + 40
    frames, masks = np.repeat(behind[None], 12, 0), np.zeros((12, 48, 80), np.uint8)
    frames[:, 40:60, 50:90], masks[:10, 20:30, 25:45] = 128, 255
    frames[10:] = behind + 25
    plate = clean_plate(frames, masks, nothing_outside(frames))
    assert plate.seen.all()
    np.testing.assert_array_equal(plate.rgb[:30], behind[:30])
    wrong = np.abs(plate.rgb.astype(int) - behind)[:, 5:-5]
    assert wrong.mean() < 1
    assert wrong.max() < 6


def test_noise_does_not_darken_what_few_frames_show_down_to_the_border():
    rng = np.random.default_rng(0)
    frames = np.clip(120 + rng.normal(0, 3, (12, 96, 160, 3)), 0, 255).round().astype(np.uint8)
    masks = np.zeros((12, 48, 80), np.uint8)
    masks[:10, 12:, 25:45] = 255
    plate = clean_plate(frames, masks, nothing_outside(frames)).rgb.astype(float)
    assert plate[24:, 50:90].mean() == pytest.approx(120, abs=1.5)
    assert plate[-10:, 50:90].mean() == pytest.approx(120, abs=3)


def test_a_way_to_fill_is_a_choice():
    frames, masks = np.full((5, 96, 160, 3), 90, np.uint8), np.zeros((5, 48, 80), np.uint8)
    masks[:, 15:30, 25:40] = 255
    plate = clean_plate(frames, masks, nothing_outside(frames), lambda rgb, seen: np.where(seen[..., None], rgb, 200))
    assert plate.rgb[45, 65, 0] == 90  # a plain filling meets the rest in its level


@pytest.mark.parametrize("count", [3, 4])
def test_the_change_from_pixel_to_pixel_is_that_of_frames_that_show_both(count):
    rng = np.random.default_rng(count)
    frames = rng.integers(0, 256, (count, 3, 5, 3)).astype(np.uint8)
    hidden = rng.random((count, 3, 5)) < 0.4
    change, both = change_across(frames, hidden)
    for y, x in np.ndindex(3, 4):
        shows = ~(hidden[:, y, x] | hidden[:, y, x + 1])
        assert both[y, x] == shows.any()
        if shows.any():
            some = np.sort(frames[shows, y, x + 1].astype(int) - frames[shows, y, x], axis=0)
            np.testing.assert_array_equal(change[y, x], np.median(some, axis=0))
