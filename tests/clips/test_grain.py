from __future__ import annotations

import numpy as np
import pytest
import torch

from vidgan.clips.grain import grain_filter
from vidgan.clips.model import ClipSet
from vidgan.nets.grain import Grain


def moving_square(frames=48, size=64):
    """A square that crosses a grey room; three quarters of the room never change."""
    clip = np.full((frames, size, size, 3), 110.0)
    for number in range(frames):
        clip[number, 8:20, number : number + 12] = 220
    return clip


def clips(noise):
    """Three clips of a moving square, each with a noise of its own, (48, 64, 64, 3) in grey levels."""
    made = (moving_square() + noise(np.random.default_rng(seed)) for seed in range(3))
    return ClipSet.of([np.clip(clip.round(), 0, 255).astype(np.uint8) for clip in made])


def white(deviation):
    return lambda rng: rng.normal(0, deviation, (48, 64, 64, 3))


def laid_over(filter):
    """What the measured filter lays over a picture that stands still, in grey levels: (32 frames, 64, 64, 3)."""
    grain = Grain(64)
    grain.filter.copy_(torch.from_numpy(filter))
    made = grain(torch.zeros(1, 3, 32, 64, 64), torch.zeros(1, 4))
    return 127.5 * made[0].permute(1, 2, 3, 0).numpy()


def test_clips_without_noise_have_none():
    assert not grain_filter(clips(lambda rng: 0.0)).any()


def test_what_passes_everywhere_now_and_then_is_no_grain():
    rng = np.random.default_rng(0)
    made = np.zeros((3, 40, 64, 64, 3), np.uint8)
    for clip in made:
        for frame in clip:
            y, x = rng.integers(0, 48, 2)
            frame[y : y + 16, x : x + 16] = 255
    assert not grain_filter(ClipSet.of(list(made))).any()


@pytest.mark.parametrize("stride", [1, 3])
def test_the_strength_is_that_of_the_noise_and_not_of_what_moves(stride):
    made = laid_over(grain_filter(clips(white(4.0)), stride))
    assert made.std() == pytest.approx(4.0, rel=0.06)


def test_neighbours_share_what_they_shared():
    def coarse(rng):
        fine = rng.normal(0, 6, (48, 65, 65, 3))
        return (fine[:, 1:, 1:] + fine[:, :-1, 1:] + fine[:, 1:, :-1] + fine[:, :-1, :-1]) / 4

    made = laid_over(grain_filter(clips(coarse)))
    assert made.std() == pytest.approx(3.0, rel=0.08)
    for distance, share in ((1, 0.5), (2, 0.0)):
        found = (made[:, :, distance:] * made[:, :, :-distance]).mean() / made.var()
        assert found == pytest.approx(share, abs=0.08)


def test_colours_share_what_they_shared():
    def tinted(rng):
        grey = rng.normal(0, 4, (48, 64, 64, 1))
        return grey * [1, 1, 0] + rng.normal(0, 2, (48, 64, 64, 3)) * [0, 0, 1]

    red, green, blue = np.moveaxis(laid_over(grain_filter(clips(tinted))), -1, 0)
    assert np.corrcoef(red.ravel(), green.ravel())[0, 1] > 0.95
    assert abs(np.corrcoef(red.ravel(), blue.ravel())[0, 1]) < 0.1
    assert red.std() / blue.std() == pytest.approx(2, rel=0.1)


def test_a_clip_too_short_to_change_says_nothing():
    assert not grain_filter(ClipSet.of([np.zeros((2, 64, 64, 3), np.uint8)]), stride=3).any()
