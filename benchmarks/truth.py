"""Pairs of rendered performers, which hold the right answer of a transfer, and videos scored against it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Row, say
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.metrics.pose_error import pose_error
from vidgan.metrics.redetect import Redetector
from vidgan.metrics.video import VideoScores
from vidgan.performers.pair import load_poses, render_pair
from vidgan.pose.backend import BackendConfig, Detection, PoseBackend, open_backend
from vidgan.pose.retarget import RetargetConfig
from vidgan.pose.track import PoseTrack
from vidgan.progress import EventProgress
from vidgan.stages.base import StageContext
from vidgan.stages.heldout import person_box
from vidgan.stages.render import aligned, canvas_for
from vidgan.stages.retarget import RetargetStage
from vidgan.subject.model import Subject
from vidgan.subject.references import ReferenceConfig, pose_distances
from vidgan.video.read import ClipReader

Frame = NDArray[np.uint8]


def make_pair(folder: Path, seed: int, frames: int, size: int) -> Path:
    """The pair of a seed, rendered unless it is there."""
    if not (folder / "meta.json").exists():
        say(f"rendering the pair of seed {seed}")
        render_pair(
            folder, seed=seed, frames=frames, size=size, progress=EventProgress("performers", lambda event: None)
        )
    return folder


class PlacedConfig(RetargetConfig):
    """`truth` is the poses.json of the pair; None leaves the person where the retarget stage puts them."""

    truth: Path | None = None


class PlacedRetargetStage(RetargetStage):
    """The retarget stage, its track then moved by a constant so that the person's mean place is the truth's.

    Where in the target's room the person should stand is not in the two clips; an answer a few pixels off in a fixed
    direction is as right, but would drown every score that compares pixels.
    """

    name = "placed-retarget"
    Config = PlacedConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Retarget, move, save."""
        facts = super().run(context)
        track = PoseTrack.load(context.dir / "track.npz")
        offset = np.zeros(2, np.float32)
        poses = getattr(self.config, "truth", None)
        if poses is not None:
            truth = load_poses(poses)["truth"]
            offset = np.nanmean(truth.image - track.image, axis=(0, 1))
            replace(track, image=track.image + offset).save(context.dir / "track.npz")
        return facts | {"moved": [float(value) for value in offset]}


class _Watched:
    """A pose backend that keeps the mask it found last."""

    def __init__(self, backend: PoseBackend) -> None:
        self.backend, self.name, self.several = backend, backend.name, backend.several
        self.mask: NDArray[np.uint8] | None = None

    def detect(self, rgb: Frame, index: int, seconds: float) -> list[Detection]:
        found = self.backend.detect(rgb, index, seconds)
        self.mask = found[0].mask if found else None
        return found

    def reset(self) -> None:
        self.backend.reset()


def score(frames: Iterable[Frame], pair: Path, loss: PerceptualLoss, asked: PoseTrack | None = None) -> Row:
    """A video against the pair's truth, frame by frame; its pose also against the track that was asked for."""
    wanted = load_poses(pair / "poses.json")["truth"]
    scores = VideoScores(loss)
    with (
        np.load(pair / "masks.npz") as masks,
        open_backend(BackendConfig(), masks=True) as backend,
        ClipReader(pair / "truth.mp4") as truth,
    ):
        true_masks, watched = masks["truth"], _Watched(backend)
        detector = Redetector(watched, wanted)  # type: ignore[arg-type]
        for index, (frame, true) in enumerate(zip(frames, truth, strict=True)):
            detector.add(index, frame)
            found = np.zeros_like(true_masks[index]) if watched.mask is None else watched.mask
            scores.update(frame, true.rgb, person_box(true_masks[index]), found > 127, true_masks[index] > 127)
    values, pose = scores.result(), detector.error()
    followed = pose_error(detector.track(), asked).mean if asked else None
    return {
        "perceptual": values["perceptual"], "ssim": values["ssim"], "psnr": values["psnr"],
        "flicker": values["flicker"], "mask iou": values["mask_iou"], "pose error %": pose.mean, "asked %": followed,
        "missed": pose.missed,
    }  # fmt: skip


def nearest_pose_video(subject: Subject, track: PoseTrack) -> Iterator[Frame]:
    """For every driving frame the target's window with the nearest pose, whole, over the plate at the right place."""
    motion, place, size = aligned(track, 1.0)
    canvas, weight = canvas_for(subject.plate, None), ReferenceConfig().facing_weight
    distances = pose_distances(motion.descriptors(weight), subject.motion.descriptors(weight))
    for index, nearest in enumerate(distances.argmin(1)):
        side = max(2, round(size * float(motion.heights[index] / subject.motion.heights[nearest])))
        window = cv2.resize(np.ascontiguousarray(subject.crops[nearest, ..., :3]), (side, side))
        left, top = (place[index] + (size - side) / 2).round().astype(int)
        yield canvas.paste(np.asarray(window, np.uint8), (int(left), int(top)))
