"""Clipping singular values by the Gram matrix and by a full SVD, on the critic of TGAN: time and difference.

python -m benchmarks.clipping

Both ways start from the same float32 weights and take turns. The time is the median of the turns. The full SVD is
taken in float32, as by TGAN's authors, and in float64; differences are the largest of any entry from the float64 SVD.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import torch
from torch import Tensor

from benchmarks.common import JSON_OPTION, Row, finish
from vidgan.losses.clipping import singular_value_clip

LAYERS = {
    "conv 3-64": (64, 3, 4, 4, 4),
    "conv 64-128": (128, 64, 4, 4, 4),
    "conv 128-256": (256, 128, 4, 4, 4),
    "conv 256-512": (512, 256, 4, 4, 4),
    "conv 512-1": (1, 512, 4, 4),
}


def full_svd(matrix: Tensor) -> Tensor:
    """The clip as TGAN's paper describes it, in the matrix's precision."""
    left, values, right = torch.linalg.svd(matrix, full_matrices=False)
    return (left * values.clamp(max=1)) @ right


WAYS: dict[str, Callable[[Tensor], Tensor]] = {
    "Gram": singular_value_clip,
    "SVD": full_svd,
    "SVD float64": lambda matrix: full_svd(matrix.double()),
}


def weight_matrix(shape: tuple[int, ...], above: float, device: str) -> Tensor:
    """A random weight as a matrix with the share `above` of its singular values over 1."""
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0)).flatten(1)
    values = torch.linalg.svdvals(matrix)
    return (matrix / torch.quantile(values, 1 - above)).to(device)


def compare(name: str, matrix: Tensor, repeats: int) -> Row:
    """One layer's row."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    results = {}
    for turn in range(repeats + 1):
        for way, clip in WAYS.items():
            began = _now(matrix)
            results[way] = clip(matrix)
            if turn:  # the first warms up
                seconds[way].append(_now(matrix) - began)
    times = {way: 1000 * float(np.median(values)) for way, values in seconds.items()}
    exact = results["SVD float64"]
    return {
        "layer": name,
        "matrix": "x".join(map(str, matrix.shape)),
        **{f"{way} ms": value for way, value in times.items()},
        "SVD / Gram": times["SVD"] / times["Gram"],
        "Gram differs": f"{(results['Gram'].double() - exact).abs().max().item():.1e}",
        "SVD differs": f"{(results['SVD'].double() - exact).abs().max().item():.1e}",
    }


def total(rows: list[Row]) -> Row:
    """The whole critic."""
    times = {f"{way} ms": sum(row[f"{way} ms"] for row in rows) for way in WAYS}
    worst = {name: max((row[name] for row in rows), key=float) for name in ("Gram differs", "SVD differs")}
    return {"layer": "critic", "matrix": "", **times, "SVD / Gram": times["SVD ms"] / times["Gram ms"], **worst}


def _now(matrix: Tensor) -> float:
    if matrix.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter()


@click.command()
@click.option("--repeats", type=click.IntRange(min=1), default=5, show_default=True, help="Timed turns of each way.")
@click.option("--above", type=click.FloatRange(0, 1), default=0.25, show_default=True,
              help="Share of the singular values that are clipped.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True)
@JSON_OPTION
def main(repeats: int, above: float, device: str, json_file: Path | None) -> None:
    """Time the Gram route of TGAN's singular value clipping against a full SVD."""
    rows = [compare(name, weight_matrix(shape, above, device), repeats) for name, shape in LAYERS.items()]
    digits = {f"{way} ms": 1 for way in WAYS} | {"SVD / Gram": 1}
    title = f"One clip of TGAN's critic, {above:.0%} of the singular values above 1, {device}"
    title += f", {torch.get_num_threads()} threads" if device == "cpu" else ""
    finish(title, [*rows, total(rows)], digits, json_file, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
