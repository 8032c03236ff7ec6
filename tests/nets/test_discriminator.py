from __future__ import annotations

import pytest
import torch

from vidgan.nets.discriminator import TupleDiscriminator


@pytest.mark.parametrize(("size", "patches"), [(32, 4), (64, 8)])
def test_it_judges_patches(size, patches):
    verdict, features = TupleDiscriminator(12, width=8, layers=3)(torch.randn(2, 12, size, size))
    assert verdict.shape == (2, 1, patches, patches)
    assert [feature.shape[1:] for feature in features] == [
        (8 * 2**i, size // 2 ** (i + 1), size // 2 ** (i + 1)) for i in range(3)
    ]


def test_a_verdict_is_about_its_own_patch():
    torch.manual_seed(0)
    judge = TupleDiscriminator(6, width=8, layers=2).eval()
    tuples = torch.randn(1, 6, 64, 64)
    changed = tuples.clone()
    changed[..., :8, :8] += 1
    difference = (judge(changed)[0] - judge(tuples)[0]).abs()[0, 0]
    assert difference[0, 0] > 0
    assert difference[-4:, -4:].max() == 0


def test_it_is_lipschitz():
    """Spectral norms of one and leaky ReLUs: no more than the overlap of its patches lets the verdict change."""
    torch.manual_seed(0)
    judge = TupleDiscriminator(6, width=8, layers=2)
    tuples = torch.randn(1, 6, 32, 32)
    for _ in range(30):
        judge(tuples)
    judge.eval()
    other = tuples + 0.01 * torch.randn_like(tuples)
    change = (judge(other)[0] - judge(tuples)[0]).norm() / (other - tuples).norm()
    assert change < 2 * 2 * 3  # kernel over stride of every layer bounds how often a pixel is seen
