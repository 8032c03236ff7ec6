from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.subject.sticks import HEIGHT, TALL, WIDTH, stick_track
from vidgan.subject.window import crop, frames_per_second, gaussian, statures, to_window, windows


def dot(place, width=160, height=120):
    """A soft dot at (x, y) pixels, centres at +0.5."""
    y, x = np.mgrid[0:height, 0:width] + 0.5
    return (250 * np.exp(-((x - place[0]) ** 2 + (y - place[1]) ** 2) / (2 * 2.5**2))).astype(np.uint8)


def centroid(picture):
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]] + 0.5
    weight = picture.astype(float)
    return np.array([(x * weight).sum(), (y * weight).sum()]) / weight.sum()


@pytest.mark.parametrize("size", [24, 64, 97, 256])
@pytest.mark.parametrize("window", [(20.0, 10.0, 100.0), (35.3, 22.8, 61.7), (-30.0, -20.0, 180.0)])
def test_a_landmark_lands_where_the_window_says(window, size):
    place = np.float32([[[70.0, 55.0]]])
    wanted = to_window(place, np.float32([window]))[0, 0] * size
    found = centroid(crop(dot(place[0, 0]), np.float32(window), size))
    assert np.abs(found - wanted).max() < 0.5


@settings(max_examples=30, deadline=None)
@given(st.floats(-40, 40), st.floats(-40, 20), st.floats(110, 260), st.integers(16, 128))
def test_it_lands_there_for_any_window(left, top, side, size):
    window = np.float32([left, top, side])
    wanted = to_window(np.float32([[[65, 62]]]), window[None])[0, 0] * size
    found = centroid(crop(dot((65, 62)), window, size))
    assert np.abs(found - wanted).max() < 0.5


def test_beyond_the_picture_its_edge_goes_on_when_asked():
    picture = np.random.default_rng(0).integers(1, 255, (40, 50, 3), dtype=np.uint8)
    left_out = np.float32([-8, 4, 32])
    assert not crop(picture, left_out, 32)[:, :7].any()
    whole = crop(picture, left_out, 32, border=None)
    assert np.array_equal(whole[:, :8], np.repeat(picture[4:36, :1], 8, 1))
    assert np.array_equal(whole[:, 8:], picture[4:36, :24])


def test_a_homography_brings_the_picture_to_the_plate_first():
    shift = np.array([[1.0, 0, 12], [0, 1, -7], [0, 0, 1]])
    window = np.float32([10, 10, 90])
    wanted = crop(dot((62, 43)), window, 64)
    found = crop(dot((50, 50)), window, 64, shift)
    assert np.abs(wanted.astype(int) - found).max() <= 8


def bilinear(picture, x, y):
    x, y = x - 0.5, y - 0.5
    x0, y0 = int(np.floor(x)), int(np.floor(y))
    fx, fy = x - x0, y - y0
    rows = picture[y0 : y0 + 2, x0 : x0 + 2].astype(float)
    weights = np.outer([1 - fy, fy], [1 - fx, fx])
    return (rows * weights.reshape(2, 2, *[1] * (rows.ndim - 2))).sum((0, 1))


@pytest.mark.parametrize("window", [(12.0, 8.0, 64.0), (20.25, 9.5, 48.0), (31.7, 12.2, 77.7)])
def test_a_crop_is_bilinear(window):
    y, x = np.mgrid[0:100, 0:140]
    waves = [np.sin(x * a + y * b) for a, b in ((0.11, 0.03), (0.02, 0.14), (0.07, 0.09))]
    picture = (np.stack(waves, -1) * 100 + 128).astype(np.uint8)
    size, (left, top, side) = 64, window
    found = crop(picture, np.float32(window), size)
    for row, column in ((0, 0), (3, 60), (31, 17), (63, 63)):
        wanted = bilinear(picture, left + (column + 0.5) * side / size, top + (row + 0.5) * side / size)
        np.testing.assert_allclose(found[row, column], wanted, atol=2)


def test_a_strong_reduction_averages_instead_of_skipping():
    stripes = np.zeros((256, 256), np.uint8)
    stripes[:, ::2] = 255
    assert np.abs(crop(stripes, np.float32([0, 0, 256]), 32)[2:-2, 2:-2].astype(int) - 127).max() <= 3


def test_outside_the_picture_is_the_border():
    picture = np.full((40, 40, 3), 200, np.uint8)
    found = crop(picture, np.float32([-40, 0, 80]), 80, border=7)
    assert (found[5:35, 5:35] == 7).all()
    assert (found[5:35, 45:75] == 200).all()


@given(st.floats(-1e3, 1e3), st.integers(1, 40), st.just(0.0) | st.floats(0.05, 10))
def test_smoothing_keeps_constants(value, count, sigma):
    np.testing.assert_allclose(gaussian(np.full((count, 2), value, np.float32), sigma), value, rtol=1e-5, atol=1e-4)


def test_smoothing_delays_nothing_and_takes_noise_away():
    values = np.zeros(41, np.float32)
    values[20] = 1
    smooth = gaussian(values, 2.0)
    np.testing.assert_allclose(smooth, smooth[::-1], atol=1e-7)
    assert smooth.argmax() == 20
    assert smooth.sum() == pytest.approx(1, abs=1e-5)
    assert smooth[20] == pytest.approx(1 / (2.0 * np.sqrt(2 * np.pi)), rel=0.01)
    np.testing.assert_array_equal(gaussian(values, 0), values)


def test_windows_are_square_and_hold_the_whole_person():
    track = stick_track()
    inside = to_window(track.image, windows(track))
    assert inside.min() > 0
    assert inside.max() < 1
    middle = (inside.min(1) + inside.max(1)) / 2
    assert np.abs(middle - 0.5).max() < 0.1


def test_a_larger_person_has_a_larger_window():
    small, large = (windows(stick_track(size=(400, 400), tall=tall))[:, 2].mean() for tall in (80, 160))
    assert large == pytest.approx(2 * small, rel=1e-3)


def test_the_side_can_be_given():
    track = stick_track()
    given_side = windows(track, side=50.0)
    np.testing.assert_array_equal(given_side[:, 2], 50)
    own = windows(track)
    np.testing.assert_allclose(
        given_side[:, :2] + given_side[:, 2:] / 2, own[:, :2] + own[:, 2:] / 2, rtol=1e-5, atol=1e-4
    )


def test_frames_without_a_person_hold_their_neighbours_place():
    track, gap = stick_track(), range(10, 16)
    here, there = windows(track), windows(stick_track(absent=gap))
    assert np.isfinite(there).all()
    assert np.abs(there - here).max() < 0.1 * TALL


def test_the_stature_is_the_standing_height_and_survives_a_crouch():
    track = stick_track()
    np.testing.assert_allclose(statures(track), TALL, rtol=0.03)
    track.image[12:15] = track.image[12:15] * 0.5 + np.float32([WIDTH, HEIGHT]) / 4
    np.testing.assert_allclose(statures(track), TALL, rtol=0.06)


def test_the_frame_rate_comes_from_the_timestamps():
    assert frames_per_second(stick_track(fps=30)) == pytest.approx(30)
    assert frames_per_second(stick_track(count=5, fps=100, pts=[0, 10, 15, 40, 50])) == pytest.approx(8)
    assert frames_per_second(stick_track(count=1)) > 0
