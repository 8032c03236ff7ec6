"""Which device the work runs on, and why."""

from __future__ import annotations

import re

from vidgan.errors import DeviceError, UsageError


def choose_device(asked: str = "auto") -> tuple[str, str]:
    """A torch device string and the reason for it.

    Args:
        asked: "auto", "cpu", "cuda" or "cuda:N".

    Raises:
        DeviceError: the asked GPU is not there.
        UsageError: it is none of these.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", asked):
        raise UsageError(f"--device takes auto, cpu, cuda or cuda:N, not {asked!r}")
    if asked == "cpu":
        return "cpu", "as asked"
    import torch

    if not torch.cuda.is_available():
        missing = "no CUDA GPU is there" if torch.version.cuda else "this PyTorch is built without CUDA"
        if asked == "auto":
            return "cpu", missing
        raise DeviceError(f"--device {asked}: {missing}; use --device cpu, or auto to take what is there")
    index = int(asked.partition(":")[2] or 0)
    if index >= torch.cuda.device_count():
        raise DeviceError(f"--device {asked}: there are only {torch.cuda.device_count()} GPUs, counted from 0")
    name = torch.cuda.get_device_name(index)
    return f"cuda:{index}", f"{name}, {'as asked' if asked != 'auto' else 'the first GPU'}"
