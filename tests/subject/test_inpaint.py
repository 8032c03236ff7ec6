from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.subject.sticks import background
from vidgan.subject.inpaint import inpaint, push_pull, smooth


@pytest.mark.parametrize("shape", [(64, 64), (33, 47), (5, 90)])
def test_push_pull_keeps_what_is_known_and_fills_the_rest_from_it(shape):
    rng = np.random.default_rng(2)
    rgb = rng.integers(60, 200, (*shape, 3)).astype(np.uint8)
    known = rng.random(shape) < 0.1
    known[0, 0] = True
    filled = push_pull(rgb, known)
    np.testing.assert_array_equal(filled[known], rgb[known])
    assert filled.dtype == np.uint8
    assert filled.min() >= rgb[known].min() - 1
    assert filled.max() <= rgb[known].max() + 1


@pytest.mark.parametrize("shape", [(64, 64), (20, 150), (150, 20), (2, 64)])
def test_push_pull_reaches_everywhere_from_one_corner(shape):
    known = np.zeros(shape, bool)
    known[:2, :2] = True
    filled = push_pull(np.full((*shape, 3), 90, np.uint8), known)
    assert np.abs(filled.astype(int) - 90).max() <= 1


def test_inpainting_keeps_what_is_seen():
    rgb = background(96, 80)
    seen = np.ones((80, 96), bool)
    seen[20:50, 30:60] = False
    filled = inpaint(rgb, seen)
    np.testing.assert_array_equal(filled[seen], rgb[seen])
    assert inpaint(rgb, np.ones_like(seen)) is rgb


def test_inpainting_continues_a_gradient():
    ramp = np.repeat(np.linspace(20, 220, 96)[None, :, None], 80, 0).repeat(3, 2).astype(np.uint8)
    seen = np.ones((80, 96), bool)
    seen[25:45, 40:60] = False
    assert np.abs(inpaint(ramp, seen).astype(int) - ramp)[25:45, 40:60].mean() < 15


def test_a_background_never_seen_is_grey_not_black():
    assert (inpaint(np.zeros((32, 32, 3), np.uint8), np.zeros((32, 32), bool)) == 128).all()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), height=st.integers(1, 24), width=st.integers(1, 24), share=st.floats(0, 1))
def test_inpainting_takes_any_picture_and_any_holes(seed, height, width, share):
    rng = np.random.default_rng(seed)
    rgb = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
    seen = rng.random((height, width)) < share
    filled = inpaint(rgb, seen)
    np.testing.assert_array_equal(filled[seen], rgb[seen])


def woven(height, width, size=3.0):
    """A picture of soft spots under a light that falls off to one side."""
    rng = np.random.default_rng(0)
    spots = cv2.GaussianBlur(rng.normal(0, 1, (height, width)), (0, 0), size)
    light = np.linspace(60, 160, width)
    return np.clip(light + 25 * spots / spots.std(), 0, 255)[..., None].repeat(3, 2).astype(np.uint8)


def with_hole(height, width):
    seen = np.ones((height, width), bool)
    seen[50:110, 60:130] = False
    return seen


def test_inpainting_goes_on_with_the_texture_and_the_light_of_what_is_about():
    picture, seen = woven(160, 200), with_hole(160, 200)
    filled = inpaint(np.where(seen[..., None], picture, 0).astype(np.uint8), seen).astype(float)
    hole = np.s_[60:100, 70:120]
    smooth, true = push_pull(picture, seen).astype(float)[hole], picture.astype(float)[hole]
    fine = [np.std(one - cv2.GaussianBlur(one, (0, 0), 6)) for one in (filled[hole], smooth, true)]
    assert 0.5 * fine[2] < fine[0] < 1.4 * fine[2]
    assert fine[1] < 0.3 * fine[2]
    assert np.abs(cv2.GaussianBlur(filled[hole] - true, (0, 0), 12)).mean() < 18


def test_inpainting_has_no_seam_along_the_rim():
    picture, seen = woven(160, 200), with_hole(160, 200)
    filled = inpaint(np.where(seen[..., None], picture, 0).astype(np.uint8), seen).astype(float)
    usual = np.abs(np.diff(picture.astype(float), axis=1)).mean()
    for rim in (60, 130):
        assert np.abs(filled[50:110, rim] - filled[50:110, rim - 1]).mean() < 1.5 * usual


def test_specks_are_filled_from_about_them_and_far_texture_is_not_touched():
    picture, seen = woven(160, 200), with_hole(160, 200)
    seen[5, 5] = False
    filled = inpaint(np.where(seen[..., None], picture, 0).astype(np.uint8), seen)
    assert np.abs(filled[5, 5].astype(int) - picture[5, 5]).max() < 12
    np.testing.assert_array_equal(filled[seen], picture[seen])


def test_a_smooth_filling_is_alike_for_pictures_that_are_alike():
    picture, seen = woven(160, 200), with_hole(160, 200)
    noisy = np.clip(picture + np.random.default_rng(1).normal(0, 2, picture.shape), 0, 255).astype(np.uint8)
    apart = np.abs(smooth(picture, seen).astype(int) - smooth(noisy, seen))[~seen]
    assert apart.mean() < 2
    assert (smooth(picture, np.zeros_like(seen)) == 128).all()


def test_inpainting_is_the_same_each_time():
    picture, seen = woven(90, 120), np.ones((90, 120), bool)
    seen[30:60, 40:80] = False
    np.testing.assert_array_equal(inpaint(picture, seen), inpaint(picture, seen))


def test_a_picture_that_is_hardly_known_is_filled_smoothly():
    rgb, seen = np.full((64, 64, 3), 90, np.uint8), np.zeros((64, 64), bool)
    seen[:2, :10] = True
    assert np.abs(inpaint(rgb * seen[..., None].astype(np.uint8), seen).astype(int) - 90).max() <= 1
