"""The report as data: what `report.json` holds. Raise `SCHEMA_VERSION` when a field changes its meaning or goes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from vidgan.config import Config
from vidgan.text import printable
from vidgan.video.clip import ClipInfo

SCHEMA_VERSION = 1


class VideoFacts(Config):
    """A video: `name` of the file, `rate` in frames/s as a fraction, `seconds` and `frames` as its container says."""

    name: str
    width: int
    height: int
    rate: str
    frames: int | None
    seconds: float | None
    codec: str
    sound: str | None

    @classmethod
    def of(cls, info: ClipInfo, name: str | None = None) -> VideoFacts:
        """The facts of a probed file."""
        return cls(
            name=printable(name or info.path.name),
            width=info.width,
            height=info.height,
            rate=str(info.rate),
            frames=info.frames,
            seconds=None if info.duration is None else round(float(info.duration), 3),
            codec=info.codec,
            sound=info.audio.codec if info.audio else None,
        )


class PoseScores(Config):
    """The pose found again in the output against the pose asked for.

    `mean_percent` and `median_percent`: landmark distance in % of the person's height, lower is better; `pck_005`:
    share of landmarks within 5 % of the height; `checked` frames, in `missed` of which nobody was found.
    """

    mean_percent: float | None
    median_percent: float | None
    pck_005: float | None
    checked: int
    missed: int
    backend: str


class Steadiness(Config):
    """Flicker without a true video, see `vidgan.metrics.flicker.Unsteadiness`; lower is steadier.

    `person`: second over first temporal difference around the person, in the output and in the driving video (the
    measure of what this motion brings by itself); `background`: mean change from frame to frame elsewhere, grey levels.
    """

    person: float | None
    person_in_source: float | None
    background: float | None
    background_in_source: float | None


class Identity(Config):
    """How much the output's head looks like the target's, see `vidgan.metrics.identity`; higher is better.

    `target` is what the target's own frames score against each other, `driver` what the driving person's head scores.
    """

    method: str
    output: float | None
    target: float | None
    driver: float | None


class MarkFacts(Config):
    """How the output says that it was made: the run's number in its `watermark`, by which `key` (public or own), the
    visible `label`, its content `credentials` (embedded or sidecar), their `signer`, the `consent` written into them;
    `why` it is not marked.
    """

    watermark: str | None
    key: str
    label: str | None
    why: str | None
    credentials: str | None
    signer: str | None
    consent: dict[str, Any] | None


class Presence(Config):
    """Frames without a person in a video: how many, filled in (short gaps) and missing, the latter as (from, to) s."""

    video: str
    frames: int
    filled: int
    missing: int
    spans: list[tuple[float, float]]


class StageCost(Config):
    """What a stage took: seconds of all its runs, peak resident memory of its process in MB, on which device."""

    name: str
    seconds: float
    memory_mb: float
    device: str


class Message(Config):
    """A warning of a stage, as it was shown."""

    stage: str
    text: str


class ReportData(Config):
    """Everything the report says. Values that could not be measured are null.

    `heldout`: a row for each way to make frames (nearest-pose frame, draft, the trained network), each compared with
    held-out true frames of the target: perceptual (in features of `feature_network`) and flicker, lower is better; ssim
    and psnr, higher is better. `retarget`: the parameters that mapped the driving motion onto the target.
    """

    schema_version: int = SCHEMA_VERSION
    vidgan_version: str
    source: VideoFacts
    target: VideoFacts
    output: VideoFacts
    encoding: dict[str, Any]
    device: str
    pose: PoseScores | None
    heldout: dict[str, dict[str, float | None]]
    feature_network: str | None
    steadiness: Steadiness
    identity: Identity
    av_sync: dict[str, Any] | None
    marks: MarkFacts | None = None
    presence: list[Presence]
    retarget: dict[str, Any]
    training: dict[str, Any]
    stages: list[StageCost]
    warnings: list[Message]
    advice: list[str]

    def write(self, path: Path) -> None:
        """Write the data as JSON."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")


def plain_facts(facts: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Facts worth a line each, nested ones by dotted names: numbers, short texts and short lists of them."""
    plain: dict[str, Any] = {}
    for key, value in facts.items():
        name = printable(f"{prefix}{key}")
        if isinstance(value, Mapping):
            plain |= plain_facts(value, f"{name}.")
        elif isinstance(value, str):
            plain[name] = printable(value)[:200]
        elif isinstance(value, float):
            plain[name] = round(value, 4)
        elif isinstance(value, int | None):
            plain[name] = value
        elif _is_short(value):
            plain[name] = [round(one, 4) for one in value]
    return plain


def _is_short(value: Any) -> bool:
    return isinstance(value, list) and len(value) <= 4 and all(isinstance(one, int | float) for one in value)
