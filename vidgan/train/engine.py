"""Where training runs: device, precision and processes, through Lightning Fabric."""

from __future__ import annotations

import logging
import warnings

import torch
from lightning_fabric import Fabric


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
    logging.getLogger("lightning_fabric").setLevel(logging.ERROR)
    warnings.filterwarnings("ignore", message=".*srun.*")
    kind, _, index = device.partition(":")
    devices = [int(index or 0)] if kind == "cuda" else 1
    return Fabric(accelerator=kind, devices=devices, precision=precision)  # type: ignore[arg-type]
