"""The report of a reanimation as data: what its `report.json` holds, and its page."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from vidgan.config import Config
from vidgan.report.data import MarkFacts, Message, StageCost, VideoFacts
from vidgan.report.page import duration, heldout_values, number, percent, printable, words
from vidgan.report.template import Shown, render

SCHEMA_VERSION = 1
TEMPLATE = "face.html"
HELD_OUT = "The end of the video that was learnt from was kept from training and made from its beginning, held-out."


class FaceReport(Config):
    """Everything the report says. Values that could not be measured are null.

    eyes, mouth, pose_degrees, pose_worst, checked, missed: see `vidgan.metrics.face_follow.FaceFollow`; background:
    mean change from frame to frame of what should stand still, grey levels, in a video of the target beyond its own
    change; sharpness: of the painted faces over that of the target's own (see `vidgan.metrics.sharpness`); heldout: as
    of `ReportData`, of the face that was learnt from; driving: how the motion was transferred.
    """

    schema_version: int = SCHEMA_VERSION
    vidgan_version: str
    driver: str
    target: str
    output: VideoFacts
    eyes: float | None
    mouth: float | None
    pose_degrees: float | None
    pose_worst: float | None
    checked: int
    missed: int
    background: float | None
    sharpness: float | None
    av_sync: dict[str, Any] | None
    marks: MarkFacts | None = None
    heldout: dict[str, dict[str, float | None]]
    feature_network: str | None
    driving: dict[str, Any]
    stages: list[StageCost]
    warnings: list[Message]

    def write(self, path: Path) -> None:
        """Write the data as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def render_face_page(data: FaceReport, stills: Sequence[Shown], clip_uri: str | None) -> str:
    """The page; everything that came from outside is escaped, and no script or outside address is in it."""
    filters = {"number": number, "percent": percent, "duration": duration, "printable": printable, "words": words}
    return render(TEMPLATE, filters, data=data, stills=stills, clip=clip_uri, **heldout_values(data.heldout, HELD_OUT))
