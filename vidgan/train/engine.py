"""Where training runs: device, precision and processes, through Lightning Fabric."""

from __future__ import annotations

import ctypes
import logging
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from vidgan.errors import DeviceError, UsageError, VidganError

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_MOST = 2**31 - 1


def keep_freed_memory() -> None:
    """Have the C library keep freed blocks for the next step, where it is glibc; elsewhere nothing is done.

    glibc maps every large block anew and gives it back when it is freed, so the kernel clears the same pages again and
    again: a fifth of the time of steps that make large temporary tensors. The process's peak is hardly higher, but it
    stays there.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if os.name == "posix" else None
    if mallopt is not None:
        mallopt(_M_MMAP_MAX, 0)
        mallopt(_M_TRIM_THRESHOLD, _MOST)


def choose_precision(asked: str, device: str) -> tuple[str, str]:
    """Fabric's precision for a device and the reason: bfloat16 where the hardware has it, otherwise float32."""
    if asked != "auto":
        return asked, "as asked"
    if device.startswith("cuda"):
        has = torch.cuda.is_bf16_supported()
        return ("bf16-mixed", "the GPU has bfloat16") if has else ("32-true", "the GPU has no bfloat16")
    has = bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    return ("bf16-mixed", "the CPU has bfloat16") if has else ("32-true", "the CPU has no bfloat16")


def launch(device: str, precision: str) -> Fabric:
    """One process on one device."""
    _quieten()
    kind, _, index = device.partition(":")
    devices = [int(index or 0)] if kind == "cuda" else 1
    return Fabric(accelerator=kind, devices=devices, precision=precision)  # type: ignore[arg-type]


def world(devices: int = 1) -> tuple[int, int]:
    """Processes on this machine and machines: those that torchrun started, otherwise `devices` on this one.

    Raises:
        UsageError: torchrun started another number than `devices` (when that is more than one).
    """
    if not torch.distributed.is_torchelastic_launched():
        return devices, 1
    local, total = int(os.environ["LOCAL_WORLD_SIZE"]), int(os.environ["WORLD_SIZE"])
    if devices not in (1, local):
        raise UsageError(f"--devices {devices}: torchrun started {local} processes here; leave --devices out")
    return local, total // local


def launch_world(device: str, precision: str, devices: int = 1) -> Fabric:
    """All processes of a run, one on each device: started here (this command again), or by torchrun on any machines.

    Gradients are averaged by DistributedDataParallel without broadcasting buffers: batch norm takes its moments over
    all processes itself (`vidgan.nets.norm`), so every process holds the same buffers already.

    Raises:
        DeviceError: there are fewer GPUs.
        UsageError: `device` names one GPU for several processes.
    """
    local, machines = world(devices)
    if local * machines == 1:
        return launch(device, precision)
    kind, _, index = device.partition(":")
    if kind == "cuda" and torch.cuda.device_count() < local:
        raise DeviceError(f"--devices {local}: there are only {torch.cuda.device_count()} GPUs on this machine")
    if kind == "cuda" and index not in ("", "0"):
        raise UsageError(f"--device {device} is one GPU, --devices {local} takes the first {local}: leave one out")
    _quieten()
    fabric = Fabric(
        accelerator=kind,
        devices=list(range(local)) if kind == "cuda" else local,
        num_nodes=machines,
        strategy=DDPStrategy(broadcast_buffers=False),
        precision=precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


@dataclass(frozen=True)
class Team:
    """The processes that train together, and what they must agree on. Without `fabric` there is one."""

    fabric: Fabric | None = None

    @property
    def rank(self) -> int:
        """The number of this process, from 0."""
        return self.fabric.global_rank if self.fabric else 0

    @property
    def size(self) -> int:
        """How many there are."""
        return self.fabric.world_size if self.fabric else 1

    @property
    def leads(self) -> bool:
        """Whether this is the one that evaluates and writes."""
        return self.rank == 0

    def agree(self, elapsed: float, stop: bool) -> tuple[float, bool]:
        """The leading process's clock, and whether any process wants to stop: the same in all of them."""
        if self.size == 1 or self.fabric is None:
            return elapsed, stop
        said = torch.tensor([elapsed if self.leads else 0.0, float(stop)], dtype=torch.float64)
        said = said.to(self.fabric.device)
        torch.distributed.all_reduce(said)
        return float(said[0]), bool(said[1] > 0)

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The average of each value over the processes; not-a-number anywhere is so everywhere."""
        if self.size == 1 or self.fabric is None:
            return values
        said = torch.tensor(list(values.values()), dtype=torch.float64, device=self.fabric.device)
        torch.distributed.all_reduce(said)
        return dict(zip(values, (said / self.size).tolist(), strict=True))

    def barrier(self) -> None:
        """Wait until all are here."""
        if self.size > 1 and self.fabric is not None:
            self.fabric.barrier()

    def leave(self) -> None:
        """Wait until all are done, then part."""
        if self.size > 1 and self.fabric is not None:
            self.fabric.barrier()
            torch.distributed.destroy_process_group()

    def first(self, work: Callable[[], None]) -> None:
        """Let the leading process do what the others wait for. When it fails they end, without a word of their own."""
        code = 0
        failed: VidganError | None = None
        if self.leads:
            try:
                work()
            except VidganError as error:
                failed, code = error, error.exit_code
        if self.size > 1 and self.fabric is not None:
            code = self.fabric.broadcast(code)
        if failed is not None:
            raise failed
        if code:
            raise SystemExit(code)


def _quieten() -> None:
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    for message in (".*srun.*", ".*`broadcast_buffers` is deprecated.*"):  # the older name is the one all versions know
        warnings.filterwarnings("ignore", message=message)
