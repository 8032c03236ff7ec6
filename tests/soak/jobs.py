"""The commands that are disturbed, and what is compared afterwards."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import psutil

from vidgan.stages.manifest import Manifest, file_digest
from vidgan.stages.store import Store
from vidgan.train.checkpoint import load_checkpoint, read_network
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 900
"""Seconds after which a command hangs."""

_NOT_REPEATED = ("sign", "report")  # a signature has its own time and randomness, a report the run's seconds
_SMALL = ("report.frames=4", "report.stills=1", "report.clip_seconds=0")


@dataclass(frozen=True)
class Draft:
    """`vidgan transfer --quality draft`, its work folder and its output below `folder`."""

    folder: Path
    source: Path
    target: Path
    settings: tuple[str, ...] = ()

    def command(self, name: str = "out") -> list[str]:
        """Arguments of the command."""
        settings = [part for it in self.settings for part in ("--set", it)]
        output, work = self.folder / f"{name}.mp4", self.folder / "work"
        return ["transfer", str(self.source), str(self.target), "-o", str(output), "--work", str(work),
                "--quality", "draft", "--quiet", *settings]  # fmt: skip

    def result(self, name: str = "out") -> dict[str, str]:
        """What must be the same in every run: the files of all stages but two, and the frames of the output."""
        found = {
            f"{manifest.instance}/{file}": record.sha256
            for manifest in self._manifests()
            if manifest.instance not in _NOT_REPEATED
            for file, record in manifest.files.items()
        }
        left = sorted(it.name for it in self.folder.iterdir() if ".partial" in it.name)
        return found | {"frames": frames_digest(self.folder / f"{name}.mp4"), "left": " ".join(left)}

    def damage(self) -> list[str]:
        """What is taken for whole, and is not."""
        if not (self.folder / "work").exists():
            return []
        found = []
        for entry in Store(self.folder / "work").entries():
            manifest = Manifest.read(entry.dir)
            if entry.dir.exists() and manifest is None:
                found.append(f"{entry.name} has no manifest")
            found += [f"{entry.name}: {it}" for it in (manifest.damage(entry.dir, contents=True) if manifest else ())]
        output = self.folder / "out.mp4"
        if output.exists():
            frames_digest(output)
        return found

    def _manifests(self) -> Iterator[Manifest]:
        for entry in Store(self.folder / "work").entries():
            manifest = Manifest.read(entry.dir)
            if manifest is not None:
                yield manifest


@dataclass(frozen=True)
class Training:
    """`vidgan train tiny`, the run below `folder`."""

    folder: Path
    clips: Path
    settings: tuple[str, ...] = ()

    def command(self, name: str = "run") -> list[str]:
        """Arguments of the command."""
        settings = [part for it in ("checkpoint_seconds=0.2", *self.settings) for part in ("--set", it)]
        return ["train", "tiny", str(self.clips), "-o", str(self.folder / name), "--device", "cpu", "--steps", "24",
                "--quiet", *settings]  # fmt: skip

    def result(self, name: str = "run") -> dict[str, str]:
        """The network, byte for byte."""
        return {"model": file_digest(self.folder / name / "model.safetensors")}

    def damage(self) -> list[str]:
        """Reading raises where something is half-written."""
        run = self.folder / "run"
        for path in (run / "checkpoint.pt", run / "best.pt"):
            if path.exists():
                load_checkpoint(path)
        if (run / "model.safetensors").exists():
            read_network(run / "model.safetensors")
        return []


Job = Draft | Training


def frames_digest(path: Path) -> str:
    """The hash of all decoded frames and their times."""
    total = hashlib.sha256()
    with ClipReader(path) as clip:
        for frame in clip:
            total.update(frame.rgb.tobytes() + str(frame.time).encode())
    return total.hexdigest()


def sample_draft(folder: Path, small: bool) -> Draft:
    """The draft of the samples; `small`: of a few frames of them."""
    samples = [ROOT / "samples" / f"{name}.mp4" for name in ("source", "target")]
    if not small:
        return Draft(folder, *samples)
    folder.mkdir(parents=True, exist_ok=True)
    return Draft(folder, *(_first_frames(path, folder.parent / f"small-{path.name}") for path in samples), _SMALL)


def _first_frames(path: Path, to: Path, count: int = 8) -> Path:
    if not to.exists():
        with ClipReader(path, max_side=192) as clip, ClipWriter(to, clip.width, clip.height, Fraction(25)) as writer:
            for number, frame in enumerate(islice(clip, count)):
                writer.write(frame.rgb, Fraction(number, 25))
    return to


# --- Commands ---------------------------------------------------------------------------------------------------------


def start(arguments: list[str], keys: Path, **environment: str) -> subprocess.Popen[str]:
    """The command in a process of its own."""
    path = os.pathsep.join(filter(None, (environment.pop("first", ""), str(ROOT))))
    return subprocess.Popen(
        [sys.executable, "-m", "vidgan.cli.main", *arguments],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path, "VIDGAN_TRUST": str(keys), "OMP_NUM_THREADS": "1", **environment},
    )  # fmt: skip


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and what it said; a command that hangs is killed, which its code shows."""
    try:
        return (process.communicate(timeout=PATIENCE)[1], process.returncode)[::-1]
    except subprocess.TimeoutExpired:
        process.kill()
        return -signal.SIGALRM, f"nothing for {PATIENCE} s: {process.communicate()[1]}"


def family(process: subprocess.Popen[str]) -> list[psutil.Process]:
    """The command's process and all that it has started."""
    try:
        main = psutil.Process(process.pid)
        return [main, *main.children(recursive=True)]
    except psutil.Error:
        return []


def work_done(process: subprocess.Popen[str]) -> float:
    """Seconds of processor time that the command and all that it has started have used: how far it is, however busy the
    machine.
    """
    total = 0.0
    for it in family(process):
        with suppress(psutil.Error):
            total += sum(it.cpu_times()[:4])  # its own, and of its children that have ended
    return total
