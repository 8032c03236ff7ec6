from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from torch.nn import functional as F

from vidgan.errors import ConfigError
from vidgan.nets.attention import SelfAttention
from vidgan.nets.image import ImageShape
from vidgan.nets.image_biggan import BigGANImage
from vidgan.nets.image_dcgan import DCGANImage
from vidgan.nets.image_sagan import SAGANImage
from vidgan.nets.image_stylegan import EqualLinear, StyleGANImage, ToRGB, modulated_convolution

KINDS = [DCGANImage, SAGANImage, BigGANImage, StyleGANImage]
Z, M = 24, 10


def made(kind, size=32, classes=0, seed=0, **options):
    torch.manual_seed(seed)
    return kind(ImageShape(size, Z, M, classes, width=0.125), **options)


def given(batch=2, frames=3, classes=0, seed=0):
    """Theme, motion, label."""
    rng = torch.Generator().manual_seed(seed)
    label = torch.arange(batch) % classes if classes else None
    return torch.randn(batch, Z, generator=rng), torch.randn(batch, frames, M, generator=rng).tanh(), label


def test_parameters_of_dcgan_are_those_of_the_paper():
    """3.62 M: no bias but the last layer's, gain and shift in every norm, one norm value for each of 4096 features."""
    counted = sum(value.numel() for value in DCGANImage().parameters())
    assert counted == 3_622_691
    widths = [512, 256, 128, 64, 32]
    deconvolutions = sum(a * b * 16 for a, b in pairwise(widths))
    norms = 2 * (2 * 4096 + sum(widths[1:]))
    assert counted == 2 * 100 * 4096 + deconvolutions + 32 * 3 * 9 + 3 + norms


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [32, 64, 128])
@pytest.mark.parametrize("classes", [0, 3])
def test_clips_have_the_asked_size(kind, size, classes):
    generator = made(kind, size, classes)
    with torch.no_grad():
        clips = generator(*given(classes=classes))
    assert clips.shape == (2, 3, 3, size, size)
    assert clips.dtype == torch.float32
    assert clips.abs().max() <= 1
    assert clips.is_contiguous(memory_format=torch.channels_last_3d)


@pytest.mark.parametrize("kind", KINDS)
def test_refuses_other_sizes(kind):
    with pytest.raises(ConfigError, match="size should be one of 32, 64, 128, not 48"):
        kind(ImageShape(48))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [0, 3])
def test_every_weight_learns(kind, classes):
    generator = made(kind, classes=classes, **({"noise": True} if kind is StyleGANImage else {}))
    for module in generator.modules():
        if isinstance(module, SelfAttention):
            module.gain.data.fill_(0.5)  # at the start it shuts its branch off
    theme, motion, label = given(batch=3, classes=classes)
    theme.requires_grad_()
    motion.requires_grad_()
    generator(theme, motion, label).sub(0.3).square().sum().backward()
    for name, value in [*generator.named_parameters(), ("theme", theme), ("motion", motion)]:
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("classes", [0, 3])
def test_frames_and_clips_are_drawn_for_themselves(kind, classes):
    """In use, any number of frames of any of the clips gives the pictures that all together give."""
    generator = made(kind, classes=classes).eval()
    theme, motion, label = given(batch=3, frames=4, classes=classes)
    with torch.no_grad():
        together = generator(theme, motion, label)
        alone = generator(theme[1:2], motion[1:2, 2:], None if label is None else label[1:2])
    torch.testing.assert_close(together[1:2, :, 2:], alone, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_everything_given_matters(kind):
    generator = made(kind, classes=3)
    theme, motion, label = given(classes=3)
    other_theme, other_motion, _ = given(seed=1)
    with torch.no_grad():
        before = generator(theme, motion, label)
        for changed in ((other_theme, motion, label), (theme, other_motion, label), (theme, motion, label + 1)):
            assert (generator(*changed) - before).abs().max() > 1e-4


@pytest.mark.parametrize("kind", KINDS)
def test_a_clip_without_motion_is_still(kind):
    generator = made(kind)
    theme, motion, _ = given()
    with torch.no_grad():
        clips = generator(theme, motion[:, :1].expand(-1, 3, -1))
    torch.testing.assert_close(clips[:, :, 1:], clips[:, :, :1].expand(-1, -1, 2, -1, -1), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_runs_in_bfloat16_near_to_float32(kind):
    generator = made(kind)
    with torch.no_grad():
        exact = generator(*given())
        with torch.autocast("cpu", torch.bfloat16):
            rough = generator(*given())
    assert rough.dtype == torch.float32
    assert (rough - exact).abs().mean() < 0.03


# --- self-attention -------------------------------------------------------------------------------------------------


def test_self_attention_by_loops():
    torch.manual_seed(0)
    attention = SelfAttention(16).eval()
    attention.gain.data.fill_(0.7)
    x = torch.randn(2, 16, 3, 2)
    out = attention(x)
    f, g, h, v = (part.weight[:, :, 0, 0] for part in (attention.key, attention.query, attention.value, attention.out))
    for n in range(2):
        places = [x[n, :, row, column] for row in range(3) for column in range(2)]
        for j, here in enumerate(places):
            scores = torch.stack([torch.dot(f @ there, g @ here) for there in places])
            shares = scores.exp() / scores.exp().sum()
            seen = sum((share * (h @ there) for share, there in zip(shares, places, strict=True)), torch.zeros(2))
            torch.testing.assert_close(out[n, :, j // 2, j % 2], 0.7 * (v @ seen) + here, atol=1e-5, rtol=1e-4)


def test_self_attention_starts_as_nothing():
    x = torch.randn(1, 8, 4, 4)
    assert torch.equal(SelfAttention(8)(x), x)


def test_attention_only_where_asked():
    for kind in (SAGANImage, BigGANImage):
        counts = [sum(isinstance(m, SelfAttention) for m in made(kind, attention=side).modules()) for side in (0, 32)]
        assert counts == [0, 1]


# --- stylegan -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("demodulate", [True, False])
def test_modulated_convolution_by_a_kernel_for_each_sample(kernel, demodulate):
    rng = torch.Generator().manual_seed(0)
    x, weight = torch.randn(3, 5, 6, 4, generator=rng), torch.randn(7, 5, kernel, kernel, generator=rng)
    style = torch.randn(3, 5, generator=rng)
    out, scale = modulated_convolution(x, weight, style, demodulate)
    out = out * scale[:, :, None, None]
    for n in range(3):
        own = weight.clone()
        for i in range(5):
            own[:, i] *= style[n, i]
        if demodulate:
            for o in range(7):
                own[o] /= (own[o].square().sum() + 1e-8).sqrt()
        expected = F.conv2d(x[n : n + 1], own, padding=kernel // 2)
        torch.testing.assert_close(out[n : n + 1], expected, atol=1e-5, rtol=1e-4)


def test_to_rgb_by_a_kernel_for_each_clip():
    torch.manual_seed(0)
    layer, x, style = ToRGB(5, 4), torch.randn(6, 5, 3, 2), torch.randn(2, 4)
    torch.nn.init.uniform_(layer.bias)
    out = layer(x, style)
    for n in range(6):
        factors = style[n // 3] @ layer.style.weight.t() / 2 + 1
        expected = F.conv2d(x[n : n + 1], (layer.weight * factors / 5**0.5)[:, :, None, None], layer.bias)
        torch.testing.assert_close(out[n : n + 1], expected, atol=1e-5, rtol=1e-4)


def test_equalised_learning_rate():
    """The stored weights are N(0, 1 / rate²), the used ones N(0, 1 / inputs), whatever the rate."""
    torch.manual_seed(0)
    for rate in (1.0, 0.1):
        layer = EqualLinear(64, 64, bias=2.0, rate=rate)
        assert layer.weight.std().item() == pytest.approx(1 / rate, rel=0.05)
        out = layer(torch.randn(500, 64))
        assert out.mean().item() == pytest.approx(2, abs=0.1)
        assert out.std().item() == pytest.approx(1, abs=0.1)


def test_motion_styles_the_coarse_layers_only():
    generator = made(StyleGANImage, 64, coarse=8)
    sides = [4, 8, 8, 16, 16, 32, 32, 64, 64]
    assert [side for side, layer in zip(sides, generator.layers, strict=True) if layer.motion is not None] == [4, 8, 8]


def test_noise_is_normal_differs_between_themes_and_is_shared_by_frames():
    generator = made(StyleGANImage, 64, noise=True)
    noise = generator._noise(given(batch=4)[0], 64)
    assert noise.shape == (4, 1, 64, 64)
    assert noise.std().item() == pytest.approx(1, abs=0.05)
    assert torch.corrcoef(noise.flatten(1)).fill_diagonal_(0).abs().max() < 0.7
    for layer in generator.layers:
        layer.noise_strength.data.fill_(0.5)
    theme, motion, _ = given()
    clips = generator(theme, motion[:, :1].expand(-1, 3, -1))
    torch.testing.assert_close(clips[:, :, 0], clips[:, :, 2], atol=1e-5, rtol=1e-4)


def test_noise_is_not_stored_and_the_same_in_every_generator():
    one, two = made(StyleGANImage, noise=True), made(StyleGANImage, seed=1, noise=True)
    assert torch.equal(one.noise16, two.noise16)
    assert not [name for name in one.state_dict() if name.startswith("noise")]
    assert not [name for name, _ in made(StyleGANImage, noise=False).named_parameters() if "noise" in name]


def test_truncation_pulls_styles_to_the_mean_of_their_class():
    generator = made(StyleGANImage, classes=2)
    theme, _, _ = given(batch=60)
    label = torch.arange(60) % 2
    for _ in range(600):
        generator.styles(theme, label)
    generator.eval()
    full = generator.styles(theme, label)
    means = torch.stack([full[label == k].mean(0) for k in (0, 1)])
    torch.testing.assert_close(generator.mean_style, means, atol=0.02, rtol=0.02)
    torch.testing.assert_close(generator.styles(theme, label, 1.0), full)
    torch.testing.assert_close(generator.styles(theme, label, 0.0), generator.mean_style[label])
    half = generator.styles(theme, label, 0.5)
    torch.testing.assert_close(half, (full + generator.mean_style[label]) / 2, atol=1e-5, rtol=1e-4)


def test_a_class_that_is_absent_keeps_its_mean_style():
    generator = made(StyleGANImage, classes=2)
    generator.styles(given()[0], torch.tensor([1, 1]))
    assert not generator.mean_style[0].any()
    assert generator.mean_style[1].any()


# --- biggan ---------------------------------------------------------------------------------------------------------


def test_each_block_sees_its_own_part_of_the_theme():
    """Skip-z: the last part of the theme reaches the norms of the last block and nothing before."""
    generator = made(BigGANImage).eval()
    theme, motion, _ = given()
    seen = []
    for block in generator.blocks:
        block.register_forward_hook(lambda *call: seen.append(call[2]))
    with torch.no_grad():
        generator(theme, motion)
        theme[:, -generator.parts[-1] :] += 1
        generator(theme, motion)
    same = [torch.equal(a, b) for a, b in zip(seen[:3], seen[3:], strict=True)]
    assert same == [True, True, False]
    assert sum(generator.parts) == Z
