"""A few moments of `make soak`; `tests/stages/test_runner.py` has the same for every kind of stage with light ones."""

from __future__ import annotations

from dataclasses import replace

from tests.soak import run
from tests.soak.run import soaked


def test_a_training_killed_at_a_random_moment_gives_the_undisturbed_network(tmp_path):
    assert soaked("kill-train", 1, True, tmp_path) == []


def test_a_difference_is_found(tmp_path, monkeypatch):
    """Otherwise the test above would prove nothing."""

    class Other(run.Training):
        def result(self, name="run"):
            return {"model": self.folder.name}

    soak = run.Soak(tmp_path, 1, True, None)
    job = Other(tmp_path / "one", tmp_path)
    monkeypatch.setattr(run, "start", lambda *given, **more: None)
    monkeypatch.setattr(run, "finish", lambda process: (0, ""))
    assert run._compare(soak, job, job.result()) == []
    assert run._compare(soak, replace(job, folder=tmp_path / "two"), job.result()) == ["model differs"]
