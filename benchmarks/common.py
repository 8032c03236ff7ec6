"""What the benchmarks share: a part of a pipeline run in a process of its own, tables, JSON."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any, TypeVar

import click
import numpy as np
import yaml
from numpy.typing import NDArray

from vidgan import resources
from vidgan.api import prepare
from vidgan.config import parse_duration
from vidgan.progress import Emit
from vidgan.stages.manifest import Manifest
from vidgan.stages.pipeline import Pipeline, read_pipeline
from vidgan.stages.runner import run_plan

Row = dict[str, Any]
Result = TypeVar("Result")

JSON_OPTION = click.option("--json", "json_file", type=click.Path(path_type=Path), help="Write the results here too.")
STEPS_OPTION = click.option("--steps", type=click.IntRange(1), help="Train for so many steps instead.")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)
FOLDER = click.Path(path_type=Path, file_okay=False)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Have a folder, made when it is not there, to oneself; raises ClickException when another process has it."""
    folder.mkdir(parents=True, exist_ok=True)
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            advice = "wait for it, or take another folder"
            raise click.ClickException(f"{folder}: another benchmark is at work there: {advice}") from None
        yield
    finally:
        os.close(held)


def save_array(file: Path, array: NDArray) -> None:
    """Write an array as .npy, whole or not at all."""
    partial = file.with_suffix(".partial.npy")
    np.save(partial, array)
    partial.replace(file)


@dataclass(frozen=True)
class Finished:
    """A finished stage: its directory and its manifest."""

    dir: Path
    manifest: Manifest

    @property
    def facts(self) -> dict[str, Any]:
        """What the stage says of itself."""
        return self.manifest.facts


def in_child(function: Callable[..., Result], *args: Any) -> Result:
    """Call in a fresh process, so that one run's memory and thread pools do not count for the next."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        return pool.submit(function, *args).result()


def _end_with_parent() -> None:
    """Nobody waits for a process whose benchmark was killed, and a training would go on for long."""
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


def part_of(
    pipeline: str,
    last: Iterable[str],
    folder: Path,
    instead: Mapping[str, str] | None = None,
    outputs: Mapping[str, str] | None = None,
) -> Path:
    """A shipped pipeline cut down to the stages `last` and what they need, as a YAML file in `folder`.

    `instead` names other classes, as `module:Class`, for some of the stages. Stages keep their names, so all parts
    share their results in one work folder. The train stage is always among them, on or off, as its settings are in
    every preset. `outputs` are the part's own; without any it gives the last stage's manifest.
    """
    whole = read_pipeline(resources.find("pipelines", pipeline))
    found = needed(whole, {*last, "train"})
    stages = [
        spec.model_copy(update={"stage": (instead or {}).get(spec.name, spec.stage), "config": spec.section})
        for spec in whole.stages
        if spec.name in found
    ]
    part = Pipeline(
        name=whole.name,
        inputs=[name for name in whole.inputs if name in found],
        stages=stages,
        outputs=dict(outputs or {"manifest": f"{stages[-1].name}/manifest.json"}),
        presets=whole.presets,
        preset=whole.preset,
    )
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{pipeline}-until-{'-'.join(sorted(last))}.yaml"
    path.write_text(yaml.safe_dump(part.model_dump(mode="json"), sort_keys=False))
    return path


def needed(pipeline: Pipeline, last: Iterable[str]) -> set[str]:
    """The stages `last`, and all stages and files that they come from."""
    inputs = {spec.name: set(spec.inputs.values()) for spec in pipeline.stages}
    wanted, found = set(last), set()
    while wanted:
        name = wanted.pop()
        found.add(name)
        wanted |= inputs.get(name, set()) - found
    return found


def run_stages(
    last: Iterable[str],
    files: Mapping[str, Path],
    work: Path,
    *,
    preset: str = "draft",
    overrides: Sequence[str] = (),
    seed: int = 0,
    device: str = "auto",
    instead: Mapping[str, str] | None = None,
    pipeline: str = "transfer",
    emit: Emit = lambda event: None,
) -> dict[str, Finished]:
    """Run a pipeline as far as the stages `last`; what `work` holds already is not run again."""
    part = part_of(pipeline, last, work, instead)
    whole = read_pipeline(part)
    given = {name: files[name] for name in whole.inputs}
    run = prepare(
        part, given, work / "unused.mp4", preset=preset, overrides=overrides, seed=seed, device=device, work=work
    )
    wanted = needed(whole, last)
    plan = replace(run.plan, stages=tuple(stage for stage in run.plan.stages if stage.name in wanted))
    run_plan(plan, run.store, run.device, emit)
    finished = {}
    for stage in plan.stages:
        folder = stage.job.entry(run.store).dir
        manifest = Manifest.read(folder)
        assert manifest is not None, folder
        finished[stage.name] = Finished(folder, manifest)
    return finished


def total_seconds(stages: Mapping[str, Finished]) -> float:
    """What the stages take from nothing: the two pose stages beside each other, the rest one after the other."""
    poses = [stage.manifest.seconds for name, stage in stages.items() if name.endswith("_pose")]
    rest = [stage.manifest.seconds for name, stage in stages.items() if not name.endswith("_pose")]
    return max(poses, default=0.0) + sum(rest)


def peak_memory(stages: Mapping[str, Finished]) -> float:
    """The largest resident memory of any stage, in MB."""
    return max(stage.manifest.memory_mb for stage in stages.values())


def mean_rows(rows: Sequence[Row], by: str) -> list[Row]:
    """One row for each value of the column `by`, numbers averaged over those that are there; order of appearance."""
    merged: list[Row] = []
    for name in dict.fromkeys(row[by] for row in rows):
        same = [row for row in rows if row[by] == name]
        columns = dict.fromkeys(column for row in same for column in row)
        merged.append({by: name} | {column: _mean(same, column) for column in columns if column != by})
    return merged


def _mean(rows: Sequence[Row], column: str) -> Any:
    values = [row[column] for row in rows if isinstance(row.get(column), int | float)]
    return float(np.mean(values)) if values else next((row[column] for row in rows if row.get(column)), None)


def markdown(rows: Sequence[Row], digits: Mapping[str, int] | None = None) -> str:
    """The rows as a Markdown table; numbers with the column's `digits` (2), missing ones as a dash."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = [columns, *([_cell(row.get(name), (digits or {}).get(name, 2)) for name in columns] for row in rows)]
    widths = [max(len(line[i]) for line in table) for i in range(len(columns))]
    left = [any(isinstance(row.get(name), str) for row in rows) for name in columns]
    lines = [
        " | ".join(
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(line, widths, left, strict=True)
        )
        for line in table
    ]
    rule = "|".join("-" * (width + 1) + ("-" if text else ":") for width, text in zip(widths, left, strict=True))
    return "\n".join([f"| {lines[0]} |", f"|{rule}|", *(f"| {line} |" for line in lines[1:])])


def _cell(value: Any, digits: int) -> str:
    if value is None or (isinstance(value, float) and not np.isfinite(value)):
        return "-"
    return f"{value:.{digits}f}" if isinstance(value, float) else str(value)


def finish(title: str, rows: Sequence[Row], digits: Mapping[str, int], json_file: Path | None, **facts: Any) -> None:
    """Print the table; write `facts` and the rows as JSON when a file is given."""
    click.echo(f"\n{title}\n\n{markdown(rows, digits)}")
    if json_file:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps({"title": title, **facts, "rows": list(rows)}, indent=1) + "\n")


def say(message: str) -> None:
    """A line on stderr, where progress goes."""
    click.echo(message, err=True)


def lengths(budgets: Iterable[str], steps: int | None) -> list[tuple[str, str]]:
    """How long to train, shortest first: as it stands in a row's name, and the setting; `steps` go before times."""
    if steps:
        return [(f"{steps} steps", f"train.steps={steps}")]
    return [
        (_minutes(budget), f"train.budget={budget}") for budget in sorted(filter(None, budgets), key=parse_duration)
    ]


def _minutes(budget: str) -> str:
    """A budget as it stands in a row's name."""
    return budget.removesuffix("m") + " min" if budget.endswith("m") else budget
