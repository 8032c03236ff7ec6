from __future__ import annotations

import os
import pickle
import zipfile
from contextlib import suppress

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn

from vidgan.errors import TrainingError
from vidgan.train.checkpoint import load_checkpoint, read_network, save_checkpoint, save_network

pytestmark = pytest.mark.filterwarnings("ignore:Detected pickle protocol")


@pytest.fixture
def checkpoint(tmp_path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"weights": torch.arange(100.0), "run": {"step": 3, "scores": [1.5, None, "a"]}})
    return path


@pytest.fixture
def network_file(tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(path, nn.Linear(3, 2), {"width": 8})
    return path


class Malice:
    """Leaves a file where it was unpickled."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def refused(read, path):
    with pytest.raises(TrainingError) as caught:
        read(path)
    text = str(caught.value)
    assert str(path) in text
    assert "\n" not in text


def test_tensors_and_plain_values_come_back(checkpoint):
    state = load_checkpoint(checkpoint)
    assert torch.equal(state["weights"], torch.arange(100.0))
    assert state["run"] == {"step": 3, "scores": [1.5, None, "a"]}
    assert [path.name for path in checkpoint.parent.iterdir()] == ["checkpoint.pt"]


def test_a_kill_while_writing_leaves_the_old_one(checkpoint, monkeypatch):
    def killed(state, file):
        file.write(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr(torch, "save", killed)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(checkpoint, {"weights": torch.zeros(3)})
    assert len(load_checkpoint(checkpoint)["weights"]) == 100


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.9, 0.99])
def test_a_truncated_checkpoint_is_refused_in_one_line(checkpoint, share):
    data = checkpoint.read_bytes()
    checkpoint.write_bytes(data[: int(len(data) * share)])
    refused(load_checkpoint, checkpoint)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=200))
def test_noise_is_no_checkpoint_and_no_network(tmp_path, noise):
    path = tmp_path / "noise"
    path.write_bytes(noise)
    refused(load_checkpoint, path)
    refused(read_network, path)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1), noise=st.binary(min_size=1, max_size=30))
def test_a_damaged_checkpoint_is_read_or_refused_but_nothing_else(checkpoint, place, noise):
    data = checkpoint.read_bytes()
    start = int(place * (len(data) - len(noise)))
    damaged = checkpoint.with_name("damaged.pt")
    damaged.write_bytes(data[:start] + noise + data[start + len(noise) :])
    with suppress(TrainingError):
        load_checkpoint(damaged)


def test_a_checkpoint_that_runs_code_is_refused_and_not_run(tmp_path):
    trap, path = tmp_path / "trap", tmp_path / "evil.pt"
    torch.save({"task": Malice(trap)}, path)
    refused(load_checkpoint, path)
    path.write_bytes(pickle.dumps(Malice(trap)))
    refused(load_checkpoint, path)
    refused(read_network, path)
    assert not trap.exists()


def test_a_pickle_hidden_in_a_zip_is_refused_and_not_run(tmp_path):
    trap, path = tmp_path / "trap", tmp_path / "evil.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps(Malice(trap)))
        archive.writestr("archive/version", "3\n")
    refused(load_checkpoint, path)
    refused(read_network, path)
    assert not trap.exists()


def test_something_else_than_a_state_is_refused(tmp_path):
    torch.save([1, 2], tmp_path / "list.pt")
    refused(load_checkpoint, tmp_path / "list.pt")


def test_a_network_comes_back_with_its_facts(tmp_path):
    network = nn.Linear(3, 2)
    save_network(tmp_path / "network.safetensors", network, {"width": 8, "name": "repair"})
    weights, facts = read_network(tmp_path / "network.safetensors")
    assert facts == {"width": 8, "name": "repair"}
    for name, value in network.state_dict().items():
        assert torch.equal(weights[name], value)
    assert [path.name for path in tmp_path.iterdir()] == ["network.safetensors"]


@pytest.mark.parametrize("share", [0.0, 0.05, 0.5, 0.95])
def test_a_truncated_network_is_refused_in_one_line(network_file, share):
    data = network_file.read_bytes()
    network_file.write_bytes(data[: int(len(data) * share)])
    refused(read_network, network_file)


def test_a_missing_file_is_said(tmp_path):
    refused(read_network, tmp_path / "none.safetensors")
    refused(load_checkpoint, tmp_path / "none.pt")
