"""The report of a reanimation: the face found again in the finished video, held against the driver's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import reduce
from pathlib import Path
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan import __version__
from vidgan.config import Config
from vidgan.face.backend import Face, FaceConfig, MeshBackend
from vidgan.face.finish import FaceFinishConfig, finish
from vidgan.face.follow import FaceFollower
from vidgan.face.head import head_pose_of
from vidgan.face.mesh import polygon
from vidgan.face.motion import SUFFIX
from vidgan.face.regions import LANDMARKS, OVAL
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Filmed
from vidgan.metrics.face_follow import face_follow
from vidgan.metrics.frames import Mask, finite_mean, region_mean
from vidgan.metrics.redetect import spread_runs
from vidgan.metrics.sharpness import sharpness
from vidgan.pose.people import landmark_box
from vidgan.report.data import Message, StageCost, VideoFacts, plain_facts, printable
from vidgan.report.face_data import FaceReport, render_face_page
from vidgan.report.pictures import fit, jpeg_uri, video_uri
from vidgan.report.template import Shown
from vidgan.stages.animate import film_reader
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.drive import load_driven, load_filmed, visits_of
from vidgan.stages.driver import load_motion
from vidgan.stages.manifest import read_manifests
from vidgan.stages.reel import shown_frames
from vidgan.stages.report import DATA, PAGE, finished_video, held_out, marks
from vidgan.subject.portrait import Portrait
from vidgan.video.clip import Frame
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

Picture = NDArray[np.uint8]
STILL_HEIGHT = 360


class FaceReportConfig(Config):
    """How much the report looks at: `frames` of the output are searched again, `stills` shown, and `clip_seconds` of
    driver and output embedded `clip_height` pixels high.
    """

    frames: int = Field(300, ge=3)
    stills: int = Field(6, ge=0, le=24)
    clip_seconds: float = Field(6.0, ge=0, le=60)
    clip_height: int = Field(320, ge=32, le=720)


@dataclass
class Watched:
    """What one pass over the output gathered."""

    rows: dict[int, Face | None] = field(default_factory=dict)
    background: list[float] = field(default_factory=list)
    sharpness: list[float] = field(default_factory=list)
    stills: list[Shown] = field(default_factory=list)


class FaceReportStage(Stage[FaceReportConfig]):
    """All that a reanimation made in; `report.html` (self-contained) and `report.json` (`FaceReport`) out.

    Inputs: `video` (encode), `driving` and `target` (files), `target_face`, `driver`, `portrait`, `motion` (drive),
    `frames` (animate), `signed` (sign), and of trained quality `model` (train) and `heldout`. Facts: the scores.
    """

    name: ClassVar[str] = "face_report"
    version: ClassVar[int] = 5
    Config: ClassVar[type[Config]] = FaceReportConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Watch the output, gather what every stage said, write both files."""
        output = finished_video(context.input("video"))
        _, asked = load_driven(context)
        motion = load_motion(context.input("driver"))
        portrait = Portrait.load(context.input("portrait"))
        checked = spread_runs(len(asked), self.config.frames)
        clip = context.dir / "clip.mp4"
        filmed = load_filmed(context)
        visit = visits_of(filmed, motion.shots)
        watched = self._watch(context, output, asked, portrait, filmed, visit, set(checked.tolist()), clip)
        found = found_track(watched, asked, checked, visit[checked])
        home = portrait.pose if filmed is None else head_pose_of(filmed.points[checked])
        follow = face_follow(found, asked[checked], motion.track[checked], home.rotation)
        manifests = list(read_manifests(context.inputs).values())
        facts = {one.instance: one.facts for one in manifests}
        with ClipReader(output) as reader:
            shape = VideoFacts.of(reader.info).model_copy(update={"frames": len(asked)})
        data = FaceReport(
            vidgan_version=__version__, driver=printable(context.input("driving").name),
            target=printable(context.input("target").name), output=shape, **vars(follow),
            background=finite_mean(watched.background), sharpness=finite_mean(watched.sharpness),
            av_sync=facts.get("encode", {}).get("av_sync"),
            marks=marks(facts.get("encode", {}).get("mark"), facts.get("sign")),
            **held_out(facts.get("heldout")),
            driving=plain_facts(facts.get("drive", {}) | facts.get("animate", {}) | _training(facts.get("train", {}))),
            stages=[
                StageCost(name=m.instance, seconds=m.seconds, memory_mb=m.memory_mb, device=m.device) for m in manifests
            ],
            warnings=[Message(stage=m.instance, text=printable(text)) for m in manifests for text in m.warnings],
        )  # fmt: skip
        data.write(context.dir / DATA)
        shown = video_uri(clip) if clip.exists() else None
        (context.dir / PAGE).write_text(render_face_page(data, watched.stills, shown), encoding="utf-8")
        clip.unlink(missing_ok=True)
        return vars(follow) | {"background": data.background, "sharpness": data.sharpness}

    def _watch(
        self, context: StageContext, output: Path, asked: FaceTrack, portrait: Portrait, filmed: Filmed | None,
        visit: NDArray[np.int64], checked: set[int], clip: Path,
    ) -> Watched:  # fmt: skip
        watched, config = Watched(), self.config
        stills = set(np.linspace(0, len(asked) - 1, config.stills + 2).round().astype(int)[1:-1].tolist())
        away = _background(context, portrait, asked, filmed)
        length = int((asked.seconds < config.clip_seconds).sum()) if config.clip_seconds else 0
        context.progress.start("report", len(asked))
        with ClipReader(output) as reader, MeshBackend(FaceConfig()) as backend:
            follower = FaceFollower(backend, landmark_box(portrait.points[:, :2]))
            rate = reader.info.rate
            writer: ClipWriter | None = None
            last: NDArray[np.float32] | None = None
            drivers, unchanged = _drivers(context.input("driving")), _unchanged(context, portrait, filmed)
            for index, (ours, theirs, target) in enumerate(zip(reader, drivers, unchanged, strict=False)):
                context.progress.advance()
                if index in checked:
                    if index - 1 not in checked or visit[index] != visit[index - 1]:
                        follower.restart()
                        follower.box = landmark_box(asked.image[index])
                    watched.rows[index] = follower.detect(ours.rgb, index, float(ours.time))
                    added = ours.rgb.astype(np.float32) - target
                    if last is not None and index - 1 in checked:
                        watched.background.append(region_mean(np.abs(added - last), away))
                    last = added
                    if asked.present[index]:
                        own = portrait.points if filmed is None else filmed.points[index]
                        before = face_sharpness(target, own) or np.nan  # 0 on a face of one colour
                        watched.sharpness.append(face_sharpness(ours.rgb, asked.image[index]) / before)
                if index in stills:
                    pair = _beside(theirs, ours, STILL_HEIGHT)
                    watched.stills.append(Shown.of(pair, f"{float(ours.time):.2f} s", jpeg_uri))
                if index < length:
                    pair = _beside(theirs, ours, config.clip_height)
                    writer = writer or ClipWriter(clip, pair.shape[1], pair.shape[0], rate, crf=27)
                    writer.write(np.ascontiguousarray(pair), Fraction(index) / rate)
            if writer is not None:
                writer.close()
        return watched


def _training(facts: dict[str, Any]) -> dict[str, Any]:
    """What is worth telling of a training."""
    return {f"training.{name}": facts[name] for name in ("steps", "seconds", "feature_network") if name in facts}


def still_background(matte: NDArray[np.uint8], moved: NDArray) -> Mask:
    """Where nothing but the target itself should move: without the person (H, W) and all that they may cover when their
    landmarks are `moved` (T, J, 2) pixels, (H, W) bool.
    """
    reach = 2 * int(np.ceil(1.3 * np.abs(moved).max() + 0.02 * max(matte.shape))) + 1
    return np.asarray(cv2.dilate(matte, np.ones((reach, reach), np.uint8)) < 5)


def face_sharpness(rgb: Picture, points: NDArray) -> float:
    """How sharp the face at landmarks (J, 2+) in a picture (H, W, 3) is: NaN outside of it."""
    ring = points[list(OVAL), :2]
    left, top = np.maximum(np.floor(ring.min(0)), 0).astype(int)
    right, bottom = np.maximum(np.ceil(ring.max(0)), 0).astype(int)
    part = rgb[top:bottom, left:right]
    return sharpness(part, polygon(ring - [left, top], part.shape, 0.0) > 0.5) if part.size else np.nan


def _background(context: StageContext, portrait: Portrait, asked: FaceTrack, filmed: Filmed | None) -> Mask:
    if filmed is None:
        return still_background(portrait.matte, asked.image - portrait.points[:, :2])
    masks = np.load(context.input("target_face") / "masks.npy", mmap_mode="r", allow_pickle=False)
    # One after the other: those of a long film are gigabytes.
    ever = reduce(np.maximum, (masks[number] for number in np.unique(filmed.frames)))
    ever = cv2.resize(np.asarray(ever), portrait.matte.shape[::-1])
    return still_background(np.maximum(portrait.matte, ever), asked.image - filmed.points[..., :2])


def _unchanged(context: StageContext, portrait: Portrait, filmed: Filmed | None) -> Iterator[Picture]:
    """The target as it was under every driving frame."""
    if filmed is None:
        while True:
            yield portrait.picture
    height, width = portrait.picture.shape[:2]
    with film_reader(context.input("target"), portrait, context.device) as reader:
        for rgb in shown_frames(reader, filmed.frames, context.input("frames")):
            yield rgb[:height, :width]


def _drivers(path: Path) -> Iterator[Frame | None]:
    """The driver's frames; None for ever when only their motion is there."""
    if path.suffix.lower() == SUFFIX:
        while True:
            yield None
    with ClipReader(path, max_side=960) as reader:
        yield from reader


def _beside(driver: Frame | None, output: Frame, height: int) -> Picture:
    own = fit(output.rgb, height // 2 * 2)
    return own if driver is None else np.hstack([fit(driver.rgb, height // 2 * 2), own])


def found_track(
    watched: Watched, asked: FaceTrack, checked: NDArray[np.int64], visit: NDArray[np.int64] | None = None
) -> FaceTrack:
    """What was found, as a track of the checked frames, smoothed as the driver's within each visit."""
    empty = Face(np.full((LANDMARKS, 2), np.nan, np.float32), np.full(LANDMARKS, np.nan, np.float32))
    rows = [watched.rows.get(int(index)) or empty for index in checked]
    raw: dict[str, NDArray] = {
        "image": np.stack([one.image for one in rows]), "depth": np.stack([one.depth for one in rows]),
        "pts": asked.pts[checked],
    }  # fmt: skip
    cuts = () if visit is None else (np.flatnonzero(np.diff(visit)) + 1).tolist()
    config = FaceFinishConfig(max_gap=0)
    return finish(raw, asked.time_base, asked.width, asked.height, MeshBackend.name, config, cuts)
