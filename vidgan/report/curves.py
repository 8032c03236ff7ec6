"""Line charts as SVG to stand in a page: no script, no file, every text escaped."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from markupsafe import Markup, escape

from vidgan.report.data import printable

WIDTH, HEIGHT = 320, 170
LEFT, RIGHT, TOP, BOTTOM = 46, 8, 10, 22
LOG_FROM = 30.0
"""A chart whose values span more than this factor has a logarithmic axis."""

Points = Sequence[tuple[float, float]]


class Chart(NamedTuple):
    """A title and its drawing."""

    title: str
    svg: Markup


def line_chart(title: str, series: Mapping[str, Points], x_label: str, mark: float | None = None) -> Chart | None:
    """Draw series of (x, y), each with its name; `mark` is an x to point out. None when there is nothing to draw."""
    finite = {name: [(x, y) for x, y in points if math.isfinite(x + y)] for name, points in series.items()}
    finite = {name: points for name, points in finite.items() if points}
    if not finite:
        return None
    xs = [x for points in finite.values() for x, _ in points]
    ys = [y for points in finite.values() for _, y in points]
    log = min(ys) > 0 and max(ys) > LOG_FROM * min(ys)
    x_axis = _Axis(min(xs), max(xs), LEFT, WIDTH - RIGHT, False)
    y_axis = _Axis(min(ys), max(ys), HEIGHT - BOTTOM, TOP, log)
    parts = [_frame(x_axis, y_axis, x_label)]
    if mark is not None and min(xs) <= mark <= max(xs):
        x = x_axis.place(mark)
        parts.append(Markup('<line class="mark" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(x, TOP, HEIGHT - BOTTOM))
    parts += [_series(number, points, x_axis, y_axis) for number, points in enumerate(finite.values())]
    if len(finite) > 1:
        parts.append(_legend(list(finite)))
    label = f"{title}{', logarithmic' if log else ''}"
    svg = Markup('<svg viewBox="0 0 {} {}" role="img" aria-label="{}">{}</svg>').format(
        WIDTH, HEIGHT, label, Markup("").join(parts)
    )
    return Chart(label, svg)


class _Axis(NamedTuple):
    """Values from `low` to `high` on pixels from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float
    log: bool

    def place(self, value: float) -> float:
        """The pixel of a value."""
        low, high, value = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        share = (value - low) / (high - low) if high > low else 0.5
        return round(self.start + share * (self.end - self.start), 1)


def _frame(x_axis: _Axis, y_axis: _Axis, x_label: str) -> Markup:
    bottom = HEIGHT - BOTTOM
    text = Markup('<text x="{}" y="{}" text-anchor="{}">{}</text>')
    lines = Markup('<path class="axis" d="M{0} {1}V{2}H{3}"/>').format(LEFT, TOP, bottom, WIDTH - RIGHT)
    labels = [
        text.format(LEFT - 4, y_axis.place(y_axis.low) + 3, "end", _short(y_axis.low)),
        text.format(LEFT, HEIGHT - 6, "middle", _short(x_axis.low)),
        text.format((LEFT + WIDTH) / 2, HEIGHT - 6, "middle", x_label),
        text.format(WIDTH - RIGHT, HEIGHT - 6, "end", _short(x_axis.high)),
    ]
    if y_axis.high > y_axis.low:
        labels.append(text.format(LEFT - 4, y_axis.place(y_axis.high) + 6, "end", _short(y_axis.high)))
    return lines + Markup("").join(labels)


def _series(number: int, points: Points, x_axis: _Axis, y_axis: _Axis) -> Markup:
    places = [(x_axis.place(x), y_axis.place(y)) for x, y in sorted(points)]
    if len(places) == 1:
        return Markup('<circle class="s{}" cx="{}" cy="{}" r="3"/>').format(number, *places[0])
    return Markup('<polyline class="s{}" points="{}"/>').format(number, " ".join(f"{x},{y}" for x, y in places))


def _legend(names: Sequence[str]) -> Markup:
    row = Markup('<text class="t{0}" x="{1}" y="{2}" text-anchor="end">{3}</text>')
    return Markup("").join(row.format(number, WIDTH - RIGHT - 4, TOP + 12 + 13 * number, escape(name))
                           for number, name in enumerate(names))  # fmt: skip


def _short(value: float) -> str:
    """A number in few signs."""
    if value and not 1e-3 <= abs(value) < 1e6:
        return f"{value:.1e}"
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


def read_statistics(path: Path) -> list[dict[str, float]]:
    """The lines of a run's `stats.jsonl`; a torn or foreign line is passed over, a missing file has none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    rows = []
    for line in text.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int | float):
            rows.append({str(key): float(value) for key, value in row.items() if isinstance(value, int | float)})
    return rows


def learning_curves(rows: Sequence[Mapping[str, float]], best_step: float | None = None) -> list[Chart]:
    """A chart for each statistic over the steps, held-out scores first; the best state is marked."""
    names = list(dict.fromkeys(name for row in rows for name in row if name not in ("step", "heldout_score")))
    names.sort(key=lambda name: not name.startswith("heldout_"))
    charts = [
        line_chart(_title(name), {name: [(row["step"], row[name]) for row in rows if name in row]}, "step", best_step)
        for name in names
    ]
    return [chart for chart in charts if chart is not None]


def _title(name: str) -> str:
    return printable(name).replace("heldout_", "held-out ").replace("_", " ").replace("frechet", "Fréchet distance")
