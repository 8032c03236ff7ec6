import torch

from vidgan.nets.speech import FOCUS, STRIDE, MouthEnsemble, MouthNetwork


def test_network_starts_as_its_linear_map():
    network = MouthNetwork(size=6, window=13, outputs=3).eval()
    windows = torch.randn(4, 13, 6)
    matrix, offset = torch.randn(network.matrix.shape), torch.randn(3)
    network.set_linear(matrix, offset)
    assert torch.allclose(network(windows), network.linear_view(windows) @ matrix + offset)


def test_window_counts_most_in_its_middle():
    network = MouthNetwork(size=1, window=9, outputs=1)
    view = network.linear_view(torch.ones(1, 9, 1))[0]
    assert len(view) == len(range(0, 9, STRIDE))
    assert torch.isclose(view[2], torch.tensor(1.0))
    assert torch.isclose(view[0], torch.exp(torch.tensor(-0.5 / FOCUS**2)))


def test_share_scales_the_correction_and_ensemble_is_the_mean():
    torch.manual_seed(0)
    ensemble = MouthEnsemble(3, size=5, window=11, outputs=2).eval()
    windows = torch.randn(7, 11, 5)
    for member in ensemble.members:
        torch.nn.init.normal_(member.head.weight)
    whole = torch.stack([member(windows) for member in ensemble.members]).mean(0)
    assert torch.allclose(ensemble(windows), whole)
    for member in ensemble.members:
        member.share.fill_(0.5)
    assert torch.allclose(ensemble(windows), whole / 2, atol=1e-6)
