from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from vidgan.train.augment import (
    AdaptiveStrength,
    AugmentConfig,
    apply_transforms,
    augment,
    instance_noise,
    noise_strength,
    transforms,
)

SIZE = 16
ALL = AugmentConfig()
COLOUR = AugmentConfig(translation=0, cutout=0)
SHIFT = AugmentConfig(colour=0, cutout=0)
CUTOUT = AugmentConfig(colour=0, translation=0)


def rng(seed=0):
    return torch.Generator().manual_seed(seed)


def moving_clips(count=4, frames=5, size=SIZE, dtype=torch.float32):
    return torch.rand(count, 3, frames, size, size, generator=rng(9)).to(dtype) * 1.8 - 0.9


def still_clips(count=4, frames=5):
    return moving_clips(count, 1).expand(-1, -1, frames, -1, -1).contiguous()


def draws(**places):
    """One clip's draws, all in the middle (no change of colour, no shift) but those named."""
    names = ["gate0", "gate1", "gate2", "brightness", "saturation", "contrast", "down", "right", "row", "column"]
    values = {name: 0.0 if name.startswith("gate") else 0.5 for name in names} | places
    return torch.tensor([[values[name] for name in names]])


# --- One transform a clip ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("config", [ALL, COLOUR, SHIFT, CUTOUT])
def test_a_still_clip_stays_still(config):
    clips = augment(still_clips(), 1.0, config, rng())
    assert torch.equal(clips, clips[:, :, :1].expand_as(clips))
    assert not torch.equal(clips, still_clips())


def test_every_frame_takes_the_clips_own_shift_and_hole():
    config = AugmentConfig(colour=0)
    clips, changed = moving_clips(), augment(moving_clips(), 1.0, config, rng())
    plan = transforms(torch.rand(4, 10, generator=rng()), 1.0, config, SIZE)
    for clip, result, (down, right), (top, bottom, left, end) in zip(
        clips, changed, plan.shift.tolist(), plan.hole.tolist(), strict=True
    ):
        for frame, found in zip(clip.unbind(1), result.unbind(1), strict=True):
            wanted = np.zeros((3, SIZE, SIZE), np.float32)
            for y in range(SIZE):
                for x in range(SIZE):
                    inside = 0 <= y - down < SIZE and 0 <= x - right < SIZE
                    if inside and not (top <= y < bottom and left <= x < end):
                        wanted[:, y, x] = frame[:, y - down, x - right]
            np.testing.assert_array_equal(found.numpy(), wanted)


def test_clips_of_a_batch_differ_in_what_is_done_to_them():
    clips = moving_clips(1).expand(6, -1, -1, -1, -1)
    changed = augment(clips, 1.0, ALL, rng())
    assert all(not torch.equal(changed[0], other) for other in changed[1:])


# --- Reference values -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["brightness", "saturation", "contrast"])
@pytest.mark.parametrize("value", [0.0, 0.25, 0.875])
def test_colour_is_that_of_the_paper(name, value):
    """Zhao et al. 2020: brightness U[-0.5, 0.5], saturation U[0, 2], contrast U[0.5, 1.5]; contrast of the clip."""
    clips = moving_clips(1, dtype=torch.float64)
    found = apply_transforms(clips, transforms(draws(**{name: value}).double(), 1.0, COLOUR, SIZE))
    x = clips.numpy()
    if name == "brightness":
        wanted = x + (value - 0.5)
    elif name == "saturation":
        wanted = (x - x.mean(1, keepdims=True)) * (2 * value) + x.mean(1, keepdims=True)
    else:
        wanted = (x - x.mean()) * (value + 0.5) + x.mean()
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


def test_half_the_colour_has_half_the_range():
    plan = transforms(
        draws(brightness=0.0, saturation=0.0, contrast=0.0), 1.0, COLOUR.model_copy(update={"colour": 0.5}), SIZE
    )
    assert [plan.brightness.item(), plan.saturation.item(), plan.contrast.item()] == [-0.25, 0.5, 0.75]


def test_a_shift_moves_down_and_right_and_fills_with_grey():
    clips = moving_clips(1)
    plan = transforms(draws(down=0.999, right=0.0), 1.0, SHIFT, SIZE)
    assert plan.shift.tolist() == [[2, -2]]  # an eighth of 16
    found = apply_transforms(clips, plan)
    assert torch.equal(found[..., 2:, :-2], clips[..., :-2, 2:])
    assert found[..., :2, :].abs().sum() == found[..., -2:].abs().sum() == 0


def test_the_hole_is_half_as_wide_as_the_frame_and_may_hang_over():
    inside = transforms(draws(), 1.0, CUTOUT, SIZE).hole
    assert inside.tolist() == [[4, 12, 4, 12]]
    corner = transforms(draws(row=0.0, column=0.999), 1.0, CUTOUT, SIZE).hole
    assert corner.tolist() == [[0, 4, 12, 16]]
    found = apply_transforms(moving_clips(1), transforms(draws(), 1.0, CUTOUT, SIZE))
    assert (found == 0).sum() == 3 * 5 * 8 * 8


@settings(deadline=None, max_examples=60)
@given(
    size=st.sampled_from([8, 32, 33, 64]), translation=st.floats(0, 1), cutout=st.floats(0, 1),
    seed=st.integers(0, 10_000),
)  # fmt: skip
def test_transforms_keep_within_their_ranges(size, translation, cutout, seed):
    config = AugmentConfig(translation=translation, cutout=cutout)
    plan = transforms(torch.rand(50, 10, generator=rng(seed)), 1.0, config, size)
    assert plan.shift.abs().max() <= round(translation * size)
    assert plan.hole.min() >= 0
    assert plan.hole.max() <= size
    assert (plan.hole[:, 1::2] - plan.hole[:, ::2] >= 0).all()
    assert (plan.hole[:, 1::2] - plan.hole[:, ::2] <= round(cutout * size)).all()


# --- Strength ---------------------------------------------------------------------------------------------------------


def test_strength_zero_is_the_identity():
    clips = moving_clips()
    assert augment(clips, 0.0, ALL, rng()) is clips


@pytest.mark.parametrize("config", [COLOUR, SHIFT, CUTOUT])
def test_clips_that_are_not_chosen_are_untouched_to_the_bit(config):
    clips = moving_clips(40, frames=2)
    changed = augment(clips, 0.5, config, rng())
    same = [torch.equal(a, b) for a, b in zip(clips, changed, strict=True)]
    assert 8 < sum(same) < 32


@pytest.mark.parametrize("strength", [0.2, 0.7])
def test_the_strength_is_the_probability_of_each_transform(strength):
    plan = transforms(torch.rand(5000, 10, generator=rng()), strength, ALL, 64)
    shares = [plan.coloured.float().mean(), (plan.hole[:, 1] > 0).float().mean()]
    assert shares == pytest.approx([strength, strength], abs=0.03)
    both = (plan.coloured & (plan.hole[:, 1] > 0)).float().mean()
    assert both == pytest.approx(strength**2, abs=0.03)  # each for itself


def test_a_transform_of_size_zero_is_off():
    clips = moving_clips()
    nothing = AugmentConfig(colour=0, translation=0, cutout=0)
    assert torch.equal(augment(clips, 1.0, nothing, rng()), clips)


# --- Randomness -------------------------------------------------------------------------------------------------------


def test_the_generator_decides():
    clips = moving_clips()
    first, again, other = (augment(clips, 0.8, ALL, rng(seed)) for seed in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_the_global_state_of_torch_is_left_alone():
    before = torch.get_rng_state()
    augment(moving_clips(), 0.8, ALL, rng())
    instance_noise(moving_clips(), 0.1, rng())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_number_of_draws_does_not_hang_on_the_strength():
    generators = [rng(), rng()]
    for generator, strength in zip(generators, (0.1, 1.0), strict=True):
        augment(moving_clips(), strength, ALL, generator)
    assert torch.equal(generators[0].get_state(), generators[1].get_state())


@pytest.mark.parametrize("change", [
    lambda clips, rank, world: augment(clips, 0.8, ALL, rng(), rank, world),
    lambda clips, rank, world: instance_noise(clips, 0.3, rng(), rank, world),
])  # fmt: skip
def test_two_processes_do_what_one_would(change):
    clips = moving_clips()
    halves = [change(clips[2 * rank : 2 * rank + 2], rank, 2) for rank in range(2)]
    assert torch.equal(torch.cat(halves), change(clips, 0, 1))


# --- Gradients --------------------------------------------------------------------------------------------------------


def test_gradients_are_those_of_finite_differences():
    clips = moving_clips(2, frames=2, size=8, dtype=torch.float64).requires_grad_()
    plan = transforms(torch.rand(2, 10, generator=rng(4)), 1.0, ALL, 8)
    assert torch.autograd.gradcheck(lambda x: apply_transforms(x, plan), clips)


def test_gradients_reach_every_pixel_that_is_still_seen():
    clips = moving_clips().requires_grad_()
    plan = transforms(torch.rand(4, 10, generator=rng()), 1.0, CUTOUT, SIZE)
    apply_transforms(clips, plan).sum().backward()
    hole = (apply_transforms(torch.ones_like(clips), plan) == 0).detach()
    assert (clips.grad[hole] == 0).all()
    assert (clips.grad[~hole] == 1).all()


def test_a_penalty_may_be_taken_through_it():
    clips = moving_clips(2).requires_grad_()
    seen = augment(clips, 1.0, ALL, rng())
    (slope,) = torch.autograd.grad(seen.pow(3).sum(), clips, create_graph=True)
    slope.square().sum().backward()
    assert clips.grad.abs().sum() > 0


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
def test_the_type_of_the_clips_is_kept(dtype):
    assert augment(moving_clips(dtype=dtype), 1.0, ALL, rng()).dtype == dtype
    assert instance_noise(moving_clips(dtype=dtype), 0.2, rng()).dtype == dtype


# --- Adaptive strength ------------------------------------------------------------------------------------------------

ADAPTIVE = AugmentConfig(adaptive=True, ramp=1000, interval=4)


def test_the_strength_rises_to_one_in_a_ramp_of_clips_and_no_faster():
    control = AdaptiveStrength(ADAPTIVE.model_copy(update={"maximum": 1.0}))
    strengths = []
    for _ in range(32):
        control.observe(0.9, 25)
        strengths.append(control.strength)
    assert strengths[:8] == pytest.approx([0, 0, 0, 0.1, 0.1, 0.1, 0.1, 0.2])
    assert strengths[-1] == pytest.approx(0.8)  # 800 of 1000 clips


def test_it_falls_below_the_target_and_stays_within_its_limits():
    control = AdaptiveStrength(ADAPTIVE)
    for _ in range(60):
        control.observe(1.0, 25)
    assert control.strength == 0.8
    for _ in range(4):
        control.observe(0.5, 25)
    assert control.strength == pytest.approx(0.7)
    for _ in range(60):
        control.observe(-1.0, 25)
    assert control.strength == 0


def test_the_mean_over_the_interval_is_compared_with_the_target():
    control = AdaptiveStrength(ADAPTIVE)
    for certainty in (1.0, 0.9, 0.5, 0.1):  # mean 0.625, above 0.6
        control.observe(certainty, 10)
    assert control.strength == pytest.approx(0.04)


def test_a_critic_at_the_target_changes_nothing():
    control = AdaptiveStrength(ADAPTIVE.model_copy(update={"strength": 0.3, "target": 0.5}))
    for _ in range(8):
        control.observe(0.5, 10)
    assert control.strength == 0.3


def test_a_fixed_strength_stays():
    control = AdaptiveStrength(AugmentConfig(strength=0.9))
    for _ in range(100):
        control.observe(1.0, 100)
    assert control.strength == 0.9


@pytest.mark.parametrize("stop", [1, 4, 6, 13])
def test_a_resumed_control_goes_on_exactly(stop, tmp_path):
    values = torch.rand(30, generator=rng()).tolist()
    whole, first, second = (AdaptiveStrength(ADAPTIVE) for _ in range(3))
    for value in values:
        whole.observe(value, 7)
    for value in values[:stop]:
        first.observe(value, 7)
    torch.save(first.state(), tmp_path / "state.pt")
    second.load_state(torch.load(tmp_path / "state.pt", weights_only=True))
    for value in values[stop:]:
        second.observe(value, 7)
    assert second.state() == whole.state()


# --- Instance noise ---------------------------------------------------------------------------------------------------


def test_noise_has_the_deviation_asked_for_and_is_new_in_every_value():
    clips = torch.zeros(8, 3, 8, 16, 16)
    noise = instance_noise(clips, 0.2, rng())
    assert noise.std().item() == pytest.approx(0.2, rel=0.02)
    assert noise.mean().item() == pytest.approx(0, abs=0.005)
    assert noise.unique().numel() > 0.9 * noise.numel()


def test_noise_fades_linearly():
    assert [noise_strength(f, 0.4, 0.5) for f in (0, 0.25, 0.5, 0.9)] == pytest.approx([0.4, 0.2, 0, 0])
    assert noise_strength(0.5, 0.4) == pytest.approx(0.2)


def test_no_noise_is_the_identity():
    clips = moving_clips()
    assert instance_noise(clips, noise_strength(1.0, 0.4), rng()) is clips


@pytest.mark.parametrize("wrong", [{"strength": 1.5}, {"cutout": -0.1}, {"ramp": 0}, {"colours": 1}])
def test_wrong_settings_are_refused(wrong):
    with pytest.raises(ValidationError):
        AugmentConfig(**wrong)
