from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgan.errors import ConfigError
from vidgan.nets.temporal import TemporalGenerator, resample_motion


def test_parameters_are_those_of_the_paper():
    """0.825 M: weights, gain and shift of the norms, and one bias, that of the last layer."""
    counted = sum(value.numel() for value in TemporalGenerator().parameters())
    assert counted == 825_444
    by_hand = 100 * 512 + 512 * 256 * 4 + 256 * 128 * 4 + 128 * 128 * 4 + 128 * 100 * 4 + 100
    assert counted == by_hand + 2 * (512 + 256 + 128 + 128)


@pytest.mark.parametrize("frames", [2, 8, 16, 32])
@pytest.mark.parametrize("norm", ["batch", "group"])
def test_makes_a_latent_for_each_frame(frames, norm):
    motion = TemporalGenerator(10, frames, 7, (32, 16), norm)(torch.randn(3, 10))
    assert motion.shape == (3, frames, 7)
    assert motion.abs().max() <= 1


@pytest.mark.parametrize("frames", [0, 1, 12, 512])
def test_refuses_frames_that_are_no_power_of_two(frames):
    with pytest.raises(ConfigError, match=f"frames should be a power of two from 2 to 256, such as 16, not {frames}"):
        TemporalGenerator(frames=frames)


def test_with_group_norm_a_clip_does_not_depend_on_its_batch():
    generator = TemporalGenerator(10, 8, 5, (32, 16), "group")
    latents = torch.randn(4, 10)
    torch.testing.assert_close(generator(latents)[1:2], generator(latents[1:2]))


def test_every_weight_learns():
    generator = TemporalGenerator(10, 16, 5, (32, 16))
    generator(torch.randn(4, 10)).square().sum().backward()
    for name, value in generator.named_parameters():
        assert value.grad.abs().max() > 0, name


def test_resampling_keeps_the_frames_it_falls_on():
    motion = torch.randn(2, 9, 4)
    assert torch.equal(resample_motion(motion, 9), motion)
    torch.testing.assert_close(resample_motion(motion, 17)[:, ::2], motion, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(resample_motion(motion, 5), motion[:, ::2], atol=1e-5, rtol=1e-5)


def test_resampling_by_hand():
    """Between frames 3 and 4 of 8: Lanczos weights at distances 0.5, 1.5, 2.5 on both sides."""
    motion = torch.randn(1, 8, 1)
    weights = torch.tensor([math.sin(math.pi * d) / (math.pi * d) * math.sin(math.pi * d / 3) / (math.pi * d / 3)
                            for d in (2.5, 1.5, 0.5, 0.5, 1.5, 2.5)])  # fmt: skip
    expected = (motion[0, 1:7, 0] * weights).sum() / weights.sum()
    torch.testing.assert_close(resample_motion(motion, 15)[0, 7, 0], expected)


def test_resampling_follows_a_slow_wave():
    def wave(times):
        return torch.sin(2 * math.pi * times / 12)[None, :, None]

    between = resample_motion(wave(torch.arange(33.0)), 65)[:, 8:-8]
    assert (between - wave(torch.arange(65.0) / 2)[:, 8:-8]).abs().max() < 0.02


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 40), st.integers(2, 100), st.floats(-1, 1))
def test_resampling_keeps_stillness(frames, wanted, value):
    out = resample_motion(torch.full((1, frames, 1), value), wanted)
    assert out.shape == (1, wanted, 1)
    torch.testing.assert_close(out, torch.full_like(out, value))
