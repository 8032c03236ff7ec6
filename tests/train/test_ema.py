from __future__ import annotations

import pytest
import torch
from torch import nn

from vidgan.train.ema import HalfLifeEMA, PowerEMA


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


# --- By half-life -----------------------------------------------------------------------------------------------------


def half_life_average(values, batch, **settings):
    network = nn.Linear(1, 1, bias=False).double()
    nn.init.constant_(network.weight, values[0])
    ema = HalfLifeEMA(network, **settings)
    for step, value in enumerate(values, start=1):
        with torch.no_grad():
            network.weight.fill_(value)
        ema.update(network, step * batch, batch)
    return ema.network.weight.item()


def test_a_weight_counts_half_after_the_half_life():
    """1 for a long time, then 0 for exactly one half-life of 640 images."""
    assert half_life_average([1.0] * 200 + [0.0] * 20, 32, half_life=640, ramp=1.0) == pytest.approx(0.5, abs=1e-6)


def test_the_average_does_not_hang_on_the_batch_size():
    values = torch.randn(40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    large = half_life_average(values.tolist(), 64, half_life=500, ramp=1e9)
    small = half_life_average(values.repeat_interleave(4).tolist(), 16, half_life=500, ramp=1e9)
    assert small == pytest.approx(large)


def test_while_it_warms_up_the_half_life_is_a_share_of_what_was_seen():
    ema = HalfLifeEMA(nn.Linear(1, 1), half_life=10_000, ramp=0.05)
    assert ema.decay(1000, 50) == pytest.approx(0.5)  # half-life 50
    assert ema.decay(100_000, 50) == pytest.approx(0.5 ** (1 / 100))  # half-life 5000
    assert ema.decay(10**7, 50) == pytest.approx(0.5 ** (1 / 200))  # the full one, 10 000


def test_the_first_step_leaves_nothing_of_the_beginning():
    network = nn.Linear(1, 1, bias=False)
    ema = HalfLifeEMA(network)
    nn.init.constant_(network.weight, 7.0)
    ema.update(network, 16, 16)
    assert ema.network.weight.item() == pytest.approx(7.0, abs=1e-4)


def test_running_moments_are_averaged_like_the_weights_and_other_buffers_copied():
    network = nn.BatchNorm1d(1)
    ema = HalfLifeEMA(network, half_life=100, ramp=1.0)
    with torch.no_grad():
        network.running_mean.fill_(4.0)
        network.weight.fill_(5.0)
        network.num_batches_tracked.fill_(9)
    ema.update(network, 1000, 100)
    assert ema.network.running_mean.item() == pytest.approx(2.0)
    assert ema.network.weight.item() == pytest.approx(3.0)
    assert ema.network.num_batches_tracked.item() == 9
    assert not ema.network.training
    assert network.running_mean.item() == 4.0
