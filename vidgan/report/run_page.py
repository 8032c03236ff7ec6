"""The report of an evaluated run as one self-contained HTML page, and its scores as lines of text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from vidgan.report.curves import Chart, line_chart
from vidgan.report.data import printable
from vidgan.report.page import words
from vidgan.report.run_data import Evaluation, Score
from vidgan.report.template import Shown, render

TEMPLATE = "run.html"
ARROWS = {"lower": "↓", "higher": "↑", "real": "as real"}
CARDS = ("motion_frechet", "change", "class_accuracy", "nearest_distance", "movement_precision", "movement_recall")
"""Scores that head the page; the first four of them that were measured."""


@dataclass(frozen=True)
class Material:
    """What the page shows beside the scores: videos as data URIs by their titles, pictures, curves, settings."""

    videos: Mapping[str, str] = field(default_factory=dict)
    slices: Sequence[Shown] = ()
    neighbours: Sequence[Shown] = ()
    curves: Sequence[Chart] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)


def render_run_page(data: Evaluation, material: Material) -> str:
    """The page; everything that came from outside is escaped, and no script or outside address is in it."""
    filters = {"value": value, "printable": printable, "words": words, "better": ARROWS.__getitem__}
    found = [score for key in CARDS if (score := data.score(key)) is not None]
    return render(
        TEMPLATE,
        filters,
        data=data,
        material=material,
        cards=found[:4],
        colour=line_chart("colour similarity", _curves(data), "lag, frames"),
    )


def _curves(data: Evaluation) -> dict[str, list[tuple[float, float]]]:
    return {name: [(float(lag), value) for lag, value in curve.items()] for name, curve in data.colour.items()}


def value(number: float | None) -> str:
    """Three significant digits; a dash for what was not measured."""
    if number is None:
        return "–"
    return f"{number:.0f}" if abs(number) >= 1000 else f"{number:.3g}"


def text_table(data: Evaluation) -> list[str]:
    """The scores as lines: samples, real clips and shuffled ones beside each other, then the classes."""
    lines = _aligned([("", "samples", "real", "shuffled", "better"), *(_row(score) for score in data.scores)])
    if data.classes:
        heading = ("class", "change", "real", "ratio", "accuracy")
        rows = [(row.name, *map(value, (row.change, row.real_change, row.ratio, row.accuracy))) for row in data.classes]
        lines += ["", *_aligned([heading, *rows])]
    what = f"{data.clips} clips a side of {data.frames} frames, {data.size}x{data.size}"
    lines += [
        "",
        f"{what}; features of {data.feature_network}",
        "real: other real clips in the samples' place; shuffled: real clips with their frames in another order",
    ]
    return [printable(line) for line in lines]


def _row(score: Score) -> tuple[str, ...]:
    return (score.title, value(score.value), value(score.real), value(score.shuffled), ARROWS[score.better])


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as columns, the first to the left and the others to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for name, *cells in rows:
        numbers = [cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True)]
        lines.append("  ".join([name.ljust(widths[0]), *numbers]).rstrip())
    return lines
