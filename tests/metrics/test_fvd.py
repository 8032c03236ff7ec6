from __future__ import annotations

import hashlib
import math

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from vidgan.errors import DependencyError, UsageError
from vidgan.metrics.frechet import frechet_distance
from vidgan.metrics.fvd import (
    I3D_SHA256,
    ScriptedNetwork,
    fvd,
    i3d_features,
    inception_score,
    score_of_probabilities,
)

CLIPS = np.random.default_rng(0).integers(0, 256, (10, 4, 8, 8, 3)).astype(np.uint8)


class TinyI3D(nn.Module):
    """Mean and spread of each colour, called as the published I3D is."""

    def forward(self, x: Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False) -> Tensor:
        x = x.flatten(2)
        return torch.cat([x.mean(2), x.std(2)], 1)


class TinyC3D(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return torch.softmax(x.flatten(2).mean(2), 1)


def scripted(module, path):
    torch.jit.script(module).save(str(path))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def test_fvd_is_the_frechet_distance_of_the_networks_features(tmp_path):
    path, digest = scripted(TinyI3D(), tmp_path / "i3d.pt")
    network = ScriptedNetwork(path, digest, "i3d")
    a, b = i3d_features(CLIPS, network), i3d_features(CLIPS // 2, network)
    x = torch.from_numpy(CLIPS).permute(0, 4, 1, 2, 3).flatten(2).float()
    torch.testing.assert_close(a, torch.cat([x.mean(2), x.std(2)], 1))
    assert fvd(a, b) == pytest.approx(frechet_distance(a, b))
    assert fvd(a, b) > 100
    assert fvd(a, a) == pytest.approx(0, abs=1e-6)


def test_inception_score_of_known_probabilities():
    assert score_of_probabilities(torch.full((4, 5), 0.2).double()) == pytest.approx(1)
    assert score_of_probabilities(torch.eye(5).double()) == pytest.approx(5)
    mixed = torch.tensor([[0.9, 0.1], [0.4, 0.6]]).double()
    by_hand = 0.5 * sum(p * math.log(p / m) for row in mixed.tolist() for p, m in zip(row, (0.65, 0.35), strict=True))
    assert score_of_probabilities(mixed) == pytest.approx(math.exp(by_hand))


def test_inception_score_asks_for_probabilities(tmp_path):
    path, digest = scripted(TinyC3D(), tmp_path / "c3d.pt")
    assert inception_score(CLIPS, ScriptedNetwork(path, digest, "c3d")) >= 1
    path, digest = scripted(TinyI3D(), tmp_path / "features.pt")
    with pytest.raises(DependencyError, match="no class probabilities"):
        inception_score(CLIPS, ScriptedNetwork(path, digest, "c3d"))


def test_a_file_with_another_hash_is_not_loaded(tmp_path, monkeypatch):
    path, digest = scripted(TinyC3D(), tmp_path / "bad.pt")
    monkeypatch.setattr(torch.jit, "load", lambda *args, **kwargs: pytest.fail("the program was loaded"))
    with pytest.raises(DependencyError, match=f"{digest}.*was not loaded.*--i3d-sha256"):
        ScriptedNetwork(path, I3D_SHA256, "i3d")
    with pytest.raises(UsageError, match=f"--c3d-sha256 {digest}"):
        ScriptedNetwork(path, None, "c3d")


def test_what_is_missing_or_no_network_is_said_in_a_line(tmp_path):
    with pytest.raises(DependencyError, match="cannot be read"):
        ScriptedNetwork(tmp_path / "none.pt", I3D_SHA256, "i3d")
    path = tmp_path / "text.pt"
    path.write_text("hello")
    with pytest.raises(DependencyError, match="no TorchScript"):
        ScriptedNetwork(path, hashlib.sha256(b"hello").hexdigest(), "i3d")


def test_clips_the_network_cannot_take_are_said_in_a_line(tmp_path):
    path, digest = scripted(nn.Linear(7, 2), tmp_path / "linear.pt")
    with pytest.raises(DependencyError, match="fails on clips of 4x8x8") as failure:
        ScriptedNetwork(path, digest, "i3d")(CLIPS)
    assert "\n" not in str(failure.value)
