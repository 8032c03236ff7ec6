from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from vidgan.config import load_config
from vidgan.progress import Event
from vidgan.stages.manifest import Manifest
from vidgan.stages.pipeline import read_pipeline, settings_model
from vidgan.stages.plan import Plan, make_plan
from vidgan.stages.runner import run_plan
from vidgan.stages.store import Store

CHAIN = {
    "name": "chain",
    "inputs": ["film"],
    "stages": [
        {"name": "first", "stage": "tests.stages.fakes:Apart", "config": "count", "inputs": {"video": "film"}},
        {"name": "second", "stage": "tests.stages.fakes:Count", "config": "more", "inputs": {"before": "first"}},
        {
            "name": "third",
            "stage": "tests.stages.fakes:Count",
            "config": "last",
            "inputs": {"before": "second", "model": "first"},
        },
    ],
    "outputs": {"video": "third/steps.txt", "report": "second/steps.txt"},
}


class Bench:
    """A pipeline of fake stages in a folder: writes its file, plans it, runs it, and knows what happened."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.film = folder / "film.mp4"
        self.film.write_bytes(b"film")
        self.faults = folder / "faults"
        self.faults.mkdir()
        self.work = folder / "work"
        self.path = folder / "pipeline.yaml"
        self.write(CHAIN)
        self.events: list[Event] = []

    def write(self, pipeline: dict[str, Any]) -> None:
        self.path.write_text(yaml.safe_dump(pipeline))

    def fault(self, stage: str, step: int | None, what: str = "kill") -> None:
        path = self.faults / stage
        if step is None:
            path.unlink(missing_ok=True)
        else:
            path.write_text(f"{step} {what}")

    @property
    def store(self) -> Store:
        return Store(self.work)

    def plan(self, *overrides: str, seed: int = 0) -> Plan:
        pipeline = read_pipeline(self.path)
        settings = load_config(settings_model(pipeline), None, overrides)
        return make_plan(pipeline, settings, {"film": self.film}, self.store, seed)

    def run(self, *overrides: str, seed: int = 0) -> dict[str, Manifest]:
        self.events.clear()
        plan = self.plan(*overrides, seed=seed)
        run_plan(plan, self.store, "cpu", self.events.append)
        return {stage.name: Manifest.read(stage.job.entry(self.store).dir) for stage in plan.stages}

    def actions(self, *overrides: str, seed: int = 0) -> dict[str, str]:
        return {stage.name: stage.action for stage in self.plan(*overrides, seed=seed).stages}

    def reasons(self, *overrides: str, seed: int = 0) -> dict[str, str]:
        return {stage.name: stage.reason for stage in self.plan(*overrides, seed=seed).stages}


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = Bench(tmp_path)
    monkeypatch.setenv("FAULTS", str(made.faults))
    return made


@pytest.fixture
def single(bench: Bench) -> Callable[..., Bench]:
    """The bench with one stage, of the fake class `cls`."""

    def make(cls: str, **more: Any) -> Bench:
        stage = {"name": "only", "stage": f"tests.stages.fakes:{cls}", "config": "count", "inputs": {"video": "film"}}
        outputs = {"video": "only/steps.txt"}
        bench.write({"name": "one", "inputs": ["film"], "stages": [stage | more], "outputs": outputs})
        return bench

    return make
