"""Perceptual loss and distance: two images compared in the features of a pretrained, frozen, *named* network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from vidgan.errors import ConfigError, DependencyError
from vidgan.nets.efficientnet import load_efficientnet_lite0

Features = tuple[Tensor, ...]

EFFICIENTNET = "efficientnet-lite0"
VGG = "vgg19"
NAMES = (EFFICIENTNET, VGG)
EFFICIENTNET_STAGES = 5  # stem and five stages: strides 2 to 16, a third of the network's cost
VGG_FILE = "vgg19-dcbb9e9d.pth"
VGG_TAPS = (1, 6, 11, 20, 29)  # relu1_1, relu2_1, ..., relu5_1, as in Johnson et al. 2016 and pix2pixHD
EPSILON = 1e-8


class PerceptualLoss(nn.Module):
    """Distances between images (B, 3, H, W) in [-1, 1], in the features of the network `feature_network`.

    Calling it gives the training loss, `distance` the score; both are sums over the network's feature maps. Values from
    different feature networks do not compare: write `feature_network` next to every one.

    Args:
        name: "efficientnet-lite0", "vgg19", or "auto": VGG-19 when a GPU is asked for and its weights are in the local
            torch hub cache, else EfficientNet-Lite0.
        device: where "auto" will run; the module itself is moved with `.to`.

    Raises:
        ConfigError: `name` is none of these.
        DependencyError: the weights are not there and cannot be fetched.
    """

    def __init__(self, name: str = "auto", device: str | torch.device = "cpu") -> None:
        super().__init__()
        self.feature_network = resolve_name(name, device)
        self.network: nn.Module = _NETWORKS[self.feature_network]()

    def train(self, mode: bool = True) -> PerceptualLoss:
        """Stay in eval mode."""
        return super().train(False)

    def features(self, images: Tensor) -> Features:
        """The feature maps of images in [-1, 1]; compute a target's once, under `no_grad`, and reuse them.

        On the CPU always in float32: through depthwise convolutions bfloat16 gains nothing there, measured.
        """
        autocast = torch.is_autocast_enabled(images.device.type) and images.device.type != "cpu"
        with torch.autocast(images.device.type, enabled=autocast):
            features: Features = self.network(images if autocast else images.float())
        return features

    def forward(self, images: Tensor, targets: Tensor) -> Tensor:
        """The training loss, a scalar: relative L1 distance of features, summed over maps, mean over images.

        Gradients flow to `images` alone.
        """
        with torch.no_grad():
            wanted = self.features(targets)
        return self.compare(self.features(images), wanted)

    def compare(self, features: Features, wanted: Features) -> Tensor:
        """The training loss from features: sum over maps of mean |f - g| / mean |g|, the means per image."""
        return sum_maps(_relative_l1, features, wanted).mean()

    @torch.no_grad()
    def distance(self, images: Tensor, targets: Tensor) -> Tensor:
        """The score, (B,): 0 for equal images, at most 4 a feature map; see `score`."""
        return self.score(self.features(images), self.features(targets))

    def score(self, features: Features, wanted: Features) -> Tensor:
        """LPIPS (Zhang et al. 2018, equation 1) with all weights one, (B,).

        Each pixel's feature vector is scaled to unit length; squared differences are summed over channels, averaged
        over pixels and summed over maps. With EfficientNet-Lite0, on 256-pixel crops of people: next frame 0.1-1.3,
        JPEG of quality 50 about 1, blur of 3 pixels 2-4, another pose 1-4.5, black 10.
        """
        return sum_maps(_unit_squared, features, wanted)


def sum_maps(measure: Callable[[Tensor, Tensor], Tensor], features: Features, wanted: Features) -> Tensor:
    """Sum a per-image measure (B,) over pairs of feature maps, in float32."""
    return torch.stack([measure(f.float(), g.float()) for f, g in zip(features, wanted, strict=True)]).sum(0)


def _relative_l1(f: Tensor, g: Tensor) -> Tensor:
    return (f - g).abs().mean((1, 2, 3)) / (g.abs().mean((1, 2, 3)) + EPSILON)


def _unit_squared(f: Tensor, g: Tensor) -> Tensor:
    f, g = (x / (x.norm(dim=1, keepdim=True) + EPSILON) for x in (f, g))
    return (f - g).square().sum(1).mean((1, 2))


class Vgg19Features(nn.Module):
    """ReLU outputs of torchvision's VGG-19 at `VGG_TAPS`, frozen, for images in [-1, 1]."""

    def __init__(self) -> None:
        super().__init__()
        from torchvision.models import VGG19_Weights, vgg19

        try:
            layers = vgg19(weights=VGG19_Weights.IMAGENET1K_V1).features
        except OSError as error:
            raise DependencyError(
                f"VGG-19 weights are not in {vgg_cache()} and cannot be fetched ({error}): "
                f"put {VGG_FILE} there, or use {EFFICIENTNET}"
            ) from error
        self.layers: Any = nn.ModuleList(layers[: VGG_TAPS[-1] + 1])
        for layer in self.layers:
            if isinstance(layer, nn.ReLU):
                layer.inplace = False  # the tapped maps must survive the next layer
        self.mean: Tensor
        self.std: Tensor
        self.register_buffer("mean", torch.tensor((0.485, 0.456, 0.406))[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor((0.229, 0.224, 0.225))[:, None, None], persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Features:
        """Give the tapped maps."""
        x = ((images + 1) / 2 - self.mean) / self.std
        taps = []
        for index, layer in enumerate(self.layers):
            x = layer(x)
            if index in VGG_TAPS:
                taps.append(x)
        return tuple(taps)


def vgg_cache() -> Path:
    """The folder in which torchvision looks for VGG-19's weights."""
    return Path(torch.hub.get_dir()) / "checkpoints"


def resolve_name(name: str, device: str | torch.device = "cpu") -> str:
    """The feature network that `name` stands for on `device`; see `PerceptualLoss`."""
    if name == "auto":
        on_gpu = torch.device(device).type != "cpu"
        return VGG if on_gpu and (vgg_cache() / VGG_FILE).is_file() else EFFICIENTNET
    if name not in NAMES:
        raise ConfigError(f"perceptual network {name!r} is unknown: choose auto, {' or '.join(NAMES)}")
    return name


_NETWORKS: dict[str, Callable[[], nn.Module]] = {
    EFFICIENTNET: lambda: load_efficientnet_lite0(EFFICIENTNET_STAGES),
    VGG: Vgg19Features,
}
