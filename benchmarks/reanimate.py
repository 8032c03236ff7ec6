"""How well portraits follow faces: every target with every driver, scored by the reports of `vidgan reanimate`.

    python -m benchmarks.reanimate --targets A.jpg B.jpg --drivers C.mp4 D.mp4 --out out/benchmarks/reanimate

The scores are found again in the finished videos (see `vidgan/metrics/face_follow.py`). For `still`, the first driver's
frame at rest is repeated with fresh noise of 2 grey levels, as a camera gives: how far the asked landmarks tremble, in
% of the distance of the outer eye corners, root mean square, and the mean change of the output from frame to frame
around the face, in grey levels. `frames/s` is the painter alone, on one core, at 512 pixels height.
"""

from __future__ import annotations

import argparse
import json
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import cv2
import numpy as np

import vidgan
from vidgan.face.motion import FaceMotion
from vidgan.face.transfer import FaceTransferConfig, drive, whole
from vidgan.subject.animate import FacePainter
from vidgan.subject.portrait import Portrait
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

COLUMNS = ("eyes", "mouth", "pose_degrees", "pose_worst", "background", "missed", "checked")
STILL_FRAMES = 50


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


def jitter(stages: dict[str, Path], video: Path) -> dict[str, float]:
    """How much a face that should stand still trembles."""
    portrait = Portrait.load(stages["portrait"])
    with np.load(stages["drive"] / "driven.npz") as data:
        points = data["points"][..., :2]
    moved = points - points.mean(0)
    trembling = float(np.sqrt((moved**2).sum(-1).mean()) / portrait.pose.scale[0] * 100)
    left, top = portrait.points[:, :2].min(0).astype(int)
    right, bottom = portrait.points[:, :2].max(0).astype(int)
    with ClipReader(video) as reader:
        faces = [frame.rgb[top:bottom, left:right].astype(np.float32) for frame in reader]
    return {
        "trembling": trembling,
        "change": float(np.mean([np.abs(b - a).mean() for a, b in pairwise(faces)])),
    }


def speed(stages: dict[str, Path], frames: int = 60) -> float:
    """Frames per second of the painter, on one core, with the picture at 512 pixels height."""
    cv2.setNumThreads(1)
    portrait, motion = Portrait.load(stages["portrait"]), FaceMotion.load(stages["driver"] / "motion.npz")
    scale = 512 / portrait.picture.shape[0]

    def small(picture: Any) -> Any:
        return cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)

    one = Portrait(
        small(portrait.picture), small(portrait.matte), small(portrait.plate),
        (portrait.points * scale).astype(np.float32), portrait.mouths,
    )  # fmt: skip
    points = whole(motion.track.points, motion.track.present, motion.track.seconds)
    painter = FacePainter(one, drive(points, motion.neutral, one.points, FaceTransferConfig()), motion.mouths)
    painter.paint(0)
    began = time.process_time()
    for index in range(frames):
        painter.paint(index % len(points))
    return frames / (time.process_time() - began)


def row(name: str, values: dict[str, Any]) -> str:
    """A line of the table."""
    cells = [f"{values[c]:.2f}" if isinstance(values[c], float) else str(values[c] if values[c] is not None else "-")
             for c in COLUMNS]  # fmt: skip
    return f"| {name} | " + " | ".join(cells) + " |"


def main() -> None:
    """Run all pairs and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--targets", type=Path, nargs="+", required=True)
    parser.add_argument("--drivers", type=Path, nargs="+", required=True)
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/reanimate"))
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    print("| target, driver | " + " | ".join(COLUMNS) + " |\n|---|" + "---:|" * len(COLUMNS))
    found: dict[str, Any] = {}
    for driver in args.drivers:
        for target in args.targets:
            output = args.out / f"{target.stem}_{driver.stem}.mp4"
            result = vidgan.reanimate(target, driver, output, work=args.out / "work")
            report = json.loads(result.outputs["data"].read_text())
            name = f"{target.stem.removeprefix('portrait_')}, {driver.stem}"
            found[name] = {column: report[column] for column in COLUMNS} | {"av_sync": report["av_sync"]}
            print(row(name, found[name]), flush=True)
    motion = FaceMotion.load(result.stages["driver"] / "motion.npz")
    still = still_clip(args.drivers[-1], motion.neutral, args.out / "still.mp4")
    result = vidgan.reanimate(args.targets[0], still, args.out / "still_out.mp4", work=args.out / "work")
    found["still"] = jitter(result.stages, result.video)
    found["frames_per_second"] = speed(result.stages)
    print("\nstill driver:", found["still"], "\nframes/s at 512, one core:", round(found["frames_per_second"], 1))
    if args.json:
        args.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
