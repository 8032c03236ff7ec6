from __future__ import annotations

import pytest
import torch

from vidgan.nets.blocks import Down, GroupNorm, ResidualBlock, Up, spectral_conv


def test_a_residual_block_starts_as_the_identity():
    torch.manual_seed(0)
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(ResidualBlock(16)(x), x, atol=0.1, rtol=0)


def test_group_norm_by_hand_in_two_precisions():
    torch.manual_seed(0)
    x = 3 + 2 * torch.randn(2, 8, 5, 6)
    norm = GroupNorm(2, 8)
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2)
        norm.bias.uniform_(-1, 1)
    groups = x.view(2, 2, -1)
    standard = (groups - groups.mean(2, keepdim=True)) / torch.sqrt(groups.var(2, unbiased=False, keepdim=True) + 1e-5)
    expected = standard.view_as(x) * norm.weight[:, None, None] + norm.bias[:, None, None]
    torch.testing.assert_close(norm(x), expected)
    half = x.to(torch.bfloat16, memory_format=torch.channels_last)
    assert norm(half).dtype == torch.bfloat16
    assert norm(half).is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(norm(half).float(), expected, atol=0.03, rtol=0.02)


@pytest.mark.parametrize("size", [(8, 8), (16, 24)])
def test_down_halves_and_up_doubles(size):
    x = torch.randn(1, 8, *size)
    down = Down(8, 16)(x)
    assert down.shape == (1, 16, size[0] // 2, size[1] // 2)
    assert Up(16, 8, 8)(down, x).shape == x.shape


def test_a_spectral_convolution_has_norm_one():
    torch.manual_seed(0)
    conv = spectral_conv(6, 10, 4, 2)
    with torch.no_grad():
        conv.parametrizations.weight.original.mul_(30)
    x = torch.randn(1, 6, 8, 8)
    for _ in range(40):
        conv(x)  # one power iteration each
    norm = torch.linalg.matrix_norm(conv.weight.flatten(1), ord=2)
    assert norm.item() == pytest.approx(1, abs=1e-3)


def test_its_stride_halves_the_picture():
    assert spectral_conv(3, 8, 4, 2)(torch.zeros(1, 3, 16, 12)).shape == (1, 8, 8, 6)
