from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgan.errors import ConfigError
from vidgan.nets.critics import (
    CriticConfig,
    MinibatchStd,
    PairCritic,
    build_critic,
    turning_frames,
    turning_tuple,
)
from vidgan.nets.norm import BatchNorm

KINDS = ["volume", "pair"]
NORMS = ["batch", "spectral", "none"]


def made(kind="volume", size=32, frames=8, classes=0, seed=0, **options):
    torch.manual_seed(seed)
    return build_critic(CriticConfig(kind=kind, **{"width": 8, **options}), size, frames, classes)


def clips(batch=4, size=32, frames=8, seed=0):
    return torch.randn(batch, 3, frames, size, size, generator=torch.Generator().manual_seed(seed)).tanh()


def test_parameters_of_tgan():
    """11.03 M: no bias before a norm, gain and shift in the norms of all layers but the first."""
    counted = sum(value.numel() for value in build_critic(CriticConfig(), 64, 16).parameters())
    assert counted == 11_032_385
    widths = [3, 64, 128, 256, 512]
    weights = sum(a * b * 64 for a, b in pairwise(widths)) + 512 * 16
    assert counted == weights + 64 + 1 + 2 * (128 + 256 + 512)


@pytest.mark.parametrize(("kind", "verdicts"), [("volume", 1), ("pair", 2)])
@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("frames", [8, 16, 32])
def test_gives_verdicts_on_clips_of_any_shape(kind, verdicts, size, frames):
    with torch.no_grad():
        assert made(kind, size, frames)(clips(2, size, frames)).shape == (2, verdicts)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("classes", [0, 3])
def test_every_weight_learns(kind, norm, classes):
    critic = made(kind, norm=norm, classes=classes, minibatch_std=True, projection=True)
    label = torch.tensor([0, 1, 2, 0]) if classes else None
    shown = clips().requires_grad_()
    critic(shown, label).square().sum().backward()
    for name, value in [*critic.named_parameters(), ("clips", shown)]:
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("norm", NORMS)
def test_penalties_can_be_taken_of_its_gradient(kind, norm):
    critic = made(kind, norm=norm, minibatch_std=True)
    shown = clips().requires_grad_()
    (slope,) = torch.autograd.grad(critic(shown).sum(), shown, create_graph=True)
    slope.square().sum().backward()
    grads = [value.grad for value in critic.parameters() if value.grad is not None]
    assert any(grad.abs().max() > 0 for grad in grads)
    assert all(torch.isfinite(grad).all() for grad in grads)


@pytest.mark.parametrize("kind", KINDS)
def test_norms_are_as_asked(kind):
    has = {norm: [type(m) for m in made(kind, norm=norm).modules()] for norm in NORMS}
    assert [BatchNorm in has[norm] for norm in NORMS] == [True, False, False]
    critic = made(kind, norm="spectral", classes=3, projection=True, minibatch_std=True, init="normal")
    for _ in range(30):
        critic(clips(), torch.tensor([0, 1, 2, 0]))
    for module in critic.modules():
        if hasattr(module, "parametrizations"):
            assert torch.linalg.matrix_norm(module.weight.flatten(1), 2).item() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_norm_over_the_batch_a_clip_is_judged_for_itself(kind):
    critic = made(kind, norm="none", frames_judged=8)
    torch.testing.assert_close(critic(clips())[1:2], critic(clips()[1:2]), atol=1e-5, rtol=1e-4)


def test_runs_in_bfloat16_near_to_float32():
    for kind in KINDS:
        critic = made(kind, norm="none", classes=2, projection=True, minibatch_std=True)
        label = torch.tensor([0, 1, 1, 0])
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
            rough = critic(clips(), label)
        torch.testing.assert_close(rough.float(), critic(clips(), label), atol=0.1, rtol=0.1)


def test_with_a_deviation_the_motion_critic_sees_only_what_moves():
    critic = made("pair", norm="none", deviation=4.0)
    seen = []
    critic.motion.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    still = clips()[:, :, :1].expand(-1, -1, 8, -1, -1)
    critic(still)
    torch.testing.assert_close(seen[0], torch.zeros(4, 3, 8, 16, 16), atol=1e-5, rtol=0)
    moving = clips()
    critic(moving)
    critic(moving + still)  # another picture behind the same motion
    torch.testing.assert_close(seen[1], seen[2], atol=1e-5, rtol=0)
    halved = moving.unfold(3, 2, 2).unfold(4, 2, 2).mean((-1, -2))
    torch.testing.assert_close(seen[1], 4 * (halved - halved.mean(2, keepdim=True)), atol=1e-5, rtol=1e-4)


# --- minibatch standard deviation -----------------------------------------------------------------------------------


def test_minibatch_std_by_hand():
    """Two groups of two: deviations of the places are (1, 2) / 2 and (0, 4) / 2, their means 0.75 and 1."""
    x = torch.tensor([[[0.0, 1.0]], [[1.0, 3.0]], [[5.0, 2.0]], [[5.0, 6.0]]])
    out = MinibatchStd(2)(x)
    assert torch.equal(out[:, :1], x)
    torch.testing.assert_close(out[:, 1], torch.tensor([[0.75, 0.75], [0.75, 0.75], [1, 1], [1, 1]]), atol=1e-3, rtol=0)


@pytest.mark.parametrize(("batch", "groups"), [(1, 1), (3, 1), (6, 2), (7, 7), (8, 2)])
def test_groups_divide_the_batch(batch, groups):
    x = torch.randn(batch, 2, 3, 3)
    channel = MinibatchStd(4)(x)[:, 2, 0, 0]
    assert len(channel.unique()) == (1 if batch == 7 else groups)
    if batch == 7:
        assert channel.abs().max() < 1e-3  # groups of one do not differ


def test_equal_clips_are_told_from_different_ones():
    critic = made(minibatch_std=True, norm="none")
    different = clips()
    equal = different[:1].expand(4, -1, -1, -1, -1)
    assert (critic(equal)[0] - critic(different)[0]).abs() > 1e-4


# --- classes --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("norm", NORMS)
def test_projection_by_hand(norm):
    critic = made(norm=norm, classes=3, projection=True, label_channels=False, frames=16).eval()
    seen = []
    critic.layers.register_forward_hook(lambda *call: seen.append(call[2]))
    label = torch.tensor([2, 0])
    shown = clips(2, frames=16)
    logits = critic(shown, label)
    (features,) = seen
    assert features.shape == (2, 32, 2, 4, 4)
    for clip in range(2):
        total = sum(features[clip, :, t, y, x] for t in range(2) for y in range(4) for x in range(4))
        expected = critic.head(features)[clip].flatten() + torch.dot(
            critic.embedding.weight[label[clip]], total
        ) / math.sqrt(32)
        torch.testing.assert_close(logits[clip], expected, atol=1e-5, rtol=1e-4)


def test_label_channels_are_one_hot_voxels():
    critic = made(classes=3)
    seen = []
    critic.layers.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    shown = clips(2)
    critic(shown, torch.tensor([2, 0]))
    assert torch.equal(seen[0][:, :3], shown)
    assert seen[0][0, 3:].mean((1, 2, 3)).tolist() == [0, 0, 1]
    assert seen[0][1, 3:].mean((1, 2, 3)).tolist() == [1, 0, 0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("options", [{"projection": True, "label_channels": False}, {"label_channels": True}])
def test_the_label_matters(kind, options):
    critic = made(kind, norm="none", classes=2, **options)
    zero, one = (critic(clips(), torch.full((4,), k)) for k in (0, 1))
    assert ((zero - one).abs() > 1e-4).all()


def test_says_when_classes_cannot_be_seen():
    with pytest.raises(ConfigError, match=r"critic.projection and critic.label_channels are both off: set one"):
        made(classes=2, label_channels=False)


def test_labels_are_needed_with_classes_only():
    with pytest.raises(ValueError, match="2 classes needs labels"):
        made(classes=2)(clips())
    with pytest.raises(ValueError, match="without classes takes no labels"):
        made()(clips(), torch.zeros(4, dtype=torch.long))


# --- the pair -------------------------------------------------------------------------------------------------------


def numbered(batch, frames):
    """Clips whose pixels are 100 * clip + frame."""
    numbers = 100 * torch.arange(batch)[:, None] + torch.arange(frames)
    return numbers[:, None, :, None, None].expand(-1, 3, -1, 2, 2).float()


def test_judged_frames_are_spread_and_turn_from_clip_to_clip():
    taken = turning_frames(numbered(5, 8), 2)
    assert taken.shape == (5, 3, 2, 2, 2)
    assert taken[:, 1, :, 0, 1].tolist() == [[0, 4], [101, 105], [202, 206], [303, 307], [400, 404]]


def test_tuples_are_consecutive_and_turn_from_clip_to_clip():
    taken = turning_tuple(numbered(4, 4), 3)
    assert taken[:, 0, :, 1, 0].tolist() == [[0, 1, 2], [101, 102, 103], [200, 201, 202], [301, 302, 303]]
    whole = numbered(2, 4)
    assert turning_tuple(whole, 4) is whole


@settings(max_examples=30, deadline=None)
@given(st.sampled_from([2, 8, 16]), st.data())
def test_all_frames_are_judged_in_time(frames, data):
    count = data.draw(st.integers(1, frames))
    taken = turning_frames(numbered(frames, frames), count)[:, 0, :, 0, 0] % 100
    assert all(len(row.unique()) == count for row in taken)
    assert taken.max() < frames
    if frames % count == 0:
        assert len(taken.unique()) == frames


def test_the_pair_judges_frames_and_motion_apart():
    """The first verdict does not see the order of the frames judged, the second does."""
    critic = made("pair", norm="none", frames_judged=8)
    shown = clips()
    forward, backward = critic(shown), critic(shown.flip(2))
    torch.testing.assert_close(forward[:, 0], backward[:, 0], atol=1e-5, rtol=1e-4)
    assert (forward[:, 1] - backward[:, 1]).abs().min() > 1e-4


def test_the_frames_verdict_is_the_mean_over_frames():
    critic = made("pair", norm="none", frames_judged=8)
    shown = clips(1)
    single = [critic.image(shown[:, :, t]) for t in range(8)]
    torch.testing.assert_close(critic(shown)[:, :1], torch.stack(single).mean(0), atol=1e-5, rtol=1e-4)


def test_the_motion_critic_sees_the_small_clip():
    critic = made("pair", size=64, norm="none", motion_scale=2)
    assert isinstance(critic, PairCritic)
    shown = clips(2, 64)
    small = shown.unflatten(4, (32, 2)).unflatten(3, (32, 2)).mean((4, 6))
    torch.testing.assert_close(critic(shown)[:, 1:], critic.motion(small), atol=1e-4, rtol=1e-3)
    assert made("pair", size=64, tuple_frames=2)(shown).shape == (2, 2)
