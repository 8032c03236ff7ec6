"""The report stage: how good the result is, measured on the finished video, and what would make it better."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from vidgan import __version__
from vidgan.config import Config
from vidgan.metrics.frames import luma
from vidgan.metrics.identity import NAME, HeadFeatures, head_box, own_similarity, similarity
from vidgan.pose.backend import BackendConfig, open_backend
from vidgan.pose.track import PoseTrack
from vidgan.report.advice import advise, footage_of
from vidgan.report.data import (
    Identity,
    MarkFacts,
    Message,
    PoseScores,
    Presence,
    ReportData,
    StageCost,
    Steadiness,
    VideoFacts,
    plain_facts,
    printable,
)  # fmt: skip
from vidgan.report.page import render_page
from vidgan.report.pictures import Picture, video_uri
from vidgan.report.watch import WatchConfig, Watched, scaled_track, watch
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.encode import finished_video
from vidgan.stages.manifest import Manifest, read_manifests
from vidgan.video.read import ClipReader

PAGE, DATA = "report.html", "report.json"

TARGET_SIDE = 1280
TARGET_HEADS = 24
TARGET_FRAMES = 1500
"""Heads and light of the target are taken from so many of its first frames."""

_OWN_TABLES = ("heldout", "notes", "av_sync", "mark")


class ReportConfig(Config):
    """How much the report looks at.

    `frames` of the output are searched for the pose again and watched for flicker, `stills` shown, and `clip_seconds`
    of source | pose | output embedded `clip_height` pixels high. `pose` is the backend that searches.
    """

    frames: int = Field(150, ge=0)
    stills: int = Field(6, ge=0, le=24)
    clip_seconds: float = Field(6.0, ge=0, le=60)
    clip_height: int = Field(320, ge=32, le=720)
    pose: BackendConfig = BackendConfig()


class ReportStage(Stage[ReportConfig]):
    """All that a transfer made in; `report.html` (self-contained) and `report.json` (`ReportData`) out.

    Inputs: `video` (encode), `source` and `target` (files), `source_pose`, `target_pose`, `subject`, `motion`
    (retarget), `model` (train or None), `frames` (render), `signed` (sign). Facts: the headline numbers.
    """

    name: ClassVar[str] = "report"
    version: ClassVar[int] = 2
    Config: ClassVar[type[Config]] = ReportConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Watch the output, gather what every stage said, write both files.

        Raises:
            CacheError: there is no finished video in the encode stage's directory.
        """
        output = finished_video(context.input("video"))
        manifests = read_manifests(context.inputs, _ORDER)
        tracks = {
            name: PoseTrack.load(context.input(name) / "track.npz") for name in ("source_pose", "target_pose", "motion")
        }
        watched = self._watch(context, output, tracks, manifests)
        target_heads, light = look_at_target(context.input("target"), tracks["target_pose"])
        data = self._data(context, output, manifests, tracks, watched, target_heads)
        data = data.model_copy(update={"advice": advise(data, footage_of(tracks["target_pose"], light))})
        data.write(context.dir / DATA)
        clip = video_uri(watched.clip) if watched.clip else None
        (context.dir / PAGE).write_text(render_page(data, watched.stills, clip), encoding="utf-8")
        if watched.clip:
            watched.clip.unlink()
        pose = data.pose.model_dump() if data.pose else None
        return {"pose": pose, "steadiness": data.steadiness.model_dump(), "identity": data.identity.model_dump()}

    def _watch(
        self, context: StageContext, output: Path, tracks: dict[str, PoseTrack], manifests: Mapping[str, Manifest]
    ) -> Watched:
        config = self.config
        people = manifests["target_pose"].facts.get("people", 1) if "target_pose" in manifests else 1
        amount = WatchConfig(config.frames, config.stills, config.clip_seconds, config.clip_height)
        with open_backend(config.pose) as backend:
            return watch(
                context.input("source"), output, tracks["source_pose"], tracks["motion"], backend,
                context.dir / "clip.mp4", amount, context.progress, follow=people > 1,
            )  # fmt: skip

    def _data(
        self, context: StageContext, output: Path, manifests: Mapping[str, Manifest], tracks: dict[str, PoseTrack],
        watched: Watched, target_heads: list[Picture],
    ) -> ReportData:  # fmt: skip
        facts = {name: manifest.facts for name, manifest in manifests.items()}
        encoding = facts.get("video", {})
        error = watched.pose
        return ReportData(
            vidgan_version=__version__,
            source=video_facts(context.input("source")),
            target=video_facts(context.input("target")),
            output=video_facts(output).model_copy(update={"frames": len(tracks["motion"])}),
            encoding=plain_facts({k: v for k, v in encoding.items() if k not in _OWN_TABLES}),
            device=manifests["frames"].device if "frames" in manifests else context.device,
            pose=None if error is None else PoseScores(
                mean_percent=error.mean, median_percent=error.median, pck_005=error.pck,
                checked=error.frames + error.missed, missed=error.missed, backend=watched.backend,
            ),
            heldout=first_fact(facts, "heldout") or {},
            feature_network=first_fact(facts, "feature_network"),
            steadiness=Steadiness(
                person=watched.output_flicker.inside, person_in_source=watched.source_flicker.inside,
                background=watched.output_flicker.outside, background_in_source=watched.source_flicker.outside,
            ),
            identity=identity(watched, target_heads),
            av_sync=encoding.get("av_sync"),
            marks=marks(encoding.get("mark"), facts.get("signed")),
            presence=[presence("source", tracks["source_pose"]), presence("target", tracks["target_pose"])],
            retarget=plain_facts(facts.get("motion", {})),
            training=plain_facts({k: v for k, v in facts.get("model", {}).items() if k not in _OWN_TABLES}),
            stages=[
                StageCost(name=m.instance, seconds=m.seconds, memory_mb=m.memory_mb, device=m.device)
                for m in manifests.values()
            ],
            warnings=[
                Message(stage=m.instance, text=printable(text)) for m in manifests.values() for text in m.warnings
            ],
            advice=[],
        )  # fmt: skip


_ORDER = ("source_pose", "target_pose", "subject", "motion", "model", "heldout", "frames", "video", "signed")


def first_fact(facts: Mapping[str, Mapping[str, Any]], key: str) -> Any:
    """What the latest stage that knows it says of `key`, or None."""
    return next((facts[name][key] for name in reversed(_ORDER) if key in facts.get(name, {})), None)


def look_at_target(path: Path, track: PoseTrack) -> tuple[list[Picture], float | None]:
    """Head crops of the target and the mean luma (0-255) of the frames that they come from."""
    present = np.flatnonzero(track.present[:TARGET_FRAMES])
    if not len(present):
        return [], None
    wanted = set(present[np.linspace(0, len(present) - 1, TARGET_HEADS).round().astype(int)].tolist())
    heads: list[Picture] = []
    light: list[float] = []
    with ClipReader(path, max_side=TARGET_SIDE) as reader:
        track = scaled_track(track, reader.width, reader.height)
        for index, frame in enumerate(reader):
            if index in wanted:
                light.append(float(luma(frame.rgb).mean()))
                box = head_box(track.image[index], reader.width, reader.height)
                if box is not None:
                    heads.append(box.crop(frame.rgb).copy())
            if index == max(wanted):
                break
    return heads, float(np.mean(light)) if light else None


def identity(watched: Watched, target_heads: list[Picture]) -> Identity:
    """Compare the gathered heads."""
    features = HeadFeatures()
    gallery, output, driver = (features(heads) for heads in (target_heads, watched.output_heads, watched.source_heads))
    return Identity(
        method=NAME,
        output=similarity(output, gallery),
        target=own_similarity(gallery),
        driver=similarity(driver, gallery),
    )


def video_facts(path: Path) -> VideoFacts:
    """The facts of a video file."""
    with ClipReader(path) as reader:
        return VideoFacts.of(reader.info)


def marks(mark: Mapping[str, Any] | None, signed: Mapping[str, Any] | None) -> MarkFacts | None:
    """What marks the output carries, from the facts of encode and sign; None where neither says."""
    if mark is None:
        return None
    return MarkFacts(**mark, **{name: (signed or {}).get(name) for name in ("credentials", "signer", "consent")})


def held_out(facts: Mapping[str, Any] | None) -> dict[str, Any]:
    """What a report holds of held-out frames, from the facts of the heldout stage; empty where there was none."""
    return {"heldout": (facts or {}).get("heldout", {}), "feature_network": (facts or {}).get("feature_network")}


def presence(video: str, track: PoseTrack) -> Presence:
    """Where a track has no person."""
    seconds = (track.pts - track.pts[:1]) * float(track.time_base)
    missing: list[list[int]] = track.facts.get("missing", [])
    filled: list[list[int]] = track.facts.get("filled", [])
    return Presence(
        video=video,
        frames=len(track),
        filled=sum(last - first + 1 for first, last in filled),
        missing=int((~track.present).sum()),
        spans=[(round(float(seconds[first]), 3), round(float(seconds[last]), 3)) for first, last in missing],
    )
