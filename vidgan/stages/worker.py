"""One stage in a process of its own: `python -m vidgan.stages.worker FD`, its job on stdin, its events on FD.

A plain child process, not multiprocessing: a user's script needs no `__main__` guard, and what libraries print goes
to a log. The parent's end of stdin is the lifeline: when the parent dies, however it dies, the child ends at once.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, NoReturn

from vidgan.errors import Interrupted, VidganError, known_error
from vidgan.libraries import explained
from vidgan.progress import Emit, Event
from vidgan.stages.execute import Job, execute
from vidgan.stages.manifest import InputRecord
from vidgan.stages.registry import load_class
from vidgan.stages.store import Store
from vidgan.video.limits import MediaLimits, current_limits, limited

QUIET = {"GLOG_minloglevel": "3", "TF_CPP_MIN_LOG_LEVEL": "3"}
"""Environment that keeps MediaPipe's C++ libraries from writing to the terminal."""

_GRACE_S = 5.0  # for a stage to put its state in order before it is killed


class StageCrashedError(Exception):
    """A stage ended by an error that is not the user's; the note holds the traceback."""


class Worker:
    """A stage that runs in a child process."""

    def __init__(self, job: Job, store: Store, device: str, emit: Emit, finished: Callable[[Worker], None]) -> None:
        self.job, self._log = job, job.entry(store).log
        self._outcome: Event | None = None
        reading, writing = os.pipe()
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        debug = bool(os.environ.get("VIDGAN_DEBUG"))
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "vidgan.stages.worker", str(writing)],
                stdin=subprocess.PIPE,
                stdout=None if debug else log,
                stderr=None if debug else log,
                pass_fds=[writing],
                start_new_session=True,
                env={**QUIET, **os.environ, "PYTHONPATH": path},
            )
        os.close(writing)
        self._thread = threading.Thread(target=self._pump, args=(reading, emit, finished), daemon=True)
        self._thread.start()
        self._send(_dump(job, store, device))

    def _send(self, message: str) -> None:
        pipe = self._process.stdin
        assert pipe is not None
        with suppress(BrokenPipeError):  # it has died already; `result` says how
            pipe.write(message.encode() + b"\n")
            pipe.flush()

    def _pump(self, reading: int, emit: Emit, finished: Callable[[Worker], None]) -> None:
        try:
            with os.fdopen(reading, encoding="utf-8") as events:
                for line in events:
                    if not line.endswith("\n"):
                        break  # killed in the middle of a line
                    event = json.loads(line)
                    if event["event"] == "outcome":
                        self._outcome = event
                    else:
                        emit(event)
        finally:
            self._process.wait()
            finished(self)

    def result(self) -> None:
        """Raise what the stage raised, when it is finished."""
        outcome = self._outcome
        if outcome is None:
            code = self._process.returncode
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            why = " (out of memory?)" if code == -signal.SIGKILL else ""
            raise VidganError(f"{self.job.instance} {how}{why}: {self._last_words()}the log is {self._log}")
        if outcome["error"] is None:
            return
        known = known_error(outcome["error"], outcome["message"])
        if known is not None:
            raise known
        crash = StageCrashedError(f"{self.job.instance} crashed: {outcome['error']}: {outcome['message']}")
        crash.add_note(outcome["traceback"])
        raise crash

    def _last_words(self) -> str:
        lines = self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        return f"{lines[-1]}; " if lines else ""

    def ask_to_stop(self) -> None:
        """Ask the process to put its state in order and end."""
        if self._process.poll() is None:
            self._process.terminate()

    def stop(self) -> None:
        """End the process: wait a while after `ask_to_stop`, then kill it."""
        try:
            self._process.wait(_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
        if self._process.stdin:
            with suppress(BrokenPipeError):  # it may have died before it read its job
                self._process.stdin.close()
        self._thread.join()


def _dump(job: Job, store: Store, device: str) -> str:
    stage = type(job.stage)
    return json.dumps(
        {
            "stage": f"{stage.__module__}:{stage.__qualname__}",
            "config": job.stage.config.model_dump(mode="json"),
            "instance": job.instance,
            "fields": job.fields,
            "inputs": {name: record and record.model_dump() for name, record in job.inputs.items()},
            "sources": {name: record.model_dump() for name, record in job.sources.items()},
            "key": job.key,
            "family": job.family,
            "seed": job.seed,
            "previous": job.previous and str(job.previous),
            "work": str(store.root),
            "device": device,
            "limits": current_limits().model_dump(mode="json"),
        }
    )


def _load(message: dict[str, Any]) -> Job:
    cls = load_class(message["stage"])
    return Job(
        instance=message["instance"],
        stage=cls(cls.Config.model_validate(message["config"])),
        fields=message["fields"],
        inputs={name: record and InputRecord(**record) for name, record in message["inputs"].items()},
        sources={name: InputRecord(**record) for name, record in message["sources"].items()},
        key=message["key"],
        family=message["family"],
        seed=message["seed"],
        previous=Path(message["previous"]) if message["previous"] else None,
    )


def _main(descriptor: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's; it ends its children by SIGTERM
    signal.signal(signal.SIGTERM, _interrupt)
    events = os.fdopen(descriptor, "w", encoding="utf-8", buffering=1)
    lock = threading.Lock()

    def emit(event: Event) -> None:
        with lock:
            events.write(json.dumps(event) + "\n")
            events.flush()

    message = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_end_with_parent, daemon=True).start()
    outcome: Event = {"event": "outcome", "error": None}
    try:
        with limited(MediaLimits.model_validate(message["limits"])):
            execute(_load(message), Store(Path(message["work"])), message["device"], emit)
    except Exception as error:
        text, known = "".join(traceback.format_exception(error)), explained(error)
        outcome |= {"error": type(known).__name__, "message": str(known), "traceback": text}
        if not isinstance(error, VidganError):
            print(text, file=sys.stderr)
    emit(outcome)


def _end_with_parent() -> None:
    while os.read(0, 1024):
        continue
    os._exit(1)


def _interrupt(signum: int, frame: object) -> NoReturn:
    raise Interrupted("interrupted")


if __name__ == "__main__":
    _main(int(sys.argv[1]))
