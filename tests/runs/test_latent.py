from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from vidgan.errors import UsageError
from vidgan.runs.folder import open_run
from vidgan.runs.latent import Options, arithmetic, interpolate, mix, slerp


@pytest.fixture(scope="module")
def run(trained):
    return open_run(trained)


def test_a_walk_goes_from_one_sequence_to_the_other(run):
    made = interpolate(run, 3, 5, 4)
    assert made.clips.shape == (4, 4, 32, 32, 3)
    assert np.array_equal(made.clips[0], run.sample([3])[0])
    assert np.abs(made.clips[-1].astype(int) - run.sample([5])[0]).max() <= 1
    assert made.names == ("step000", "step001", "step002", "step003")
    with pytest.raises(UsageError, match="two ends"):
        interpolate(run, 3, 5, 1)


def test_a_walk_of_one_part_keeps_the_other(run):
    theme, motion = (interpolate(run, 3, 5, 3, part) for part in ("theme", "motion"))
    assert np.abs(theme.clips[-1].astype(int) - run.pair([5], [3])[0]).max() <= 1
    assert np.abs(motion.clips[-1].astype(int) - run.pair([3], [5])[0]).max() <= 1


def test_mixing_has_a_row_for_each_theme(run):
    made = mix(run, [1, 2], [2, 4, 6])
    assert made.columns == 3
    assert len(made.clips) == 6
    assert np.array_equal(made.clips[4], run.pair([2], [4])[0])
    assert made.names[4] == "theme00002-motion00004"


def test_arithmetic_shows_its_terms_and_what_comes_of_them(run):
    made = arithmetic(run, 2, 4, 4)
    assert np.array_equal(made.clips[:3], run.sample([2, 4, 4]))
    scale = math.sqrt(8) / run.sequences.latents([2]).theme.norm()
    assert made.clips.shape[0] == 4
    whole = run.sequences.latents([2])
    expected = replace(whole, theme=whole.theme * scale, motion=whole.motion * math.sqrt(8) / whole.motion.norm())
    drawn = run.sequences.draw(expected, run.sequences.motion(expected))
    assert np.abs(made.clips[3].astype(int) - drawn[0]).max() <= 1


def test_a_class_can_be_asked_for(run):
    made = interpolate(run, 0, 2, 2, options=Options(label=1))
    assert np.array_equal(made.clips[0], run.sample([0], label=1)[0])


def test_longer_walks(run):
    assert interpolate(run, 0, 1, 2, options=Options(frames=9)).clips.shape[1] == 9


@given(st.floats(0, 1), st.integers(0, 1000))
def test_the_great_circle_keeps_length_and_plane(share, seed):
    rng = torch.Generator().manual_seed(seed)
    a, b = (torch.nn.functional.normalize(torch.randn(1, 5, generator=rng, dtype=torch.float64)) for _ in range(2))
    between = slerp(a, b, share)
    assert float(between.norm()) == pytest.approx(1, abs=1e-6)
    angle = math.acos(max(-1.0, min(1.0, float((a * b).sum()))))
    assert math.acos(max(-1.0, min(1.0, float((a * between).sum())))) == pytest.approx(share * angle, abs=1e-4)


def test_parallel_latents_are_walked_straight():
    a = torch.tensor([[1.0, 2.0]])
    assert torch.allclose(slerp(a, 3 * a, 0.5), 2 * a)
