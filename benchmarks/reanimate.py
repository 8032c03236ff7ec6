"""How well portraits follow faces: every target with every driver.

    python -m benchmarks.reanimate --targets A.jpg B.jpg --drivers C.mp4 D.mp4 --work out/benchmarks/reanimate

The faces are found again in the painted frames, before any encoding, in evenly placed runs of ten (`--frames` in all),
and scored as the reports do (`vidgan/metrics/face_follow.py`). `eyes_slope` is how much wider eyes are found than they
were asked to be, 1 where they are found as asked. The rows `itself` are what is found of a driver in its own frames, as
they are, shrunk, and repainted from its frame at rest. `background` is the mean difference of what should stand still
to the target's picture, in grey levels. `looks` is how far each target looks turned and nodded for each degree that its
picture was. For `still`, each driver's frame at rest is repeated with fresh noise of 2 grey levels, as a camera gives,
and drives the first target: `trembling` is how far the asked landmarks move then, in % of the distance of the outer eye
corners, root mean square; `change` is that of the picture from frame to frame on the face, in grey levels. `frames/s`
is the painter alone in processor time, so on one core, on the first target at 512 pixels height.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.expression import expression_of
from vidgan.face.follow import FaceFollower
from vidgan.face.head import head_pose_of
from vidgan.face.motion import FaceMotion
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven, FaceTransferConfig, drive
from vidgan.metrics.face_follow import face_follow
from vidgan.metrics.frames import region_mean
from vidgan.metrics.redetect import spread_runs
from vidgan.pose.people import landmark_box
from vidgan.progress import Silent
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.drive import asked_track
from vidgan.stages.driver import DriverStage
from vidgan.stages.face_report import Watched, found_track, still_background
from vidgan.stages.film_face import FilmFaceConfig, FilmFaceStage
from vidgan.stages.portrait import PortraitConfig, PortraitStage
from vidgan.subject.animate import FacePainter
from vidgan.subject.portrait import Portrait
from vidgan.subject.rehearse import as_portrait, self_driven
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

COLUMNS = ("eyes", "eyes_slope", "mouth", "pose_degrees", "pose_worst", "background", "missed", "checked")
STILL_FRAMES = 40
SIZES = (1.0, 0.3)


def stage(stage: Stage[Any], folder: Path, **inputs: Path) -> Path:
    """Run a stage here; what is finished is kept."""
    if not (folder / "done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        stage.run(StageContext(folder, inputs, "cpu", 0, Silent()))
        (folder / "done").touch()
    return folder


def load_target(path: Path, work: Path) -> Portrait:
    """The portrait of a target."""
    face = stage(FilmFaceStage(FilmFaceConfig(masks=True)), work / f"{path.stem}-face", video=path)
    return Portrait.load(stage(PortraitStage(PortraitConfig()), work / f"{path.stem}-portrait", video=path, face=face))


def load_driver(path: Path, work: Path) -> FaceMotion:
    """The motion of a driver."""
    folder = stage(DriverStage(FilmFaceConfig()), work / f"{path.stem}-driver", video=path)
    return FaceMotion.load(folder / "motion.npz")


def driven_by(portrait: Portrait, motion: FaceMotion) -> Driven:
    """The motion on the portrait, at the defaults."""
    return drive(
        motion.points, motion.neutral, portrait.points, FaceTransferConfig(), portrait.looks, shots=motion.shots
    )


def pair(portrait: Portrait, motion: FaceMotion, frames: int, sheet: Path) -> dict[str, Any]:
    """Paint, find again and score; also a contact sheet of six moments."""
    driven = driven_by(portrait, motion)
    asked = asked_track(driven, motion.track, portrait)
    painter = FacePainter(portrait, driven, motion.mouths)
    away = still_background(portrait.matte, asked.image - portrait.points[:, :2])
    checked, background, shown = spread_runs(len(asked), frames), [], []

    def paint(index: int) -> NDArray[np.uint8]:
        painted = painter.paint(index)
        if len(background) % max(1, len(checked) // 6) == 0:
            shown.append(close_up(painted, portrait))
        background.append(region_mean(np.abs(painted.astype(np.float32) - portrait.picture), away))
        return painted

    scores = follows(paint, asked, motion.track, portrait.pose.rotation, checked)
    cv2.imwrite(str(sheet), np.hstack(shown)[..., ::-1])
    return scores | {"background": float(np.mean(background))}


def follows(
    paint: Callable[[int], NDArray[np.uint8]], asked: FaceTrack, driver: FaceTrack, home: NDArray,
    checked: NDArray[np.int64],
) -> dict[str, Any]:  # fmt: skip
    """Find the face again in the checked frames, and score it."""
    watched = Watched()
    with MeshBackend(FaceConfig()) as backend:
        follower = FaceFollower(backend)
        for number, index in enumerate(checked.tolist()):
            if not number or index - 1 != checked[number - 1]:
                follower.restart()
                follower.box = landmark_box(asked.image[index])
            watched.rows[index] = follower.detect(paint(index), index, float(asked.seconds[index]))
    found = found_track(watched, asked, checked)
    course = expression_of(asked[checked]).eyes, expression_of(found).eyes
    slope = float(np.polyfit(*(one[found.present] for one in course), 1)[0])
    return vars(face_follow(found, asked[checked], driver[checked], home)) | {"eyes_slope": slope}


def itself(path: Path, motion: FaceMotion, frames: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What the detector finds of a driver itself: in its own frames, as they are and shrunk, and repainted from its
    frame at rest. No portrait can follow better.
    """
    track, checked = motion.track, spread_runs(len(motion.track), frames)
    wanted, pictures = {*checked.tolist(), motion.neutral}, {}
    with ClipReader(path) as reader:
        pictures = {index: frame.rgb for index, frame in enumerate(reader) if index in wanted}
    none = {"background": None}
    for size in SIZES:
        small = replace(track, image=track.image * size, depth=track.depth * size)

        def shrunk(index: int, size: float = size) -> NDArray[np.uint8]:
            return np.asarray(cv2.resize(pictures[index], None, fx=size, fy=size, interpolation=cv2.INTER_AREA))

        home = head_pose_of(track.points[[motion.neutral]]).rotation
        wide = float(np.nanmedian(np.ptp(small.image[..., 0], 1)))
        yield f"itself, {wide:.0f} pixels wide", follows(shrunk, small, track, home, checked) | none
    rest = as_portrait(pictures[motion.neutral], motion.points[motion.neutral])
    painter = FacePainter(rest, self_driven(motion.points, motion.neutral), motion.mouths)
    yield "itself, repainted", follows(painter.paint, track, track, home, checked) | none


def close_up(picture: NDArray[np.uint8], portrait: Portrait) -> NDArray[np.uint8]:
    """The head of a picture, 400 pixels square."""
    centre, reach = portrait.points[:, :2].mean(0), 1.6 * float(portrait.pose.scale[0])
    left, top = np.maximum(centre - reach, 0).astype(int)
    right, bottom = (centre + reach).astype(int)
    return np.asarray(cv2.resize(picture[top:bottom, left:right], (400, 400), interpolation=cv2.INTER_AREA), np.uint8)


def still_clip(driver: Path, neutral: int, output: Path) -> Path:
    """One frame of a clip again and again, each time with new noise."""
    rng = np.random.default_rng(0)
    with ClipReader(driver) as reader:
        frame = next(one.rgb for index, one in enumerate(reader) if index == neutral)
    frame = frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2]
    with ClipWriter(output, frame.shape[1], frame.shape[0], Fraction(25), crf=12) as clip:
        for index in range(STILL_FRAMES):
            noisy = frame + rng.normal(0, 2, frame.shape)
            clip.write(np.clip(noisy + 0.5, 0, 255).astype(np.uint8), Fraction(index, 25))
    return output


def jitter(portrait: Portrait, motion: FaceMotion) -> dict[str, float]:
    """How much a face that should stand still trembles."""
    driven = driven_by(portrait, motion)
    moved = driven.points[..., :2] - driven.points[..., :2].mean(0)
    painter = FacePainter(portrait, driven, motion.mouths)
    left, top = portrait.points[:, :2].min(0).astype(int)
    right, bottom = portrait.points[:, :2].max(0).astype(int)
    faces = [painter.paint(index)[top:bottom, left:right].astype(np.float32) for index in range(len(driven))]
    return {
        "trembling": float(np.sqrt((moved**2).sum(-1).mean()) / portrait.pose.scale[0] * 100),
        "change": float(np.mean([np.abs(after - before).mean() for before, after in pairwise(faces)])),
    }


def speed(portrait: Portrait, motion: FaceMotion, frames: int = 40) -> float:
    """Frames per second of processor time with the picture at 512 pixels height."""
    cv2.setNumThreads(1)
    scale = 512 / portrait.picture.shape[0]

    def small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA), np.uint8)

    one = Portrait(
        small(portrait.picture), small(portrait.matte), small(portrait.plate),
        (portrait.points * scale).astype(np.float32), portrait.mouths, portrait.looks,
    )  # fmt: skip
    painter = FacePainter(one, driven_by(one, motion), motion.mouths)
    painter.paint(0)
    began = time.process_time()
    for index in range(frames):
        painter.paint(index % len(motion.track))
    return frames / (time.process_time() - began)


def row(name: str, values: dict[str, Any]) -> str:
    """A line of the table."""
    cells = [f"{values[c]:.2f}" if isinstance(values[c], float) else str(values[c]) for c in COLUMNS]
    return f"| {name} | " + " | ".join("-" if cell == "None" else cell for cell in cells) + " |"


def main() -> None:
    """Run all pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=Path, nargs="+", required=True)
    parser.add_argument("--drivers", type=Path, nargs="+", required=True)
    parser.add_argument("--frames", type=int, default=100)
    parser.add_argument("--work", type=Path, default=Path("out/benchmarks/reanimate"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    print("| target, driver | " + " | ".join(COLUMNS) + " |\n|---|" + "---:|" * len(COLUMNS), flush=True)
    found: dict[str, Any] = {}
    portraits = {path.stem.removeprefix("portrait_"): load_target(path, args.work) for path in args.targets}
    motions = {path: load_driver(path, args.work) for path in args.drivers}
    for path, motion in motions.items():
        for name, portrait in portraits.items():
            both = f"{name}, {path.stem}"
            found[both] = pair(portrait, motion, args.frames, args.work / f"{name}_{path.stem}.png")
            print(row(both, found[both]), flush=True)
        for how, values in itself(path, motion, args.frames):
            found[f"{how}, {path.stem}"] = values
            print(row(f"{how}, {path.stem}", values), flush=True)
    print()
    found["looks"] = {name: portrait.looks.round(2).tolist() for name, portrait in portraits.items()}
    for name, (turn, nod) in found["looks"].items():
        print(f"looks, {name}: {turn:.2f} of a turn, {nod:.2f} of a nod")
    first = next(iter(portraits.values()))
    found["frames_per_second"] = round(speed(first, motion), 1)
    print(f"frames/s at 512 pixels, one core: {found['frames_per_second']}", flush=True)
    found["still"] = {}
    for path, motion in motions.items():
        still = still_clip(path, motion.neutral, args.work / f"still_{path.stem}.mp4")
        one = found["still"][path.stem] = jitter(first, load_driver(still, args.work))
        print(f"still, {path.stem}: trembling {one['trembling']:.2f} %, change {one['change']:.2f}", flush=True)
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
