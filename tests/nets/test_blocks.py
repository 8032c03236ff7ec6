from __future__ import annotations

import pytest
import torch

from vidgan.nets.blocks import Down, ResidualBlock, Up, spectral_conv


def test_a_residual_block_starts_as_the_identity():
    torch.manual_seed(0)
    x = torch.randn(2, 16, 8, 8)
    torch.testing.assert_close(ResidualBlock(16)(x), x, atol=0.1, rtol=0)


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
