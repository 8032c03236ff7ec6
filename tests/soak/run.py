"""Commands that are killed, starved and confused, then run again: the result must be the undisturbed one.

    python -m tests.soak.run [--count 100] [--small] [NAME...]

`kill-draft` and `kill-train` kill -9 the command, or one of its processes, at `--count` moments; `together` runs two
commands on one work folder; `full-disk` and `read-only` need a mount of their own and are skipped where none can be
made; `clock` lets the time jump. `make soak` runs all, the tests a few. Moments are random in the processor time that
the whole takes, not in seconds, so that a busy machine does not draw them all to the start.
"""

from __future__ import annotations

import argparse
import os
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil

from tests.soak.jobs import PATIENCE, ROOT, Job, Training, family, finish, sample_draft, start, work_done
from vidgan.errors import VidganError

LEFT_BEHIND = 20
"""Seconds in which the processes of a killed command end."""

_JUMPS = """
import os, random, time
_true, _chance = time.time, random.Random(int(os.environ["JUMPS"]) + os.getpid())
time.time = lambda: _true() + _chance.choice((0, 0, 1e8, -1e8, 3600, -3600))
"""

_LOOK = 0.05
"""Seconds between two looks at how much work was done."""


def _ended_work() -> float:
    """Seconds of processor time of all commands that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@dataclass
class Soak:
    """One soak: where it works, how often it disturbs, and what it found."""

    folder: Path
    count: int
    small: bool
    chance: random.Random
    kills: int = 0

    @property
    def keys(self) -> Path:
        """Keys of its own."""
        return self.folder / "keys"

    def draft(self, name: str) -> Job:
        """A draft in a new folder."""
        return sample_draft(self.folder / name, self.small)

    def training(self, name: str) -> Job:
        """A short training in a new folder."""
        folder = self.folder / name
        folder.mkdir(parents=True, exist_ok=True)
        return Training(folder, _strips(self.folder / "strips"), _TINY)

    def undisturbed(self, job: Job, **environment: str) -> tuple[dict[str, str], float]:
        """What comes of a job when nothing happens, and the seconds of processor time it takes."""
        began = _ended_work()
        code, said = finish(start(job.command(), self.keys, **environment))
        if code:
            raise RuntimeError(f"undisturbed, it ends with {code}: {said}")
        return job.result(), _ended_work() - began


_TINY = ("batch=4", "clips.size=32", "clips.frames=8", "clips.stride=1", "generator.width=0.05", "critic.width=8",
         "evaluated=4", "evaluations=4", "precision=32-true")  # fmt: skip


def _strips(folder: Path) -> Path:
    from PIL import Image

    from tests.metrics.moving import swinging_discs

    clips, _ = swinging_discs(8, frames=12)
    folder.mkdir(parents=True, exist_ok=True)
    for number, clip in enumerate(clips):
        strip = clip.transpose(1, 0, 2, 3).reshape(clip.shape[1], -1, 3)
        Image.fromarray(strip).save(folder / f"{number:02d}.png")
    return folder


# --- Kills ------------------------------------------------------------------------------------------------------------


def kill_draft(soak: Soak) -> list[str]:
    """Kill a draft again and again until it is through, and compare; then the next."""
    return _kills(soak, soak.draft)


def kill_train(soak: Soak) -> list[str]:
    """The same with a short training."""
    return _kills(soak, soak.training)


def _kills(soak: Soak, make: Callable[[str], Job]) -> list[str]:
    wanted, seconds = soak.undisturbed(make("whole"))
    faults, kills, runs = [], 0, 0
    while kills < soak.count:
        job = make(f"killed-{runs}")
        moment = 0
        while kills < soak.count:
            done, found = _kill_once(soak, job, soak.chance.uniform(0, seconds))
            faults += [f"after kill {kills}: {it}" for it in found]
            if done:
                break
            kills, moment = kills + 1, moment + 1
        faults += [f"run {runs} ({moment} kills): {it}" for it in _compare(soak, job, wanted)]
        print(f"  {kills} kills in {runs + 1} runs, {len(faults)} faults", flush=True)
        shutil.rmtree(job.folder)
        runs += 1
    return faults


def _kill_once(soak: Soak, job: Job, after: float) -> tuple[bool, list[str]]:
    """Whether the command was through before the kill, after so many seconds of work, and what is wrong after it."""
    process = start(job.command(), soak.keys)
    late = time.monotonic() + PATIENCE
    while process.poll() is None and work_done(process) < after and time.monotonic() < late:
        time.sleep(_LOOK)
    if process.poll() is not None:
        said = process.communicate()[1]
        return process.returncode == 0, [] if process.returncode == 0 else [f"ended by itself: {said}"]
    processes = family(process)
    victim = soak.chance.choice(processes) if processes and soak.chance.random() < 0.5 else None
    try:
        (victim or process).kill()
    except psutil.NoSuchProcess:
        process.kill()
    code, said = finish(process)
    faults = []
    if code > 0 and len(said.strip().splitlines()) != 1:
        faults.append(f"more than a line: {said}")
    _, alive = psutil.wait_procs(processes, timeout=LEFT_BEHIND)
    faults += [f"left behind: {' '.join(it.cmdline())}" for it in alive]
    try:
        faults += job.damage()
    except VidganError as error:
        faults.append(f"taken for whole: {error}")
    return code == 0, faults


def _compare(soak: Soak, job: Job, wanted: dict[str, str], name: str | None = None, **environment: str) -> list[str]:
    """Run to the end; what differs from the undisturbed result."""
    names = (name,) if name else ()
    code, said = finish(start(job.command(*names), soak.keys, **environment))
    if code:
        return [f"ends with {code}: {said}"]
    found = job.result(*names)
    return [f"{key} differs" for key in sorted(wanted.keys() | found.keys()) if wanted.get(key) != found.get(key)]


# --- Others -----------------------------------------------------------------------------------------------------------


def together(soak: Soak) -> list[str]:
    """Two commands, one work folder."""
    wanted, _ = soak.undisturbed(soak.draft("whole"))
    job = soak.draft("together")
    both = [start(job.command(name), soak.keys) for name in ("out", "other")]
    faults = [f"ends with {code}: {said}" for code, said in map(finish, both) if code]
    return faults or [it for name in ("out", "other") for it in _compare(soak, job, wanted, name)]


def clock(soak: Soak) -> list[str]:
    """The time jumps by hours and years at every look, and the inputs are from the future."""
    wanted, _ = soak.undisturbed(soak.draft("whole"))
    hook = soak.folder / "hook"
    hook.mkdir()
    (hook / "sitecustomize.py").write_text(_JUMPS)
    environment = {"first": str(hook), "JUMPS": "0"}
    job = soak.draft("jumps")
    faults = _compare(soak, job, wanted, **environment)
    copies = {name: shutil.copy(getattr(job, name), job.folder / f"{name}.mp4") for name in ("source", "target")}
    for path in copies.values():
        os.utime(path, (time.time() + 1e8,) * 2)
    moved = replace(job, **{name: Path(path) for name, path in copies.items()})
    return faults + _compare(soak, moved, wanted, **environment)


def full_disk(soak: Soak) -> list[str]:
    """A small disk that fills up at random places; then there is room."""
    return _mounted(soak, "full-disk", _fill_up)


def read_only(soak: Soak) -> list[str]:
    """A disk that may not be written to, before the run, then in the middle of its results."""
    return _mounted(soak, "read-only", _lock_up)


def _mounted(soak: Soak, name: str, inside: Callable[[Soak], list[str]]) -> list[str]:
    """Go on in a mount namespace, where a disk can be mounted without harm to anybody."""
    if os.environ.get("SOAK_INSIDE") == name:
        return inside(soak)
    unshare = ["unshare", "--map-root-user", "--mount"]
    if not shutil.which("unshare") or subprocess.run([*unshare, "mount", "-t", "tmpfs", "t", "/mnt"], check=False,
                                                     capture_output=True).returncode:  # fmt: skip
        print("  skipped: no disk can be mounted here", flush=True)
        return []
    small = ["--small"] if soak.small else []
    command = [
        *unshare,
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "tests.soak.run",
        name,
        "--count",
        str(soak.count),
        *small,
    ]
    environment = {**os.environ, "SOAK_INSIDE": name, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, check=False, cwd=ROOT, env=environment)
    return [] if done.returncode == 0 else ["see above"]


def _fill_up(soak: Soak) -> list[str]:
    wanted, _ = soak.undisturbed(whole := soak.draft("whole"))
    used = sum(it.stat().st_size for it in whole.folder.rglob("*") if it.is_file())
    disk, faults, refused = soak.folder / "disk", [], 0
    disk.mkdir()
    for number in range(soak.count):
        size = soak.chance.randrange(1 << 16, used)
        _mount(disk, f"size={size}")
        job = replace(whole, folder=disk)
        code, said = finish(start(job.command(), soak.keys))
        refused += code == 1
        if code and (
            code != 1 or len(said.strip().splitlines()) != 1 or ("no space" not in said and "full" not in said)
        ):
            faults.append(f"{size} bytes: ends with {code}: {said}")
        _mount(disk, "remount,size=4G")
        try:
            faults += [f"{size} bytes: {it}" for it in job.damage()]
        except VidganError as error:
            faults.append(f"{size} bytes: taken for whole: {error}")
        faults += [f"{size} bytes, then room: {it}" for it in _compare(soak, job, wanted)]
        subprocess.run(["umount", disk], check=True)
        print(f"  {number + 1} full disks, {refused} noticed, {len(faults)} faults", flush=True)
    return faults


def _lock_up(soak: Soak) -> list[str]:
    wanted, seconds = soak.undisturbed(whole := soak.draft("whole"))
    disk, faults = soak.folder / "disk", []
    disk.mkdir()
    for number in range(soak.count):
        _mount(disk, "size=4G")
        job = replace(whole, folder=disk)
        if number:
            _kill_once(soak, job, soak.chance.uniform(0, seconds))
        _mount(disk, "remount,ro")
        code, said = finish(start(job.command(), soak.keys))
        if code != 1 or len(said.strip().splitlines()) != 1 or "read-only" not in said.lower():
            faults.append(f"read-only: ends with {code}: {said}")
        _mount(disk, "remount,rw")
        faults += [f"writable again: {it}" for it in _compare(soak, job, wanted)]
        subprocess.run(["umount", disk], check=True)
        print(f"  {number + 1} read-only disks, {len(faults)} faults", flush=True)
    return faults


def _mount(disk: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", disk], check=True)


SOAKS: dict[str, Callable[[Soak], list[str]]] = {
    "kill-draft": kill_draft,
    "kill-train": kill_train,
    "together": together,
    "clock": clock,
    "full-disk": full_disk,
    "read-only": read_only,
}
_FEWER = {"full-disk": 10, "read-only": 10}  # of these each costs two whole runs


def soaked(name: str, count: int, small: bool, folder: Path, seed: int = 0) -> list[str]:
    """The faults that a soak finds."""
    count = max(1, count // _FEWER.get(name, 1)) if "SOAK_INSIDE" not in os.environ else count
    return SOAKS[name](Soak(folder, count, small, random.Random(seed)))


def main() -> int:
    """Soak; the exit code is 1 when something was found."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", choices=[*SOAKS, []])
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--small", action="store_true", help="a few frames of the samples")
    parser.add_argument("--seed", type=int, default=0)
    given: Any = parser.parse_args()
    found = []
    for name in given.names or SOAKS:
        print(name, flush=True)
        with TemporaryDirectory(prefix="vidgan-soak-") as folder:
            faults = soaked(name, given.count, given.small, Path(folder), given.seed)
        for fault in faults:
            print(f"  FAULT {fault}", flush=True)
        found += faults
    print(f"{len(found)} faults")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
