from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from vidgan.config import load_config
from vidgan.errors import ConfigError
from vidgan.nets.temporal import resample_motion
from vidgan.nets.video import GeneratorConfig, build_generator, draw_latents, over_still
from vidgan.train.checkpoint import read_network, save_network
from vidgan.train.ema import PowerEMA

KINDS = ["dcgan", "sagan", "biggan", "stylegan"]


def made(image="dcgan", classes=0, seed=0, **options):
    torch.manual_seed(seed)
    small = {"size": 32, "frames": 8, "latent": 20, "motion": 12, "width": 0.125, "temporal_widths": (16, 8, 8)}
    return build_generator(GeneratorConfig(image=image, **{**small, **options}), classes)


def themes(count=2, seed=0, length=20):
    return torch.randn(count, length, generator=torch.Generator().manual_seed(seed))


def test_parameters_of_tgan():
    generator = build_generator(GeneratorConfig())
    assert sum(value.numel() for value in generator.temporal.parameters()) == 825_444
    assert sum(value.numel() for value in generator.image.parameters()) == 3_622_691


@pytest.mark.parametrize("image", KINDS)
@pytest.mark.parametrize("frames", [8, 16, 32])
def test_makes_clips_of_the_asked_length(image, frames):
    with torch.no_grad():
        clips = made(image, frames=frames)(themes())
    assert clips.shape == (2, 3, frames, 32, 32)
    assert clips.abs().max() <= 1


@pytest.mark.parametrize("image", KINDS)
@pytest.mark.parametrize("classes", [0, 3])
def test_is_motion_and_then_images(image, classes):
    generator = made(image, classes).eval()
    label = torch.tensor([0, 2]) if classes else None
    with torch.no_grad():
        motion = generator.motion(themes(seed=1), label)
        assert motion.shape == (2, 8, 12)
        assert torch.equal(generator(themes(), themes(seed=1), label), generator.images(themes(), motion, label))
        own = generator.images(themes(), generator.motion(themes(), label), label)
        assert torch.equal(generator(themes(), label=label), own)


@pytest.mark.parametrize("image", KINDS)
def test_frames_between_frames(image):
    generator = made(image).eval()
    with torch.no_grad():
        motion = generator.motion(themes())
        longer = generator.images(themes(), resample_motion(motion, 15))
        torch.testing.assert_close(longer[:, :, ::2], generator.images(themes(), motion), atol=1e-4, rtol=1e-3)
    assert longer.shape[2] == 15


@pytest.mark.parametrize("image", KINDS)
def test_a_still_clip_is_frames_over_the_picture_of_no_motion(image):
    generator = made(image, still=True).eval()
    with torch.no_grad():
        motion = generator.motion(themes())
        clip = generator.images(themes(), motion)
        longer = generator.images(themes(), resample_motion(motion, 15))
        behind = generator.image(themes(), torch.zeros(2, 1, 12))
    assert clip.shape == (2, 3, 8, 32, 32)
    assert longer.shape[2] == 15
    frames = generator.image(themes(), motion)
    share = (clip - behind[:, :3]) / (frames[:, :3] - behind[:, :3])
    sure = (frames[:, :3] - behind[:, :3]).abs() > 1e-2
    matte = (0.5 + 0.5 * frames[:, 3:]).square().expand_as(share)
    torch.testing.assert_close(share[sure], matte[sure], atol=1e-2, rtol=1e-2)


def test_over_still_by_hand():
    """Behind -0.5, the frame 0.5; mattes 1, 0 and (1 / 2)^2."""
    drawn = torch.full((1, 4, 4, 1, 1), 0.5)
    drawn[:, :, 0] = -0.5
    drawn[0, 3, 1:, 0, 0] = torch.tensor([1.0, -1.0, 0.0])
    assert over_still(drawn)[0, :, :, 0, 0].tolist() == [[0.5, -0.5, -0.25]] * 3


@pytest.mark.parametrize("image", KINDS)
def test_labels_are_needed_with_classes_only(image):
    with pytest.raises(ValueError, match="3 classes needs labels"):
        made(image, 3)(themes())
    with pytest.raises(ValueError, match="without classes takes no labels"):
        made(image)(themes(), label=torch.tensor([0, 1]))


def test_the_label_also_changes_the_motion():
    generator = made(classes=2)
    zero, one = (generator.motion(themes(), torch.tensor(label)) for label in ([0, 1], [1, 0]))
    assert (zero - one).abs().max() > 1e-4


@pytest.mark.parametrize("image", KINDS)
def test_can_be_averaged_stored_and_copied(image, tmp_path):
    generator = made(image)
    generator(themes())
    average = PowerEMA(generator)
    average.update(generator, 1)
    save_network(tmp_path / "net.safetensors", average.network, {})
    again = made(image, seed=1).eval()
    again.load_state_dict(read_network(tmp_path / "net.safetensors")[0])
    with torch.no_grad():
        expected = copy.deepcopy(generator).eval()(themes())
        torch.testing.assert_close(again(themes()), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("image", KINDS)
def test_is_made_of_the_global_random_state_alone(image):
    for one, two in zip(made(image).state_dict().values(), made(image).state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_tgan_starts_with_small_uniform_weights_and_others_orthogonal():
    first = made().temporal.layers[0].weight
    assert first.abs().max() <= 0.01
    first = made("sagan").temporal.layers[0].weight[:, :, 0]
    torch.testing.assert_close(first.t() @ first, torch.eye(16), atol=1e-5, rtol=0)
    assert made(init="normal").temporal.layers[3].weight.std().item() == pytest.approx(0.02, rel=0.2)


# --- latents --------------------------------------------------------------------------------------------------------


def test_uniform_latents():
    drawn = draw_latents((4000, 10), "uniform", torch.Generator().manual_seed(0))
    assert drawn.abs().max() <= 1
    assert drawn.var().item() == pytest.approx(1 / 3, rel=0.03)
    assert draw_latents((100, 10), "uniform", torch.Generator().manual_seed(0), 0.5).abs().max() <= 0.5


@pytest.mark.parametrize("cut", [0.5, 1.0, 2.0])
def test_truncated_normal_latents_have_the_variance_of_redrawing(cut):
    drawn = draw_latents((4000, 20), "normal", torch.Generator().manual_seed(0), cut)
    density = math.exp(-(cut**2) / 2) / math.sqrt(2 * math.pi)
    expected = 1 - 2 * cut * density / math.erf(cut / math.sqrt(2))
    assert drawn.var().item() == pytest.approx(expected, rel=0.03)
    redrawn = torch.randn(80_000, generator=torch.Generator().manual_seed(1))
    redrawn = redrawn[redrawn.abs() <= cut]
    points = torch.tensor([0.1, 0.3, 0.5, 0.7, 0.9])
    torch.testing.assert_close(
        torch.quantile(drawn.flatten(), points), torch.quantile(redrawn, points), atol=0.03, rtol=0
    )


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(["uniform", "normal"]), st.floats(0.01, 10), st.integers(0, 2**31))
def test_truncated_latents_stay_inside(prior, cut, seed):
    drawn = draw_latents((50, 8), prior, torch.Generator().manual_seed(seed), cut)
    assert torch.isfinite(drawn).all()
    assert drawn.abs().max() <= cut * 1.0001


def test_truncation_acts_on_latents_or_styles():
    def twice(image):
        generator = made(image, prior="normal", noise=False).eval()
        drawn = [generator.latents(3, torch.Generator().manual_seed(0), cut) for cut in (None, 0.1)]
        return generator, drawn

    generator, (free, cut) = twice("biggan")
    assert cut.abs().max() < 0.101 < free.abs().max()
    generator, (free, cut) = twice("stylegan")
    assert torch.equal(free, cut)
    with torch.no_grad():
        motion = generator.motion(free)[:1].expand(3, -1, -1)
        mean = generator.images(free, motion, truncation=0.0)
    torch.testing.assert_close(mean, mean[:1].expand_as(mean), atol=1e-5, rtol=1e-4)


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ("image=vae", "image in --set image=vae should be 'dcgan', 'sagan', 'biggan' or 'stylegan'"),
        ("size=48", "size in --set size=48 should be 32, 64 or 128"),
        ("latents=8", "unknown key latents in --set latents=8: did you mean latent"),
    ],
)
def test_wrong_settings_are_said(setting, message):
    with pytest.raises(ConfigError, match=message):
        load_config(GeneratorConfig, None, [setting])


def test_a_number_of_frames_that_cannot_be_is_said():
    with pytest.raises(ConfigError, match="generator.frames should be a power of two"):
        made(frames=12)
