import numpy as np
import pytest
import torch

from vidgan.nets.forensic import KNEE, TraceDetector


def bag(seed=0, places=4, side=32):
    return torch.from_numpy(np.random.default_rng(seed).integers(0, 256, (2, places, 3, side, side))).float()


def awake(seed=0):
    """A tiny detector whose head is not zero."""
    torch.manual_seed(seed)
    network = TraceDetector((8, 16))
    torch.nn.init.normal_(network.head.weight)
    return network.eval()


def test_traces_are_residuals_and_changes():
    patches = bag()[0]
    traces = awake().traces(patches)
    assert traces.shape == (4, 6, 32, 32)
    here = patches[1, 2, 10:15, 6:11]
    weights = np.array([[-1, 2, -2], [2, -6, 8], [-2, 8, -12]]) / 12
    weights = np.pad(weights, (0, 2), "reflect")
    residual = float((here * torch.from_numpy(weights)).sum())
    assert traces[1, 2, 12, 8] == pytest.approx(np.tanh(residual / KNEE), abs=1e-5)
    first, second, third = (float(patches[1, t, 12, 8]) for t in range(3))
    assert traces[1, 3, 12, 8] == pytest.approx(np.tanh((second - first) / KNEE), abs=1e-5)
    assert traces[1, 5, 12, 8] == pytest.approx(np.tanh((third - 2 * second + first) / KNEE), abs=1e-5)


def test_a_plane_leaves_no_trace():
    rows, columns = torch.meshgrid(torch.arange(32.0), torch.arange(32.0), indexing="ij")
    plane = (3 * rows + 2 * columns + 10)[None, None].expand(1, 3, -1, -1)
    assert awake().traces(plane)[:, :, 2:-2, 2:-2].abs().max() < 1e-5


def test_new_ones_say_nothing_and_the_same_patch_again_changes_nothing():
    assert TraceDetector((8, 16))(bag()).abs().max() == 0
    network = awake()
    some = bag(places=2)
    twice = some.repeat(1, 3, 1, 1, 1)
    assert network(some).abs().max() > 1e-3
    torch.testing.assert_close(network(twice), network(some))


def test_patches_have_no_order():
    network, some = awake(), bag()
    torch.testing.assert_close(network(some[:, [2, 0, 3, 1]]), network(some))


def test_the_likelihood_is_the_calibrated_mean():
    network = awake()
    network.calibration.copy_(torch.tensor([2.0, -1.0]))
    assert float(network.likelihood(torch.tensor([1.0, 2.0]))) == pytest.approx(1 / (1 + np.exp(-2.0)))
