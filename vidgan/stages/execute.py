"""Running one stage in its directory: locked, measured, finished by its manifest."""

from __future__ import annotations

import errno
import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil

from vidgan.errors import VidganError
from vidgan.progress import Emit, EventProgress
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.manifest import InputRecord, Manifest, record_files
from vidgan.stages.store import Entry, Store, work_error


@dataclass(frozen=True)
class Job:
    """All that one run of a stage needs, as plain values but for the stage itself.

    `inputs` are the records of the inputs (a file by its path, a stage by its instance and key, None when off);
    `fields` the settings as they are in the key.
    """

    instance: str
    stage: Stage[Any]
    fields: dict[str, Any]
    inputs: dict[str, InputRecord | None]
    sources: dict[str, InputRecord]
    key: str
    family: str
    seed: int
    previous: Path | None = None

    def entry(self, store: Store) -> Entry:
        """Where it runs."""
        return store.entry(self.instance, self.key)

    def path_of(self, store: Store, record: InputRecord | None) -> Path | None:
        """The path that the stage gets for an input."""
        if record is None:
            return None
        return Path(record.file) if record.file else store.entry(record.stage or "", record.digest).dir


def execute(job: Job, store: Store, device: str, emit: Emit) -> Manifest:
    """Run the job unless another process has finished it meanwhile; what a killed run left is there to go on from.

    Raises:
        VidganError: the stage failed; its directory stays, so that the next run can go on.
    """
    entry = job.entry(store)
    progress = EventProgress(job.instance, emit)

    def waiting() -> None:
        progress.note(f"waiting: another process works on {entry.name}")

    try:
        with store.lock(entry, waiting):
            done = entry.manifest()
            return done or _run(job, store, entry, device, progress)
    except OSError as error:
        raise _disk_error(job, store, error) from error


def _run(job: Job, store: Store, entry: Entry, device: str, progress: EventProgress) -> Manifest:
    shutil.rmtree(entry.dir, ignore_errors=True)  # damaged, or it would have been taken
    entry.partial.mkdir(exist_ok=True)
    context = StageContext(
        dir=entry.partial,
        inputs={name: job.path_of(store, record) for name, record in job.inputs.items()},
        device=device,
        seed=job.seed,
        progress=progress,
        previous=job.previous,
        key=job.key,
    )
    with metered(entry.clock) as meter:
        facts = job.stage.run(context)
    manifest = Manifest(
        instance=job.instance,
        stage=job.stage.name,
        version=job.stage.version,
        key=job.key,
        family=job.family,
        config=job.fields,
        seed=job.seed if job.stage.seeded else None,
        inputs=job.inputs,
        sources=job.sources,
        device=device,
        facts=json.loads(json.dumps(facts)),
        warnings=progress.warnings,
        notes=progress.notes,
        seconds=round(meter.seconds, 3),
        memory_mb=round(meter.memory_mb, 1),
        files=record_files(entry.partial),
        created=datetime.now(UTC).isoformat(),
    )
    manifest.write(entry.partial)
    entry.partial.replace(entry.dir)
    entry.clock.unlink(missing_ok=True)
    progress.emit(
        {"event": "done", "stage": job.instance, "seconds": manifest.seconds, "memory_mb": manifest.memory_mb}
    )
    return manifest


def _disk_error(job: Job, store: Store, error: OSError) -> VidganError:
    """A full or unwritable work folder in the user's words; other errors of the system are named with their stage."""
    inside = str(error.filename or "").startswith(str(store.root))
    if inside or error.errno == errno.EFBIG or shutil.disk_usage(store.root).free < 2**20:
        return work_error(store.root, error)
    return VidganError(f"{job.instance} failed: {error}")


@dataclass
class Meter:
    """The time a stage took and its peak resident memory, its child processes included."""

    seconds: float = 0.0
    memory_mb: float = 0.0


@contextmanager
def metered(clock: Path, interval: float = 0.2) -> Iterator[Meter]:
    """Measure the block. The seconds are kept in the file `clock` meanwhile and go on from there after a kill."""
    before = _read_seconds(clock)
    meter, begin, stop = Meter(before), time.monotonic(), threading.Event()

    def sample() -> None:
        process, saved = psutil.Process(os.getpid()), 0.0
        while True:
            meter.seconds = before + time.monotonic() - begin
            meter.memory_mb = max(meter.memory_mb, _resident(process) / 2**20)
            if meter.seconds - saved > 2:
                saved = meter.seconds
                _write_seconds(clock, saved)
            if stop.wait(interval):
                return

    thread = threading.Thread(target=sample, daemon=True)
    thread.start()
    try:
        yield meter
    finally:
        stop.set()
        thread.join()
        meter.seconds = before + time.monotonic() - begin
        _write_seconds(clock, meter.seconds)


def _resident(process: psutil.Process) -> int:
    total = int(process.memory_info().rss)
    for child in process.children(recursive=True):
        try:
            if os.getsid(child.pid) == os.getsid(0):  # other stages' workers have sessions of their own
                total += int(child.memory_info().rss)
        except ProcessLookupError:
            continue
        except psutil.Error:
            continue  # it ended between the two calls
    return total


def _read_seconds(clock: Path) -> float:
    try:
        return float(clock.read_text())
    except (OSError, ValueError):
        return 0.0


def _write_seconds(clock: Path, seconds: float) -> None:
    try:
        clock.write_text(f"{seconds:.3f}")
    except OSError:
        return  # the stage meets the full disk itself
