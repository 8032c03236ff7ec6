from __future__ import annotations

import pytest

from vidgan.device import choose_device
from vidgan.errors import DeviceError, UsageError

torch = pytest.importorskip("torch")


@pytest.fixture
def gpus(monkeypatch):
    """Pretend that this many GPUs are there."""

    def pretend(count):
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)
        monkeypatch.setattr(torch.cuda, "get_device_name", lambda index: f"GPU {index}")

    return pretend


def test_auto_takes_what_is_there(gpus):
    gpus(0)
    assert choose_device("auto")[0] == "cpu"
    gpus(2)
    assert choose_device("auto") == ("cuda:0", "GPU 0, the first GPU")


def test_the_asked_one_or_none(gpus):
    gpus(2)
    assert choose_device("cuda:1") == ("cuda:1", "GPU 1, as asked")
    assert choose_device("cpu") == ("cpu", "as asked")
    with pytest.raises(DeviceError, match="cuda:2: there are only 2 GPUs"):
        choose_device("cuda:2")
    gpus(0)
    with pytest.raises(DeviceError, match="^--device cuda: .*use --device cpu, or auto"):
        choose_device("cuda")


@pytest.mark.parametrize("asked", ["gpu", "cuda:", "cuda:x", "mps", ""])
def test_what_is_no_device(asked):
    with pytest.raises(UsageError, match="--device takes auto, cpu, cuda or cuda:N"):
        choose_device(asked)
