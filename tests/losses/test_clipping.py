from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn import functional as F

from vidgan.errors import TrainingError
from vidgan.losses.clipping import clip_singular_values_, clip_weights_, singular_value_clip


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def by_svd(matrix, bound=1.0):
    """The clip by numpy's full SVD in float64."""
    left, values, right = np.linalg.svd(matrix.numpy().astype(np.float64), full_matrices=False)
    return torch.from_numpy((left * np.minimum(values, bound)) @ right)


def norms(module):
    weights = [weight for weight in module.parameters() if weight.ndim >= 2]
    return [float(torch.linalg.matrix_norm(weight.detach().reshape(len(weight), -1).double(), 2)) for weight in weights]


# --- The matrix -------------------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=40)
@given(
    rows=st.integers(1, 24), columns=st.integers(1, 24), rank=st.integers(1, 24), scale=st.floats(1e-3, 30),
    bound=st.floats(0.1, 3), seed=st.integers(0, 1000),
)  # fmt: skip
def test_the_gram_route_is_the_svd_to_one_in_a_million(rows, columns, rank, scale, bound, seed):
    left, right = draw(rows, rank, seed=seed), draw(rank, columns, seed=seed + 1)
    matrix = scale * (left @ right) / max(1.0, float(torch.linalg.matrix_norm(left @ right, 2)))
    clipped = singular_value_clip(matrix, bound)
    assert clipped.dtype == torch.float32
    torch.testing.assert_close(clipped.double(), by_svd(matrix, bound), atol=1e-6, rtol=0)


def test_a_layer_of_the_critic_in_full_size():
    matrix = 0.02 * draw(128, 64 * 64, seed=3)  # singular values about 1.1 to 1.5
    torch.testing.assert_close(singular_value_clip(matrix).double(), by_svd(matrix), atol=1e-6, rtol=0)


def test_small_singular_values_and_all_vectors_stay():
    left, _ = torch.linalg.qr(draw(6, 4).double())
    right, _ = torch.linalg.qr(draw(9, 4, seed=1).double())
    values = torch.tensor([50.0, 1.5, 0.9, 1e-6], dtype=torch.float64)
    wanted = (left * torch.tensor([1.0, 1.0, 0.9, 1e-6], dtype=torch.float64)) @ right.T
    torch.testing.assert_close(singular_value_clip((left * values) @ right.T), wanted, atol=1e-12, rtol=0)


def test_equal_singular_values_are_no_trouble():
    torch.testing.assert_close(singular_value_clip(3 * torch.eye(5, 8)), torch.eye(5, 8), atol=1e-6, rtol=0)


def test_what_is_within_the_bound_is_returned_as_it_is():
    matrix = 0.1 * draw(4, 6) / 10
    assert singular_value_clip(matrix) is matrix
    assert singular_value_clip(torch.zeros(3, 2)).abs().sum() == 0


def test_clipping_again_changes_nothing_beyond_rounding():
    once = singular_value_clip(draw(8, 30))
    torch.testing.assert_close(singular_value_clip(once), once, atol=1e-6, rtol=0)


def test_lower_precision_of_float32_products_does_not_reach_the_clip():
    before = torch.get_float32_matmul_precision()
    try:
        torch.set_float32_matmul_precision("medium")
        matrix = draw(32, 200)
        torch.testing.assert_close(singular_value_clip(matrix).double(), by_svd(matrix), atol=1e-6, rtol=0)
    finally:
        torch.set_float32_matmul_precision(before)


def test_autocast_around_does_not_reach_the_clip():
    matrix = draw(32, 200)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(singular_value_clip(matrix), singular_value_clip(matrix.clone()))
        torch.testing.assert_close(singular_value_clip(matrix).double(), by_svd(matrix), atol=1e-6, rtol=0)


# --- The critic -------------------------------------------------------------------------------------------------------


class SmallCritic(nn.Module):
    """One layer of each kind a critic may have, with weights far too large."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv3d(3, 8, 4, stride=2, padding=1)
        self.up = nn.ConvTranspose2d(4, 6, 3)
        self.norm = nn.BatchNorm3d(8)
        self.linear = nn.Linear(10, 4)
        self.label = nn.Embedding(3, 10)
        with torch.no_grad():
            for index, weight in enumerate(self.parameters()):
                weight.copy_(3 * draw(*weight.shape, seed=index))


def test_every_weight_matrix_has_spectral_norm_one_at_most():
    critic = SmallCritic()
    assert all(norm > 1.5 for norm in norms(critic))
    clip_singular_values_(critic)
    assert all(norm <= 1 + 1e-6 for norm in norms(critic))


def test_weights_are_clipped_in_place_as_matrices_of_their_first_dimension():
    critic = SmallCritic()
    before = {name: weight.detach().clone() for name, weight in critic.named_parameters()}
    kept = dict(critic.named_parameters())
    clip_singular_values_(critic)
    for name in ("conv.weight", "up.weight", "linear.weight", "label.weight"):
        wanted = by_svd(before[name].reshape(len(before[name]), -1)).reshape(before[name].shape)
        torch.testing.assert_close(kept[name].detach().double(), wanted, atol=1e-6, rtol=0)
        assert kept[name].requires_grad
    assert dict(critic.named_parameters())["conv.weight"] is kept["conv.weight"]


def test_a_transposed_convolution_is_bounded_as_the_matrix_from_input_to_patches():
    """With kernel and stride equal no windows overlap, so there the matrix is the operator."""
    layer = nn.ConvTranspose2d(5, 4, 3, stride=3, bias=False)
    nn.init.normal_(layer.weight)
    clip_singular_values_(layer)
    x = draw(1, 5, 6, 6)
    assert layer(x).norm() <= x.norm() * (1 + 1e-5)


def test_biases_are_free():
    critic = SmallCritic()
    before = [critic.conv.bias.clone(), critic.linear.bias.clone(), critic.norm.bias.clone()]
    clip_singular_values_(critic)
    after = [critic.conv.bias, critic.linear.bias, critic.norm.bias]
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))


def test_scales_of_batch_norm_stay_between_a_hundredth_and_one_deviation():
    norm = nn.BatchNorm3d(4, eps=0.0)
    with torch.no_grad():
        norm.running_var.copy_(torch.tensor([4.0, 4.0, 4.0, 0.25]))
        norm.weight.copy_(torch.tensor([-1.0, 1.5, 9.0, 0.7]))
    clip_singular_values_(norm)
    torch.testing.assert_close(norm.weight.detach(), torch.tensor([0.02, 1.5, 2.0, 0.5]))


def test_a_clipped_batch_norm_never_enlarges_what_it_judges():
    norm = nn.BatchNorm3d(8).eval()
    with torch.no_grad():
        norm.running_var.uniform_(1e-6, 3)
        norm.weight.fill_(100.0)
    clip_singular_values_(norm)
    x, y = draw(2, 8, 2, 3, 3), draw(2, 8, 2, 3, 3, seed=1)
    assert ((norm(x) - norm(y)).abs() <= (x - y).abs() + 1e-4).all()


def test_batch_norms_without_a_scale_or_without_moments_are_passed_over():
    clip_singular_values_(nn.Sequential(nn.BatchNorm2d(3, affine=False), nn.BatchNorm2d(3, track_running_stats=False)))


def test_the_clip_bounds_the_matrix_and_not_the_convolution():
    """All windows see the same kernel: norm 1 as a matrix, sqrt(8) as an operator. What the docs say."""
    layer = nn.Conv3d(1, 1, 4, stride=2, bias=False)
    with torch.no_grad():
        layer.weight.fill_(1.0)
    clip_singular_values_(layer)
    assert norms(layer) == [pytest.approx(1)]
    x = torch.ones(1, 1, 64, 64, 64)
    y = F.conv3d(F.pad(x, (1,) * 6, mode="circular"), layer.weight, stride=2)
    assert (y.norm() / x.norm()).item() == pytest.approx(8**0.5, rel=1e-5)


def test_weights_that_are_no_numbers_stop_the_training_with_a_line():
    critic = SmallCritic()
    with torch.no_grad():
        critic.linear.weight[0, 0] = float("nan")
    with pytest.raises(TrainingError, match=r"linear\.weight of the critic became not-a-number"):
        clip_singular_values_(critic)


def test_weight_clipping_clamps_everything():
    critic = SmallCritic()
    before = {name: weight.detach().clone() for name, weight in critic.named_parameters()}
    clip_weights_(critic, 0.01)
    for name, weight in critic.named_parameters():
        np.testing.assert_array_equal(weight.detach().numpy(), np.clip(before[name].numpy(), -0.01, 0.01))
