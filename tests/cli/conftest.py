from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from vidgan.cli.main import _exit_code

FAKE = {
    "name": "fake",
    "inputs": ["film"],
    "stages": [
        {"name": "first", "stage": "tests.stages.fakes:Apart", "config": "count", "inputs": {"video": "film"}},
        {"name": "second", "stage": "tests.stages.fakes:Random", "config": "more", "inputs": {"before": "first"}},
    ],
    "outputs": {"video": "second/steps.txt", "report": "first/steps.txt"},
}


@pytest.fixture
def vidgan(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, str, str]]:
    """Run the command here; gives its exit code, stdout and stderr."""
    monkeypatch.delenv("VIDGAN_DEBUG", raising=False)
    before = signal.getsignal(signal.SIGTERM)

    def run(*args: object) -> tuple[int, str, str]:
        capfd.readouterr()
        code = _exit_code([str(arg) for arg in args])
        return code, *capfd.readouterr()

    yield run
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, the current one, with a pipeline of fake stages, a film and a work folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VIDGAN_WORK", str(tmp_path / "work"))
    monkeypatch.setenv("FAULTS", str(tmp_path / "faults"))
    (tmp_path / "faults").mkdir()
    (tmp_path / "fake.yaml").write_text(yaml.safe_dump(FAKE, sort_keys=False))
    (tmp_path / "film.mp4").write_bytes(b"film")
    return tmp_path
