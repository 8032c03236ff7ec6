"""How well mouths follow speech: films dubbed with new speech, with foreign voices, and with their own sound.

    python -m benchmarks.dub --film MAN.mp4 man_speech.wav --film WOMAN.mp4 woman_speech.wav --foreign reader.wav

Three tables. `held-out end`: the last 30 % of each film spoken with its own sound by what was learnt of the first 70 %;
correlation of the mouth's opening, by ridge regression on the same log-mel, lag in frames. `speech`: each film dubbed
with its speech and with the foreign voices, from the reports of `vidgan dub`: the judge's correlation (`real`: of the
film itself, unseen) with that speech, with the best of the ten other recordings (`--wrong`; the other speeches, voices
and films beside them), with the best of ten places at which the same speech is begun elsewhere; lag, the mouth's
opening while nobody and while somebody speaks (the closed mouth's beside it), sharpness of the mouth over the film's,
PSNR outside the hull before encoding. `own sound`: the film dubbed with its own sound, mouths taken and learnt from the
first 70 % alone, scored on the rest against the film itself: opening found again, distance of the lips in % of that of
the outer eye corners, and PSNR, SSIM and perceptual distance of the mouth. With `--steps`, dubs of quality standard
after so many steps of training; otherwise drafts.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np

import vidgan
from benchmarks.common import FILE, FOLDER, JSON_OPTION, STEPS_OPTION, Row, markdown, say
from vidgan.face.head import head_pose, to_head
from vidgan.face.lower import window_corner
from vidgan.face.mouth import lip_distance, mouth_opening
from vidgan.face.track import FaceTrack
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.metrics.lip_sync import best_lag, correlation
from vidgan.metrics.perceptual import perceptual_distances
from vidgan.metrics.psnr import psnr
from vidgan.metrics.ssim import ssim
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.dub import SURE
from vidgan.stages.dub_report import FOUND, MOUTH_SHARE, judge
from vidgan.stages.encode import RenderedFrames
from vidgan.stages.face import FaceStage, FaceStageConfig
from vidgan.stages.manifest import Manifest
from vidgan.stages.speak import Shown
from vidgan.stages.voice import Voice
from vidgan.subject.mouths import window
from vidgan.video.read import ClipReader

LEARNT = 0.7


@dataclass(frozen=True)
class Dubber:
    """How films are dubbed: into which folders, and with how many steps of training; None for drafts."""

    out: Path
    work: Path | None
    steps: int | None

    def dub(self, film: Path, speech: Path, fit: str | None = None, overrides: Sequence[str] = ()) -> vidgan.Result:
        """One dub, its output named after both files."""
        say(f"{film.name} says {speech.name}")
        trained = [f"train.steps={self.steps}"] if self.steps else []
        return vidgan.dub(
            film, speech, self.out / f"{film.stem}_says_{speech.stem}.mp4", work=self.work, fit=fit,
            quality="standard" if self.steps else "draft", overrides=[*overrides, *trained],
        )  # fmt: skip


def held_out(film: Path, result: vidgan.Result) -> Row:
    """How the film's end is spoken unseen."""
    manifest = Manifest.read(result.stages["voice"])
    assert manifest is not None
    check, seconds = manifest.facts["check"], manifest.facts["spoken_seconds"]
    names = {"correlation": "correlation", "ridge": "ridge", "lag": "lag", "lip_distance": "lips %",
             "lip_distance_when_still": "lips % when still", "trust": "network's share"}  # fmt: skip
    return {"film": film.stem, "seconds": seconds} | {title: check[name] for name, title in names.items()}


def followed(film: Path, speech: Path, result: vidgan.Result, recordings: list[Path]) -> Row:
    """What the report of a dub says, and what its judge hears of all other recordings."""
    data = json.loads(result.outputs["data"].read_text())
    sync, mouth = data["sync"] or {}, data["mouth"]
    wrong = [path for path in recordings if path != speech]
    beside = beside_others(film, speech, result, wrong)
    best = int(np.argmax(beside)) if beside else 0
    return {
        "film": film.stem, "speech": speech.stem, "judge": sync.get("correlation"),
        "best wrong": beside[best] if beside else None, "which": wrong[best].stem if beside else "",
        "wrong": len(beside), "elsewhere": max(sync["wrong"]) if sync else None,
        "real": sync.get("real"), "lag": sync.get("lag"),
        "silent": mouth["silent"], "speaking": mouth["speaking"], "closed": mouth["film_closed"],
        "sharpness": mouth["sharpness"] / mouth["film_sharpness"], "outside dB": data["outside_psnr"],
    }  # fmt: skip


def beside_others(film: Path, speech: Path, result: vidgan.Result, wrong: list[Path]) -> list[float]:
    """How far what is heard from the mouth in a finished dub goes with each of the recordings that it does not say."""
    at = result.stages
    track, found = FaceTrack.load(at["face"] / "track.npz"), FaceTrack.load(at["report"] / FOUND)
    shape, sure = Voice.load(at["voice"]).shape, np.load(at["dub"] / SURE)
    sync, _ = judge(film, speech, track, Shown.load(at["speak"]), found, shape, sure, wrong)
    return sync.wrong if sync else []


def own_sound(film: Path, dubber: Dubber) -> Row:
    """The film dubbed with its own sound, scored where neither mouths nor speech were known."""
    overrides = [f"voice.use={LEARNT}", f"mouths.use={LEARNT}"]
    result = dubber.dub(film, film, overrides=overrides)
    truth = FaceTrack.load(result.stages["face"] / "track.npz")
    with tempfile.TemporaryDirectory() as folder:
        context = StageContext(Path(folder), {"video": result.video}, "cpu", 0, Silent())
        FaceStage(FaceStageConfig()).run(context)
        found = FaceTrack.load(Path(folder) / "track.npz")
    count = min(len(truth), len(found))
    frames = np.arange(count)[truth.present[:count] & found.present[:count]]
    frames = frames[frames >= LEARNT * len(truth)]
    filmed, made = (to_head(track.points[frames], head_pose(track[frames])) for track in (truth, found))
    row: Row = {
        "film": film.stem, "frames": len(frames),
        "opening": correlation(mouth_opening(made), mouth_opening(filmed)),
        "lag": best_lag(mouth_opening(made), mouth_opening(filmed)),
        "lips %": 100 * float(lip_distance(made, filmed).mean()),
    }  # fmt: skip
    side = 2 * round(MOUTH_SHARE * float(np.nanmedian(head_pose(truth).scale)))
    pairs, wanted = [], set(frames.tolist())
    with ClipReader(film) as reader:
        rendered = RenderedFrames.load(result.stages["dub"])
        for index, (frame, (picture, _)) in enumerate(zip(reader, rendered, strict=False)):
            if index in wanted:
                corner = np.array(window_corner(truth.image[index].astype(np.float64), side))
                pairs.append((window(picture, corner, side), window(frame.rgb, corner, side)))
    perceptual = PerceptualLoss("auto", "cpu")
    distances = perceptual_distances([a for a, _ in pairs], [b for _, b in pairs], perceptual)
    return row | {
        "psnr": float(np.mean([psnr(a, b) for a, b in pairs])),
        "ssim": float(np.mean([ssim(a, b) for a, b in pairs])),
        f"perceptual ({perceptual.feature_network})": float(np.mean(distances)),
    }


@click.command()
@click.option("--film", "films", type=(FILE, FILE), multiple=True, required=True, help="A film and its new speech.")
@click.option("--foreign", type=FILE, multiple=True, help="Other voices for every film.")
@click.option("--wrong", type=FILE, multiple=True, help="More recordings that a mouth is judged beside.")
@click.option("--out", type=FOLDER, default=Path("out/benchmarks/dub"), show_default=True)
@click.option("--work", type=FOLDER, help="Work folder.")
@STEPS_OPTION
@JSON_OPTION
def main(
    films: tuple[tuple[Path, Path], ...],
    foreign: tuple[Path, ...],
    wrong: tuple[Path, ...],
    out: Path,
    work: Path | None,
    steps: int | None,
    json_file: Path | None,
) -> None:
    """Dub, score, print the tables."""
    out.mkdir(parents=True, exist_ok=True)
    dubber = Dubber(out, work, steps)
    unseen: list[Row] = []
    speeches: list[Row] = []
    own: list[Row] = []
    recordings = [*(path for pair in films for path in pair), *foreign, *wrong]
    for film, speech in films:
        result = dubber.dub(film, speech)
        unseen.append(held_out(film, result))
        speeches.append(followed(film, speech, result, recordings))
        for other in foreign:
            result = dubber.dub(film, other, fit="trim")
            speeches.append(followed(film, other, result, recordings))
        own.append(own_sound(film, dubber))
    tables = {"held-out end": unseen, "speech": speeches, "own sound": own}
    digits = {
        "lag": 0,
        "silent": 3,
        "speaking": 3,
        "closed": 3,
        "ssim": 3,
        "frames": 0,
        "seconds": 1,
        "outside dB": 0,
        "wrong": 0,
    }
    for title, rows in tables.items():
        click.echo(f"\n{title}\n\n{markdown(rows, digits)}")
    if json_file:
        json_file.write_text(json.dumps(tables, indent=1) + "\n")


if __name__ == "__main__":
    main()
