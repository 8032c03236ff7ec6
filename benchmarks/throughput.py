"""How fast each configuration of `vidgan train` trains here, and how much of that the networks take.

    python -m benchmarks.throughput --json throughput.json

Each row is a fresh process: a few steps on made-up clips, after two to warm up. *Networks* is the time in forward and
backward passes and penalties; the rest is drawing and augmenting clips, the optimisers, the average and bookkeeping.
Floating-point operations are counted by PyTorch (convolutions and matrix products, forward and backward) and stand
beside what a plain convolution reaches on this machine in the same precision.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from benchmarks.common import JSON_OPTION, Row, finish, in_child, say
from vidgan import resources
from vidgan.clips.model import ClipSet
from vidgan.config import check_layer, read_layers
from vidgan.device import choose_device
from vidgan.tasks.generate import GenerateTask
from vidgan.tasks.generate_config import GenerateConfig
from vidgan.train.engine import choose_precision, keep_freed_memory, launch

PRESETS = ("tiny", "small-data", "tgan", "tgan-conditional")
WARM_UP = 2
DIGITS = {"steps/s": 2, "clips/s": 1, "GFLOP/step": 1, "GFLOP/s": 0, "convolution GFLOP/s": 0}


class Stopwatch:
    """Adds up the time in what it wraps, the outermost call counting."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.seconds, self._depth = device, 0.0, 0

    def now(self) -> float:
        """The time when all that was asked of the device is done."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()

    def over(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, timed."""

        @wraps(function)
        def timed(*args: Any, **kwargs: Any) -> Any:
            if self._depth:
                return function(*args, **kwargs)
            self._depth, began = 1, self.now()
            try:
                return function(*args, **kwargs)
            finally:
                self._depth = 0
                self.seconds += self.now() - began

        return timed


class Operations(TorchDispatchMode):
    """Counts floating-point operations by PyTorch's formulas; `FlopCounterMode` cannot look into double backward."""

    def __init__(self) -> None:
        super().__init__()
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        formula = flop_registry.get(func._overloadpacket)
        if formula is not None:
            self.total += formula(*args, **(kwargs or {}), out_val=out)
        return out


def made_up_clips(config: GenerateConfig) -> ClipSet:
    """Clips of noise in four classes, as long as two windows."""
    rng = np.random.default_rng(0)
    size = config.clips.size
    clips = [rng.integers(0, 255, (2 * config.clips.span, size, size, 3), dtype=np.uint8) for _ in range(8)]
    return ClipSet.of(clips, [number % 4 for number in range(8)], "abcd", held=[number == 7 for number in range(8)])


def convolution_rate(device: torch.device, precision: str, seconds: float = 1.0) -> float:
    """GFLOP/s of a 3x3 convolution of 128 channels on 32 pictures of 32x32, channels last, in a precision."""
    dtype = torch.bfloat16 if precision.startswith("bf16") else torch.float32
    pictures = torch.randn(32, 128, 32, 32, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    weight = torch.randn(128, 128, 3, 3, device=device, dtype=dtype).to(memory_format=torch.channels_last)
    watch, count = Stopwatch(device), 0
    F.conv2d(pictures, weight, padding=1)
    began = watch.now()
    while (spent := watch.now() - began) < seconds:
        F.conv2d(pictures, weight, padding=1)
        count += 1
    return count * 2 * pictures[:, 0].numel() * weight.numel() / spent / 1e9


def measure(preset: str, steps: int, device: str, overrides: tuple[str, ...]) -> Row:
    """One row of the table."""
    config = check_layer(GenerateConfig, read_layers(resources.find("configs", preset, "generate"), overrides))
    precision, _ = choose_precision(config.precision, device)
    keep_freed_memory()
    task = GenerateTask(made_up_clips(config), config, launch(device, precision), 0)
    for step in range(WARM_UP):
        task.step(step, 0.0)
    with Operations() as counter:
        for step in range(config.regularisers.interval):  # lazy penalties are part of the mean
            task.step(WARM_UP + step, 0.0)
    flops = counter.total / config.regularisers.interval / 1e9
    watch = Stopwatch(task.device)
    for owner, name in (
        (task.generator, "forward"), (task.critic, "forward"), (task, "judge_fast"), (task, "_penalty"),
        (task.fabric, "backward"),
    ):  # fmt: skip
        object.__setattr__(owner, name, watch.over(getattr(owner, name)))
    began = watch.now()
    for step in range(steps):
        task.step(step, 0.0)
    rate = steps / (watch.now() - began)
    machine = convolution_rate(task.device, precision)
    return {
        "configuration": preset,
        "precision": precision,
        "parameters": f"{_millions(task.ema.network)} + {_millions(task.judge)} M",
        "batch": config.batch,
        "steps/s": rate,
        "clips/s": rate * config.batch,
        "networks": f"{100 * watch.seconds * rate / steps:.0f} %",
        "GFLOP/step": flops,
        "GFLOP/s": flops * rate,
        "convolution GFLOP/s": machine,
        "of it": f"{100 * flops * rate / machine:.0f} %",
    }


def _millions(network: torch.nn.Module) -> str:
    return f"{sum(it.numel() for it in network.parameters()) / 1e6:.2f}"


@click.command()
@click.argument("presets", nargs=-1)
@click.option("--steps", default=20, show_default=True, help="Steps timed for each.")
@click.option("--device", default="auto", show_default=True, help="auto, cpu, cuda or cuda:N.")
@click.option("--set", "overrides", multiple=True, help="One setting of all; may be repeated.")
@JSON_OPTION
def main(presets: tuple[str, ...], steps: int, device: str, overrides: tuple[str, ...], json_file: Path | None) -> None:
    """Time the configurations PRESETS, all that ship when none are given."""
    chosen, why = choose_device(device)
    rows = []
    for preset in presets or PRESETS:
        say(f"{preset} on {chosen} ({why})")
        rows.append(in_child(measure, preset, steps, chosen, overrides))
    finish(f"Training on {chosen}, {torch.get_num_threads()} threads", rows, DIGITS, json_file, device=chosen)


if __name__ == "__main__":
    main()
