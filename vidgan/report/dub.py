"""The report of a dub as data and as a page. Raise `SCHEMA_VERSION` when a field changes its meaning or goes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.config import Config
from vidgan.report.data import MarkFacts, Message, StageCost, VideoFacts, printable
from vidgan.report.page import duration, heldout_values, number, percent, words
from vidgan.report.pictures import Picture, jpeg_uri
from vidgan.report.template import Shown, render

SCHEMA_VERSION = 1
TEMPLATE = "dub.html"
HELD_OUT = "The end of the film was kept from training and its mouths were made from those of the beginning."


class Sync(Config):
    """The judge's verdict, see `vidgan.metrics.mouth_judge.Verdict`; higher is better, `lag` in frames."""

    correlation: float
    lag: int
    wrong: list[float]
    margin: float
    real: float


class Mouth(Config):
    """The mouth found again in the finished video.

    `asked`: correlation of its opening with the one asked for; `speaking`, `silent`: its mean opening while the speech
    has a voice and while not, in distances of the outer eye corners; `film_closed`: the opening of this person's closed
    mouth in the film, measured alike; `sharpness`, `film_sharpness`: mean absolute Laplacian of the mouth, grey levels.
    """

    asked: float | None
    speaking: float | None
    silent: float | None
    film_closed: float | None
    sharpness: float | None
    film_sharpness: float | None


class DubReportData(Config):
    """Everything the report says. Values that could not be measured are null.

    `check`: how the film's held-out end is spoken, see `VoiceStage`; `outside_psnr`: of the rendered frames against the
    film's outside the hull, before encoding, dB, 100 when equal; `heldout`: as of `ReportData`, of
    the film's mouths.
    """

    schema_version: int = SCHEMA_VERSION
    vidgan_version: str
    film: VideoFacts
    output: VideoFacts
    speech: str
    device: str
    sync: Sync | None
    mouth: Mouth
    check: dict[str, Any]
    outside_psnr: float | None
    frames: dict[str, Any]
    speaking: dict[str, Any]
    encoding: dict[str, Any]
    marks: MarkFacts | None = None
    heldout: dict[str, dict[str, float | None]]
    feature_network: str | None
    stages: list[StageCost]
    warnings: list[Message]
    advice: list[str]

    def write(self, path: Path) -> None:
        """Write the data as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def advise(data: DubReportData, learnt: float) -> list[str]:
    """What would make it better, most helpful first; `learnt`: seconds of face and voice that there were."""
    found = []
    if learnt < 30:
        found.append(
            f"The mouth was learnt from {learnt:.0f} s of film: half a minute or more of the speaker follows better."
        )
    if data.sync and data.sync.margin < 0:
        found.append(
            "The mouth goes with some wrong speech as well as with this one: a clearer recording, or more film, helps."
        )
    if data.frames.get("from_the_side", 0) > 0.1 * data.frames.get("frames", 1):
        found.append("Many frames show the face from the side; those are left as they are filmed.")
    mouth = data.mouth
    if mouth.silent is not None and mouth.film_closed is not None and mouth.silent > mouth.film_closed + 0.05:
        found.append("The mouth is not quite closed in pauses: --set speak.close=0.04 closes it sooner.")
    return found


def render_page(data: DubReportData, sheet: list[list[Picture]], slices: list[Picture], clip: str | None) -> str:
    """The page: mouths over time, filmed above spoken, and the slices through the mouth's middle."""
    filters = {"number": number, "percent": percent, "duration": duration, "printable": printable, "words": words}
    rows = [[Shown.of(picture, "", jpeg_uri) for picture in row] for row in sheet]
    cuts = [Shown.of(picture, "", jpeg_uri) for picture in slices]
    return render(
        TEMPLATE, filters, data=data, rows=rows, slices=cuts, clip=clip, **heldout_values(data.heldout, HELD_OUT)
    )


def slice_through(pictures: list[NDArray[np.uint8]]) -> NDArray[np.uint8]:
    """The middle columns of mouth pictures (S, S, 3) over time: (S, T, 3)."""
    return np.stack([picture[:, picture.shape[1] // 2] for picture in pictures], 1)
