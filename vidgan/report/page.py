"""The report as one self-contained HTML page."""

from __future__ import annotations

from typing import Any

from vidgan.report.data import ReportData, printable
from vidgan.report.pictures import Picture, Still, jpeg_uri
from vidgan.report.template import Shown, render

TEMPLATE = "report.html"

METRICS = (
    ("perceptual", "perceptual distance", "↓", 2),
    ("ssim", "SSIM", "↑", 3),
    ("psnr", "PSNR, dB", "↑", 1),
    ("flicker", "flicker, grey levels", "↓", 2),
)
"""The columns of the held-out table: key, title, better direction, digits."""


def render_page(data: ReportData, stills: list[Still], clip_uri: str | None) -> str:
    """The page; everything that came from outside is escaped, and no script or outside address is in it."""
    rows = [
        [Shown.of(picture, f"{name}, {still.seconds:.2f} s", jpeg_uri) for name, picture in _columns(still).items()]
        for still in stills
    ]
    crops = [
        Shown.of(crop, f"{name}, {still.seconds:.2f} s", jpeg_uri)
        for still in stills
        for name, crop in still.details.items()
    ]
    filters = {"number": number, "percent": percent, "duration": duration, "printable": printable, "words": words}
    return render(
        TEMPLATE,
        filters,
        data=data,
        rows=rows,
        crops=crops,
        clip=clip_uri,
        **heldout_values(
            data.heldout, "A part of the target's own footage was kept from training and made from its poses."
        ),
    )


def _columns(still: Still) -> dict[str, Picture]:
    return {"source": still.source, "pose": still.pose, "output": still.output}


def heldout_values(table: dict[str, dict[str, float | None]], held_out: str) -> dict[str, Any]:
    """What `heldout.html` shows beside the data: `held_out` says what was held out."""
    return {"metrics": METRICS, "best": best_rows(table), "held_out": held_out}


def best_rows(table: dict[str, dict[str, float | None]]) -> dict[str, str]:
    """For each metric the method that is best by it, where at least two can be compared."""
    best = {}
    for key, _, better, _ in METRICS:
        values = {name: row[key] for name, row in table.items() if row.get(key) is not None}
        if len(values) > 1:
            choose: Any = max if better == "↑" else min
            best[key] = choose(values, key=values.__getitem__)
    return best


def number(value: float | None, digits: int = 2) -> str:
    """A number with its digits; a dash for what was not measured."""
    return "–" if value is None else f"{value:.{digits}f}"


def words(name: str) -> str:
    """A fact's dotted name as words."""
    return name.replace("_", " ").replace(".", " · ")


def percent(value: float | None, digits: int = 0) -> str:
    """A share as percent."""
    return "–" if value is None else f"{100 * value:.{digits}f} %"


def duration(seconds: float | None) -> str:
    """Seconds as a person says them."""
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min {rest} s"
