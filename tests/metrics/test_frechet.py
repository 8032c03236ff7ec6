from __future__ import annotations

import math

import pytest
import torch

from vidgan.metrics.frechet import frechet_distance


def normal(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def whitened(samples, dims, seed=0):
    """Samples whose mean is exactly 0 and covariance exactly the unit matrix."""
    x = normal(samples, dims, seed=seed)
    x = x - x.mean(0)
    covariance = x.T @ x / (samples - 1)
    return x @ torch.linalg.inv(torch.linalg.cholesky(covariance)).T


def by_matrix_root(a, b):
    """The definition, with the root of a symmetric matrix by its eigenvalues."""
    mean = (a.mean(0) - b.mean(0)).square().sum()
    ca, cb = torch.cov(a.T), torch.cov(b.T)
    values, vectors = torch.linalg.eigh(ca)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    inner = torch.linalg.eigvalsh(root @ cb @ root).clamp(min=0).sqrt().sum()
    return float(mean + torch.trace(ca) + torch.trace(cb) - 2 * inner)


def test_two_gaussians_in_closed_form():
    a = whitened(50, 4) * torch.tensor([1.0, 2, 3, 4])
    b = whitened(80, 4, seed=1) * torch.tensor([2.0, 2, 1, 7]) + torch.tensor([1.0, 0, -2, 0])
    assert frechet_distance(a, b) == pytest.approx(5 + (1 + 0 + 4 + 9))  # |mean|^2 + sum of (s - s')^2


@pytest.mark.parametrize(("n", "m", "dims"), [(40, 60, 6), (9, 7, 20), (30, 5, 12)])
def test_equals_the_definition_with_more_and_with_fewer_samples_than_features(n, m, dims):
    a, b = normal(n, dims) * torch.linspace(0.5, 3, dims), normal(m, dims, seed=1) + 0.7
    assert frechet_distance(a, b) == pytest.approx(by_matrix_root(a, b), rel=1e-6)


def test_of_a_set_with_itself_is_zero_and_it_is_symmetric():
    a, b = normal(20, 5), normal(20, 5, seed=1)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-9)
    assert frechet_distance(a, b) == pytest.approx(frechet_distance(b, a))


def test_is_biased_upwards_when_samples_are_few():
    def mean_of(samples):
        return sum(frechet_distance(normal(samples, 8, seed=s), normal(samples, 8, seed=99 - s)) for s in range(5)) / 5

    assert mean_of(12) > 2 * mean_of(120)


def test_too_few_samples_or_no_number_has_no_value():
    assert math.isnan(frechet_distance(normal(1, 3), normal(5, 3)))
    assert math.isnan(frechet_distance(torch.full((4, 3), math.inf), normal(5, 3)))


def test_sides_with_different_features_are_refused():
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        frechet_distance(normal(4, 3), normal(4, 2))
