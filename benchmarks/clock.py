"""What share of a training step is spent in the networks."""

from __future__ import annotations

import time
from collections import defaultdict
from typing import Any

import numpy as np
import torch

from benchmarks.common import Row


class NetworkClock:
    """Counts the seconds that a task spends in its networks, backward passes and optimisers."""

    def __init__(self, device: str) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._cuda = device.startswith("cuda")
        self._began: dict[str, float] = {}

    def network(self, name: str, module: torch.nn.Module) -> None:
        """Count a module's forward passes."""
        module.register_forward_pre_hook(lambda *_: self._start(name))
        module.register_forward_hook(lambda *_: self._stop(name))

    def method(self, name: str, owner: Any, attribute: str) -> None:
        """Count the calls of an object's method."""
        inner = getattr(owner, attribute)

        def timed(*args: Any, **kwargs: Any) -> Any:
            self._start(name)
            try:
                return inner(*args, **kwargs)
            finally:
                self._stop(name)

        setattr(owner, attribute, timed)

    def now(self) -> float:
        """The time, with all work on the GPU done."""
        if self._cuda:
            torch.cuda.synchronize()
        return time.perf_counter()

    def _start(self, name: str) -> None:
        self._began[name] = self.now()

    def _stop(self, name: str) -> None:
        self.seconds[name] += self.now() - self._began.pop(name)


def training_shares(task: Any, device: str, steps: int) -> Row:
    """Shares of the time of `steps` steps spread over a whole schedule, after one to warm up."""
    task.step(0, 0.99)
    clock = NetworkClock(device)
    clock.network("generator", task.generator.module)
    clock.network("discriminator", task.judge.module)
    clock.network("perceptual", task.perceptual.network)
    clock.method("backward", task.fabric, "backward")
    clock.method("optimisers", task.generator_optimiser, "step")
    clock.method("optimisers", task.judge_optimiser, "step")
    began = clock.now()
    for step, fraction in enumerate(np.linspace(0, 1, steps, endpoint=False)):
        task.step(step, float(fraction))
    total = clock.now() - began
    shares = {name: seconds / total for name, seconds in clock.seconds.items()}
    return {**shares, "networks": sum(shares.values()), "steps/s": steps / total}
