from __future__ import annotations

import math

import pytest
import torch

from tests.nets.test_video import made, themes
from vidgan.nets.grain import Grain


def grainy(strength, size=32):
    """White grain of a standard deviation, the same for all colours."""
    grain = Grain(size)
    for colour in range(3):
        grain.filter[colour, colour, 2, 2] = strength
    return grain


def test_starts_with_none():
    still = torch.zeros(2, 3, 8, 32, 32)
    assert torch.equal(Grain(32)(still, themes()), still)


def test_a_still_clip_changes_as_much_as_noise_of_the_strength_says():
    """The mean distance of two normal numbers of deviation σ is 2 σ / √π."""
    clips = grainy(0.1)(torch.zeros(4, 3, 8, 32, 32), themes(4))
    assert clips.std().item() == pytest.approx(0.1, rel=0.02)
    assert clips.diff(dim=2).abs().mean().item() == pytest.approx(0.2 / math.sqrt(math.pi), rel=0.03)


def test_the_same_theme_has_the_same_grain_and_another_one_another():
    still, grain = torch.zeros(2, 3, 8, 32, 32), grainy(0.1)
    assert torch.equal(grain(still, themes()), grain(still, themes()))
    first, second = grain(still, torch.tensor([[1.0], [2.0]]))
    assert not torch.equal(first, second)


def test_the_filter_spreads_grain_over_pixels():
    grain = Grain(32)
    grain.filter[:, 0] = 0.02  # all colours alike, over 5x5 pixels
    clip = grain(torch.zeros(1, 3, 4, 32, 32), themes(1))[0]
    assert torch.equal(clip[0], clip[1])
    assert clip.std().item() == pytest.approx(0.1, rel=0.1)  # 0.02 √25
    beside = (clip[..., 1:] * clip[..., :-1]).mean() / clip.square().mean()
    assert beside.item() == pytest.approx(0.8, abs=0.05)  # windows that share 20 of 25 pixels


def test_pictures_stay_in_range():
    clips = grainy(0.5)(torch.ones(1, 3, 4, 32, 32), themes(1))
    assert clips.max() == 1


@pytest.mark.parametrize("still", [False, True])
def test_what_is_trained_has_no_grain_and_what_is_made_has(still):
    generator = made(grain=True, still=still)
    with torch.no_grad():
        generator.grain.filter[:] = grainy(0.1).filter
        training = generator.train().images(themes(), torch.zeros(2, 8, 12))
        making = generator.eval().images(themes(), torch.zeros(2, 8, 12))
    assert training.diff(dim=2).abs().max() == 0
    assert making.diff(dim=2).abs().mean() > 0.05
