from __future__ import annotations

import pytest
import torch
from torch import nn

from vidgan.train.ema import PowerEMA


def averaged(values, gamma):
    """The average after weights that took `values` one step after the other."""
    network = nn.Linear(1, 1, bias=False)
    ema = PowerEMA(network, gamma)
    for step, value in enumerate(values, start=1):
        with torch.no_grad():
            network.weight.fill_(value)
        ema.update(network, step)
    return ema.network.weight.item()


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.5, 12.0])
def test_weights_count_by_the_integral_of_t_to_the_gamma(gamma):
    """Karras et al. 2024, eq. 1, for weights that are constant within a step."""
    values = torch.randn(30, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    edges = torch.arange(31, dtype=torch.float64) ** (gamma + 1)
    shares = edges.diff() / edges[-1]
    assert averaged(values.tolist(), gamma) == pytest.approx(float((shares * values).sum()), abs=1e-6)


def test_gamma_zero_is_the_plain_mean():
    assert averaged([1.0, 2.0, 6.0], 0.0) == pytest.approx(3.0)


def test_nothing_of_the_beginning_is_left_after_the_first_step():
    assert averaged([7.0], 12.0) == pytest.approx(7.0)


def test_buffers_are_copied_and_the_average_does_not_learn():
    network = nn.BatchNorm1d(3)
    ema = PowerEMA(network)
    network(torch.randn(5, 3) + 4)
    ema.update(network, 1)
    torch.testing.assert_close(ema.network.running_mean, network.running_mean)
    assert not ema.network.training
    assert not any(value.requires_grad for value in ema.network.parameters())


def test_the_network_itself_is_not_touched():
    network = nn.Linear(2, 2)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    PowerEMA(network).update(network, 5)
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert all(value.requires_grad for value in network.parameters())
