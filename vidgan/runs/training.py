"""`vidgan train`: a configuration and a folder of clips become a run, which the same command carries on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from torch import nn

from vidgan import __version__, resources
from vidgan.clips.model import ClipSet
from vidgan.clips.prepare import clips_digest, prepare_clips
from vidgan.config import check_layer, read_layers
from vidgan.device import choose_device
from vidgan.errors import Interrupted, OutputError, UsageError
from vidgan.progress import Progress, Silent
from vidgan.runs.folder import CLIPS, FACTS, MODEL, ClipFacts, RunFacts, check_same, model_facts, save_model
from vidgan.tasks.generate import GenerateTask
from vidgan.tasks.generate_config import GenerateConfig
from vidgan.train.engine import Team, choose_precision, keep_freed_memory, launch_world, world
from vidgan.train.loop import RunState, train
from vidgan.video.limits import limited


@dataclass(frozen=True)
class Training:
    """A training that is checked: look at `plan`, then `go`."""

    config: GenerateConfig
    source: Path
    folder: Path
    seed: int
    device: str
    devices: int

    def go(self, progress: Progress) -> RunState | None:
        """Prepare the clips, train until the budget is spent, and write `model.safetensors`.

        Of several processes only the leading one reports, writes and returns where the run ended; the others, None.

        Raises:
            UsageError: the folder holds a run with other settings or clips.
            VidganError: the clips or the state kept before will not do, or a loss became not-a-number.
            Interrupted: Ctrl-C or SIGTERM; the state is saved, calling again goes on.
        """
        config = self.config
        precision, why = choose_precision(config.precision, self.device)
        fabric = launch_world(self.device, precision, self.devices)
        keep_freed_memory()
        team = Team(fabric)
        progress = progress if team.leads else Silent()
        with limited(config.media):
            team.first(lambda: self._claim(progress))
        record, clips = RunFacts.load(self.folder), ClipSet.load(self.folder / CLIPS)
        task = GenerateTask(clips, config, fabric, self.seed, progress.warn)
        processes = f", {team.size} processes" if team.size > 1 else ""
        progress.note(
            f"training on {self.device} in {precision} ({why}){processes}: {_millions(task.ema.network)} in the "
            f"generator, {_millions(task.judge)} in the critic"
        )
        try:
            with stop_on_signal() as stop:
                state, best = train(task, config, self.folder, progress, team=team, stop=stop)
        except Interrupted as error:
            if team.leads:
                raise
            raise SystemExit(error.exit_code) from None  # one of them says it
        if team.leads:
            facts = model_facts(config, record.clips, self.seed, state.step, state.best_step)
            save_model(self.folder / MODEL, best["ema"], facts)
        team.leave()
        return state if team.leads else None

    def _claim(self, progress: Progress) -> None:
        """Make sure that the folder is this run's, and prepare its clips."""
        prepared = self.folder / CLIPS
        if (self.folder / FACTS).exists():
            before = RunFacts.load(self.folder)
            check_same(self.folder, before, self.config, self.seed, clips_digest(self.source, self.config.clips))
            if before.vidgan != __version__:
                progress.note(f"this run was begun by vidgan {before.vidgan}, {__version__} goes on with it")
        else:
            _make_folder(self.folder)
        clips = prepare_clips(self.source, self.config.clips, prepared, progress)
        facts = ClipFacts.of(clips, self.source)
        RunFacts(config=self.config.model_dump(mode="json"), clips=facts, seed=self.seed).save(self.folder)

    def plan(self) -> dict[str, Any]:
        """What would be trained on what, without training or writing: sections of names and values."""
        from vidgan.runs.plan import describe

        with limited(self.config.media):
            return describe(self)


def prepare(
    name: str | Path,
    source: Path,
    output: Path | None = None,
    *,
    budget: str | float | None = None,
    steps: int | None = None,
    overrides: Sequence[str] = (),
    device: str = "auto",
    devices: int = 1,
    seed: int = 0,
) -> Training:
    """Check what can be checked before any work.

    Args:
        name: a YAML file, or the name of a shipped configuration (`tiny`, `generate/tiny`).
        source: the clips.
        output: the folder of the run; `out/runs/NAME` when None.
        budget: seconds or a time such as "30m"; instead of the configuration's.
        steps: counted instead of time.
        overrides: `key=value` settings.
        device: auto, cpu, cuda or cuda:N.
        devices: how many processes to start, one for each device; under torchrun leave it 1.
        seed: of all random numbers.

    Raises:
        UsageError: an unknown configuration, setting or device, or a budget given twice.
        DeviceError: the device is not there.
    """
    if budget is not None and steps is not None:
        raise UsageError("--budget and --steps both say how long: give one")
    path = resources.find("configs", name, "generate")
    layer = read_layers(path, overrides, {"budget": budget, "steps": steps})
    if budget is not None:
        layer.put("steps", None, "--budget")
    config = check_layer(GenerateConfig, layer)
    chosen, _ = choose_device(device)
    processes, machines = world(devices)
    if config.batch % (processes * machines * config.accumulate):
        raise UsageError(
            f"batch {config.batch} cannot be shared by {processes * machines} processes in {config.accumulate} parts: "
            f"--set batch={processes * machines * config.accumulate * max(2, config.batch // processes // machines)}"
        )
    return Training(config, source, output or Path("out/runs") / path.stem, seed, chosen, devices)


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """A function that becomes true at the first Ctrl-C or SIGTERM; the second one interrupts at once.

    Outside the main thread, where signals cannot be caught, it stays false.
    """
    asked: list[int] = []

    def ask(number: int, frame: FrameType | None) -> None:
        if asked:
            raise Interrupted("interrupted before the state was saved; run the same command again to go on")
        asked.append(number)

    if threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _make_folder(folder: Path) -> None:
    if folder.is_dir() and any(not it.name.startswith(CLIPS) for it in folder.iterdir()):
        raise OutputError(f"{folder}: there is something else in it; give another -o")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: the run's folder cannot be made ({error.strerror}); give another -o") from error


def _millions(network: nn.Module) -> str:
    return f"{sum(it.numel() for it in network.parameters()) / 1e6:.2f} M parameters"
