"""Batch norms, alone and over two processes, and what else two processes must agree on."""

from __future__ import annotations

import pytest
import torch
from torch import distributed, multiprocessing, nn

from vidgan.nets.critics import CriticConfig, build_critic
from vidgan.nets.initial import initialise
from vidgan.nets.labels import one_hot, with_label
from vidgan.nets.norm import BatchNorm, ConditionalBatchNorm
from vidgan.nets.video import GeneratorConfig, build_generator

SPLIT = 3  # of the 5 samples, those of the first process
CLIPS = 8


def samples():
    rng = torch.Generator().manual_seed(0)
    return torch.randn(5, 4, 3, 2, generator=rng) * 2 + 1, torch.randn(5, 4, 3, 2, generator=rng)


def batch_norm_results(x, target):
    """Output, gradients, gradients of a gradient penalty, and the running moments of the given samples."""
    torch.manual_seed(0)
    norm = BatchNorm(4)
    nn.init.uniform_(norm.weight, 0.5, 2)
    nn.init.uniform_(norm.bias)
    x = x.clone().requires_grad_()
    out = norm(x)
    loss = (out.tanh() * target).sum()
    (slope,) = torch.autograd.grad(loss, x, create_graph=True)
    first = torch.autograd.grad(loss, [norm.weight, norm.bias], retain_graph=True)
    second = torch.autograd.grad(slope.square().sum(), [x, norm.weight])
    return {
        "own": [out, slope, second[0]],
        "summed": [*first, second[1]],
        "same": [norm.running_mean, norm.running_var, norm.num_batches_tracked.float()],
    }


def pair_results(first, last):
    """Verdicts of the pair critic on some of a batch's clips, and its gradients."""
    torch.manual_seed(0)
    critic = build_critic(CriticConfig(kind="pair", width=8, minibatch_std=True, frames_judged=2), 32, 8)
    clips = torch.randn(CLIPS, 3, 8, 32, 32).tanh()[first:last]
    logits = critic(clips)
    logits.square().sum().backward()
    return {"own": [logits], "summed": [value.grad for value in critic.parameters()], "same": []}


def style_results(first, last):
    """The mean style after clips of classes of which one process sees only one."""
    torch.manual_seed(0)
    generator = build_generator(GeneratorConfig(image="stylegan", size=32, frames=2, width=0.125), 3)
    themes, labels = torch.randn(CLIPS, 100), torch.tensor([0, 0, 0, 0, 1, 0, 1, 0])
    generator.image.styles(themes[first:last], labels[first:last])
    return {"own": [], "summed": [], "same": [generator.image.mean_style]}


def process(rank, folder):
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=2)
    x, target = samples()
    part, half = (slice(0, SPLIT), slice(SPLIT, None))[rank], (rank * CLIPS // 2, (rank + 1) * CLIPS // 2)
    results = {
        "norm": batch_norm_results(x[part], target[part]),
        "pair": pair_results(*half),
        "style": style_results(*half),
    }
    torch.save(
        {name: {key: [v.detach() for v in group] for key, group in one.items()} for name, one in results.items()},
        folder / f"{rank}.pt",
    )
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    multiprocessing.spawn(process, (folder,), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in (0, 1)]


@pytest.mark.parametrize(
    ("name", "alone"),
    [
        ("norm", lambda: batch_norm_results(*samples())),
        ("pair", lambda: pair_results(0, CLIPS)),
        ("style", lambda: style_results(0, CLIPS)),
    ],
)
def test_two_processes_equal_one(two_processes, name, alone):
    one, (first, second) = alone(), [results[name] for results in two_processes]
    for whole, a, b in zip(one["own"], first["own"], second["own"], strict=True):
        torch.testing.assert_close(torch.cat([a, b]), whole, atol=1e-5, rtol=1e-4)
    for whole, a, b in zip(one["summed"], first["summed"], second["summed"], strict=True):
        torch.testing.assert_close(a + b, whole, atol=2e-5, rtol=1e-3)
    for whole, a, b in zip(one["same"], first["same"], second["same"], strict=True):
        torch.testing.assert_close(a, whole, atol=1e-6, rtol=1e-5)
        assert torch.equal(a, b)


@pytest.mark.parametrize(
    ("other", "shape"),
    [
        (nn.BatchNorm1d, (5, 4)),
        (nn.BatchNorm1d, (5, 4, 6)),
        (nn.BatchNorm2d, (3, 4, 2, 5)),
        (nn.BatchNorm3d, (2, 4, 3, 2, 2)),
    ],
)
def test_one_process_does_what_pytorch_does(other, shape):
    norm, reference = BatchNorm(4), other(4)
    for _ in range(2):
        x = torch.randn(shape) + 2
        assert torch.equal(norm(x), reference(x))
    assert torch.equal(norm.running_var, reference.running_var)
    assert torch.equal(norm.eval()(x), reference.eval()(x))


@pytest.mark.parametrize("spectral", [False, True])
def test_conditional_batch_norm_by_hand(spectral):
    norm = ConditionalBatchNorm(4, 3, spectral)
    x, condition = torch.randn(6, 4, 2, 2), torch.randn(2, 3)
    out = norm(x, condition)
    weight = norm.eval().modulation.weight
    for sample in range(6):
        gain, shift = (weight @ condition[sample // 3]).chunk(2)
        for channel in range(4):
            plain = (x[sample, channel] - x[:, channel].mean()) / (x[:, channel].var(unbiased=False) + 1e-5).sqrt()
            torch.testing.assert_close(
                out[sample, channel], (1 + gain[channel]) * plain + shift[channel], atol=1e-4, rtol=1e-3
            )


def test_norms_run_in_half_precision():
    x = torch.randn(4, 8, 3, 3).bfloat16()
    assert BatchNorm(8)(x).dtype == torch.bfloat16
    assert ConditionalBatchNorm(8, 2)(x, torch.randn(2, 2)).dtype == torch.bfloat16


def test_labels_become_one_hot():
    assert one_hot(torch.tensor([2, 0]), 3).tolist() == [[0, 0, 1], [1, 0, 0]]
    assert with_label(torch.tensor([[5.0, 6.0]]), torch.tensor([1]), 2).tolist() == [[5, 6, 0, 1]]
    assert with_label(torch.tensor([[5.0]]), None, 0).tolist() == [[5]]


def test_labels_and_classes_go_together():
    with pytest.raises(ValueError, match="3 classes needs labels"):
        one_hot(None, 3)
    with pytest.raises(ValueError, match="without classes takes no labels"):
        one_hot(torch.tensor([0]), 0)


def made_layers(spectral):
    layers = nn.Sequential(nn.Linear(30, 60), nn.Conv2d(8, 16, 3), nn.ConvTranspose1d(20, 40, 4))
    if spectral:
        for layer in layers:
            nn.utils.parametrizations.spectral_norm(layer)
    return layers


@pytest.mark.parametrize(("how", "deviation"), [("uniform", 0.01 / 3**0.5), ("normal", 0.02)])
def test_initial_weights_have_their_deviation(how, deviation):
    layers = made_layers(False)
    initialise(layers, how)
    for layer in layers:
        assert layer.weight.std().item() == pytest.approx(deviation, rel=0.1)
        assert not layer.bias.any()


def test_he_weights_keep_the_size_of_features():
    layer = nn.Conv2d(64, 64, 3)
    initialise(layer, "he")
    out = torch.nn.functional.leaky_relu(layer(torch.randn(4, 64, 9, 9)), 0.2)
    assert out.square().mean().item() == pytest.approx(1, rel=0.2)


def test_orthogonal_rows_or_columns():
    layers = made_layers(False)
    initialise(layers, "orthogonal")
    for layer in layers:
        matrix = layer.weight.flatten(1)
        matrix = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.t()
        torch.testing.assert_close(matrix @ matrix.t(), torch.eye(len(matrix)), atol=1e-5, rtol=0)


def test_spectral_norm_is_right_from_the_start():
    layers = made_layers(True)
    initialise(layers, "normal")
    for index, layer in enumerate(layers):
        weight = layer.weight.transpose(0, 1) if index == 2 else layer.weight
        assert torch.linalg.matrix_norm(weight.flatten(1), 2).item() == pytest.approx(1, abs=0.05)
