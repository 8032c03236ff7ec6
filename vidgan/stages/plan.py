"""What a run would do: each stage cached, resumed or run, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from vidgan.config import Config, family_fields, key_fields
from vidgan.errors import MediaError
from vidgan.stages.execute import Job
from vidgan.stages.manifest import InputRecord, Manifest, stable_hash
from vidgan.stages.pipeline import Pipeline, StageSpec, is_on, stage_config
from vidgan.stages.registry import stage_class
from vidgan.stages.store import Store

Action = Literal["cached", "resume", "run"]


@dataclass(frozen=True)
class PlannedStage:
    """One stage of a plan: what is to be done, why, and after which other stages."""

    job: Job
    action: Action
    reason: str
    after: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the stage in its pipeline."""
        return self.job.instance


@dataclass(frozen=True)
class Plan:
    """The stages that are on, in order; those with the action "cached" need nothing."""

    pipeline: Pipeline
    stages: tuple[PlannedStage, ...]

    def __str__(self) -> str:
        """One line for each stage."""
        width = max(len(stage.name) for stage in self.stages)
        rows = (f"{stage.name:{width}}  {stage.action:6}  {stage.reason}".rstrip() for stage in self.stages)
        return "\n".join(rows)

    def outputs(self, store: Store) -> dict[str, Path]:
        """The files of the pipeline's outputs; call when all stages are finished."""
        entries = {stage.name: stage.job.entry(store) for stage in self.stages}
        found = {}
        for name, place in self.pipeline.outputs.items():
            stage, _, pattern = place.partition("/")
            for path in sorted(entries[stage].dir.glob(pattern))[:1] if stage in entries else ():
                found[name] = path
        return found


def make_plan(pipeline: Pipeline, settings: Config, files: Mapping[str, Path], store: Store, seed: int = 0) -> Plan:
    """Decide for each stage what is to be done.

    Args:
        pipeline: the stages.
        settings: a section for each of them (`settings_model`).
        files: the path of each of the pipeline's inputs.
        store: where finished stages are looked up.
        seed: of the random numbers in stages that are `seeded`.

    Raises:
        MediaError: an input cannot be read.
    """
    records = {name: _file_record(store, files[name]) for name in pipeline.inputs}
    known: dict[str, InputRecord | None] = dict(records)
    sources = {name: {name: record} for name, record in records.items()}  # the files that each thing comes from
    stages: list[PlannedStage] = []
    for spec in pipeline.stages:
        sources[spec.name] = {name: record for given in spec.inputs.values() for name, record in sources[given].items()}
        if not is_on(spec, settings):
            known[spec.name] = None
            continue
        inputs = {name: known[given] for name, given in spec.inputs.items()}
        job = _job(spec, settings, inputs, sources[spec.name], store, seed)
        known[spec.name] = InputRecord(digest=job.key, stage=spec.name)
        stages.append(_planned(job, store))
    return Plan(pipeline, tuple(stages))


def _file_record(store: Store, path: Path) -> InputRecord:
    try:
        return InputRecord(digest=store.digest(path), file=str(path.absolute()))
    except OSError as error:
        raise MediaError(f"cannot read {path}: {error.strerror}") from None


def _job(
    spec: StageSpec,
    settings: Config,
    inputs: dict[str, InputRecord | None],
    sources: dict[str, InputRecord],
    store: Store,
    seed: int,
) -> Job:
    cls = stage_class(spec.stage)
    config = stage_config(spec, settings)
    stage = cls(config)
    inputs = inputs | {name: _file_record(store, path) for name, path in stage.shipped().items()}
    seed = seed if cls.seeded else 0
    fields = key_fields(config, store.digest)
    made_of = {
        "name": cls.name,
        "version": cls.version,
        "seed": seed,
        "inputs": {name: record and record.digest for name, record in inputs.items()},
    }
    key = stable_hash(made_of | {"config": fields})
    family = stable_hash(made_of | {"config": family_fields(config, store.digest)})
    previous = _previous(store, spec.name, family, key, fields)
    return Job(spec.name, stage, fields, inputs, sources, key, family, seed, previous)


def _previous(store: Store, instance: str, family: str, key: str, fields: Mapping[str, Any]) -> Path | None:
    """The newest finished run that this one may carry on: same family, and no number of it beyond ours."""
    for manifest in store.manifests(instance):
        if manifest.family != family or manifest.key == key or _beyond(manifest.config, fields):
            continue
        entry = store.entry(instance, manifest.key)
        if entry.manifest():
            return entry.dir
    return None


def _beyond(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    a, b = _flat(theirs), _flat(ours)
    if any((a[key] is None) != (b.get(key) is None) for key in a):
        return True  # one counts steps, the other seconds: neither can be said to be the shorter
    return any(isinstance(a[key], int | float) and isinstance(b.get(key), int | float) and a[key] > b[key] for key in a)


def _planned(job: Job, store: Store) -> PlannedStage:
    entry = job.entry(store)
    after = tuple(record.stage for record in job.inputs.values() if record and record.stage)
    if entry.manifest():
        return PlannedStage(job, "cached", "", after)
    if entry.dir.exists():
        return PlannedStage(job, "run", "its files in the work folder are damaged", after)
    if entry.started():
        return PlannedStage(job, "resume", "an earlier run was not finished", after)
    return PlannedStage(job, "run", _reason(job, store), after)


def _reason(job: Job, store: Store) -> str:
    """Why the stage is not cached, from the newest run of it for the same files, or for files of the same paths."""
    manifests = store.manifests(job.instance)
    last = _newest(manifests, job.sources, "digest") or _newest(manifests, job.sources, "file")
    if last is None:
        return "first run"
    reasons = []
    if last.version != job.stage.version:
        reasons.append(f"stage version {last.version} -> {job.stage.version}")
    reasons += [f"config.{change}" for change in changes(last.config, job.fields)]
    if job.stage.seeded and last.seed != job.seed:
        reasons.append(f"seed {last.seed} -> {job.seed}")
    for name, record in job.inputs.items():
        before = last.inputs.get(name)
        if (before and before.digest) != (record and record.digest):
            reasons.append(f"input {name} {'changed' if before and record else 'is on' if record else 'is off'}")
    return ", ".join(reasons) or "first run"


def _newest(manifests: list[Manifest], sources: Mapping[str, InputRecord], field: str) -> Manifest | None:
    wanted = {name: getattr(record, field) for name, record in sources.items()}
    same = (it for it in manifests if {name: getattr(record, field) for name, record in it.sources.items()} == wanted)
    return next(same, None)


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The settings that differ, each as "fps changed 25 -> 30"."""
    old, new = _flat(before), _flat(after)
    names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
    return [f"{name} changed {old.get(name)} -> {new.get(name)}" for name in names]


def _flat(fields: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        inner = _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
        flat |= inner
    return flat
