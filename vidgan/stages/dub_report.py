"""The report of a dub: what the finished video shows, found again in it and judged."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan import __version__
from vidgan.audio.hearing import Hearing
from vidgan.audio.sound import read_sound
from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.face.head import head_pose, to_head
from vidgan.face.lower import Face, mouth_sharpness, window_corner
from vidgan.face.mouth import MouthShape, mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.metrics.frames import finite_mean
from vidgan.metrics.lip_sync import correlation
from vidgan.metrics.mouth_judge import ENOUGH, MouthJudge, moved
from vidgan.metrics.psnr import psnr
from vidgan.report.data import Message, StageCost, printable
from vidgan.report.dub import DubReportData, Mouth, Sync, advise, render_page, slice_through
from vidgan.report.pictures import Picture, fit, video_uri
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.dub import SURE, DubConfig, load_painter
from vidgan.stages.encode import RenderedFrames
from vidgan.stages.film_face import FilmFaceConfig
from vidgan.stages.manifest import Manifest, read_manifests, settings_of
from vidgan.stages.reel import shown_frames
from vidgan.stages.report import DATA, PAGE, finished_video, held_out, marks, video_facts
from vidgan.stages.speak import Shown
from vidgan.stages.speaker import SpeakerStage
from vidgan.stages.voice import Voice
from vidgan.subject.mouths import window
from vidgan.video.audio import sound_reference
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

FOUND = "found.npz"

_ORDER = ("face", "voice", "speak", "mouths", "model", "heldout", "frames", "video", "signed")
MOUTH_SHARE = 0.62
"""Side of the shown mouths in distances of the outer eye corners."""


class DubReportConfig(Config):
    """How much the report looks at: `mouths` shown, of `rows` rows; `slice_frames` in the slice; `clip_seconds` of film
    and result embedded side by side, `clip_height` pixels high; `outside` frames compared with the film outside of the
    hull.
    """

    mouths: int = Field(24, ge=0, le=96)
    rows: int = Field(3, ge=1, le=8)
    slice_frames: int = Field(300, ge=0)
    clip_seconds: float = Field(8.0, ge=0, le=60)
    clip_height: int = Field(360, ge=32, le=720)
    outside: int = Field(12, ge=0)


@dataclass
class Watched:
    """What one pass over film, rendered and finished frames gathers: mouths as (filmed, spoken) pictures for the sheet
    and the slice, sharpnesses, and the PSNR outside the hull.
    """

    sheet: list[tuple[Picture, Picture]] = field(default_factory=list)
    slices: list[tuple[Picture, Picture]] = field(default_factory=list)
    sharpness: list[tuple[float, float]] = field(default_factory=list)
    outside: list[float] = field(default_factory=list)


class DubReportStage(Stage[DubReportConfig]):
    """All that a dub made in; `report.html` (self-contained), `report.json` (`DubReportData`) and, where the face was
    found again in the finished video, its track `found.npz` out.

    Inputs: `video` (encode), `film` and `speech` (files), `face`, `voice`, `speak`, `mouths`, `frames` (dub),
    `signed` (sign).
    """

    name = "dub_report"
    version = 3
    Config: ClassVar[type[Config]] = DubReportConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Find the face again in the finished video, judge it, write both files."""
        output = finished_video(context.input("video"))
        shown = Shown.load(context.input("speak"))
        film = FaceTrack.load(context.input("face") / "track.npz")
        shape = Voice.load(context.input("voice")).shape
        sure = np.load(context.input("frames") / SURE, allow_pickle=False)
        found = self._found(context, output, shown)
        if found is not None:
            found.save(context.dir / FOUND)
        watched = self._watch(context, output, shown)
        data = self._data(context, output, shown, film, shape, sure, found, watched)
        data.write(context.dir / DATA)
        clip = context.dir / "clip.mp4"
        embedded = video_uri(clip) if clip.exists() else None
        sheet, slices = _pictures(watched, self.config.rows)
        (context.dir / PAGE).write_text(render_page(data, sheet, slices, embedded), encoding="utf-8")
        clip.unlink(missing_ok=True)
        return {
            "sync": data.sync and data.sync.model_dump(), "mouth": data.mouth.model_dump(), "check": data.check,
            "outside_psnr": data.outside_psnr,
        }  # fmt: skip

    def _found(self, context: StageContext, output: Path, shown: Shown) -> FaceTrack | None:
        """The speaker's face in the finished video, looked for as in the film, or None where it is not found."""
        made = Manifest.read(context.input("face"))
        person = made.facts.get("person", "largest") if made else "largest"
        folder = context.dir / "found"
        folder.mkdir(exist_ok=True)
        settings = settings_of(context.input("face"), FilmFaceConfig).model_copy(update={"person": person})
        stage = SpeakerStage(settings, (np.flatnonzero(np.diff(shown.shots)) + 1).tolist())
        try:
            return stage.find(replace(context, dir=folder, inputs={"video": output}))[0]
        except PersonError as error:
            context.progress.warn(f"the mouth was not found again in the finished video: {error}")
            return None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _watch(self, context: StageContext, output: Path, shown: Shown) -> Watched:
        config, count = self.config, len(shown.timeline)
        painter = load_painter(context, shown, settings_of(context.input("frames"), DubConfig))
        rendered = RenderedFrames.load(context.input("frames"))
        watched = Watched()
        visible = np.flatnonzero(shown.own.present)
        wanted = set(_spread(visible, config.mouths))
        compared = set(_spread(visible, config.outside))
        side = 2 * round(MOUTH_SHARE * float(np.nanmedian(head_pose(shown.own).scale)))
        seconds = shown.timeline.seconds
        context.progress.start("report", count)
        with (
            ClipReader(context.input("film")) as reader,
            ClipReader(output) as result,
            _Clip(context, rendered, config, output) as clip,
        ):
            filmed_frames = shown_frames(reader, shown.timeline.frames, context.input("frames"))
            frames = zip(filmed_frames, rendered, result, strict=False)
            for index, (filmed, (exact, time), final) in enumerate(frames):
                if seconds[index] < config.clip_seconds:
                    clip.add(filmed, final.rgb, time)
                if shown.own.present[index]:
                    points = shown.own.image[index].astype(np.float64)
                    corner = np.array(window_corner(points, side), np.int64)
                    pair = window(filmed, corner, side), window(final.rgb[: len(filmed)], corner, side)
                    face = Face(points - corner, np.zeros((0, 2)))
                    spoken = Face(shown.spoken.image[index] - corner, np.zeros((0, 2)))
                    watched.sharpness.append((mouth_sharpness(pair[0], face), mouth_sharpness(pair[1], spoken)))
                    if index in wanted:
                        watched.sheet.append(pair)
                    if len(watched.slices) < config.slice_frames:
                        watched.slices.append(pair)
                if index in compared:
                    watched.outside.append(psnr(exact, filmed, ~painter.touched(index, filmed)))
                context.progress.advance()
        return watched

    def _data(
        self, context: StageContext, output: Path, shown: Shown, film: FaceTrack, shape: MouthShape,
        sure: NDArray[np.float32], found: FaceTrack | None, watched: Watched,
    ) -> DubReportData:  # fmt: skip
        manifests = read_manifests(context.inputs, _ORDER)
        facts = {name: manifest.facts for name, manifest in manifests.items()}
        speech = context.input("speech")
        data = DubReportData(
            vidgan_version=__version__,
            film=video_facts(context.input("film")),
            output=video_facts(output).model_copy(update={"frames": len(shown.timeline)}),
            speech=printable(speech.name),
            device=manifests["frames"].device if "frames" in manifests else context.device,
            sync=None,
            mouth=Mouth(asked=None, speaking=None, silent=None, film_closed=None, sharpness=None, film_sharpness=None),
            check=facts.get("voice", {}).get("check", {}),
            outside_psnr=float(np.mean(watched.outside)) if watched.outside else None,
            frames=facts.get("frames", {}),
            speaking=facts.get("speak", {}),
            encoding={key: value for key, value in facts.get("video", {}).items() if key not in ("notes", "mark")},
            **held_out(facts.get("heldout")),
            marks=marks(facts.get("video", {}).get("mark"), facts.get("signed")),
            stages=[
                StageCost(name=m.instance, seconds=m.seconds, memory_mb=m.memory_mb, device=m.device)
                for m in manifests.values()
            ],
            warnings=[Message(stage=m.instance, text=printable(t)) for m in manifests.values() for t in m.warnings],
            advice=[],
        )
        if found is not None:
            sync, mouth = judge(context.input("film"), speech, film, shown, found, shape, sure)
            data = data.model_copy(update={"sync": sync, "mouth": mouth})
        if watched.sharpness:
            filmed, spoken = np.mean(watched.sharpness, 0)
            mouth = data.mouth.model_copy(update={"sharpness": float(spoken), "film_sharpness": float(filmed)})
            data = data.model_copy(update={"mouth": mouth})
        return data.model_copy(update={"advice": advise(data, facts.get("voice", {}).get("spoken_seconds", 60.0))})


def judge(
    film: Path, speech: Path, track: FaceTrack, shown: Shown, found: FaceTrack, shape: MouthShape,
    sure: NDArray[np.float32], wrong: Sequence[Path] = (),
) -> tuple[Sync | None, Mouth]:  # fmt: skip
    """How well the mouth found in the result follows the speech, None of fewer than `ENOUGH` frames that speak; and how
    far it is open.

    wrong: recordings of other speech to compare with, repeated where they are shorter; without any, the speech itself
    begun elsewhere.
    """
    said, own = Hearing.of(read_sound(speech)), Hearing.of(read_sound(film))
    times = float(sound_reference(speech)) + shown.timeline.seconds
    real = np.flatnonzero(track.present)
    seconds = track.pts[real].astype(np.float64) * float(track.time_base)
    head = to_head(track.points[real], head_pose(track[real]))
    count = min(len(found), len(times))
    frames = np.flatnonzero(found.present[:count] & shown.own.present[:count] & (sure[:count] > 0.5))
    sync = None
    mouth: dict[str, float | None] = dict.fromkeys(Mouth.model_fields)
    if len(frames) >= 10:
        again = to_head(found.points[frames], head_pose(found[frames]))
        asked = to_head(shown.spoken.points[frames], head_pose(shown.own[frames]))
        opening = mouth_opening(again)
        voiced = said.voiced(times[frames])
        quiet = ~said.voiced(times[frames], 0.15)
        closed = np.percentile(mouth_opening(head), 3)
        mouth |= {
            "asked": correlation(opening, mouth_opening(asked)), "film_closed": float(closed),
            "speaking": finite_mean(opening[voiced]), "silent": finite_mean(opening[quiet]),
        }  # fmt: skip
        if len(real) >= 25 and len(frames) >= ENOUGH:
            expert = MouthJudge.of(shape.coefficients(head), own.at(seconds))
            spectrum = said.at(times[frames])
            others = (_heard(path, shown.timeline.seconds[frames]) for path in wrong) if wrong else moved(spectrum)
            verdict = expert.judge(shape.coefficients(again), spectrum, others)
            sync = Sync(**vars(verdict))
    return sync, Mouth(**mouth)


def _heard(recording: Path, seconds: NDArray) -> NDArray[np.float32]:
    """The spectrum of a recording at times since its beginning (T,), where it begins anew after its end: (T, B)."""
    sound = read_sound(recording)
    return Hearing.of(sound).at(float(sound.start) + seconds % float(sound.seconds))


class _Clip:
    """The film beside the result, small, with the result's sound."""

    def __init__(self, context: StageContext, rendered: RenderedFrames, config: DubReportConfig, sound: Path) -> None:
        self._path, self._height = context.dir / "clip.mp4", config.clip_height // 2 * 2
        self._rate, self._base, self._sound = rendered.rate, rendered.time_base, sound
        self._writer: ClipWriter | None = None

    def __enter__(self) -> _Clip:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if self._writer is not None:
            self._writer.abort() if kind else self._writer.close()

    def add(self, filmed: Picture, result: Picture, time: Fraction) -> None:
        """One more frame."""
        both = np.hstack([fit(filmed, self._height), fit(result, self._height)])
        if self._writer is None:
            height, width = both.shape[:2]
            self._writer = ClipWriter(
                self._path, width, height, self._rate, crf=27, time_base=self._base, audio=self._sound
            )
        self._writer.write(both, time)


def _pictures(watched: Watched, rows: int) -> tuple[list[list[Picture]], list[Picture]]:
    """The sheet's rows, filmed and spoken in turn, and the two slices."""
    sheet: list[list[Picture]] = []
    for part in np.array_split(np.arange(len(watched.sheet)), rows):
        if len(part):
            sheet += [[watched.sheet[i][0] for i in part], [watched.sheet[i][1] for i in part]]
    slices = [slice_through([pair[side] for pair in watched.slices]) for side in (0, 1)] if watched.slices else []
    return sheet, slices


def _spread(frames: NDArray[np.int64], count: int) -> Iterator[int]:
    """`count` of the frames, evenly placed."""
    if len(frames) and count:
        yield from frames[np.unique(np.linspace(0, len(frames) - 1, count).round().astype(int))].tolist()
