"""How fast the parts are, each against a bare loop over the same library, in one run.

    python -m benchmarks.speed samples/target.mp4 --json out/speed.json

draft      frames a second of the render stage without a network, 512 pixels tall, the clip's person in their own motion
pose       the pose stage against a bare loop of MediaPipe over PyAV's frames, seconds
read       our reader against PyAV's frames turned to RGB, seconds
write      our writer against a bare libx264 of PyAV with the same options, seconds
training   of the repair task's steps (networks at full size, over a whole schedule), the share of time in networks:
           forward passes of generator, discriminator and perceptual features, backward passes and optimisers

Ours and the bare loop take turns, `--repeats` times; the fastest of each counts.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import click
import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.clock import training_shares
from benchmarks.common import FILE, FOLDER, JSON_OPTION, Finished, Row, finish, run_stages, say
from vidgan.device import choose_device
from vidgan.pose.mediapipe_solutions import quiet_native
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.pose import PoseConfig, PoseStage
from vidgan.stages.render import RenderConfig, RenderStage
from vidgan.stages.train import load_footage
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.engine import choose_precision, launch
from vidgan.video.encoders import encoder_options
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

GOAL = 12.0
"""Frames a second that a 512-pixel draft should reach on 2 cores."""

CRF = 18


def stopwatch(function: Callable[..., Any], *args: Any) -> float:
    """The seconds a call takes."""
    began = time.perf_counter()
    function(*args)
    return time.perf_counter() - began


def versus(ours: Callable[[], Any], bare: Callable[[], Any], repeats: int) -> tuple[float, float]:
    """The fastest seconds of each, taken in turns."""
    times = [(stopwatch(ours), stopwatch(bare)) for _ in range(repeats)]
    return min(mine for mine, _ in times), min(theirs for _, theirs in times)


def read(clip: Path) -> None:
    """Every frame through our reader."""
    with ClipReader(clip) as reader:
        for _ in reader:
            pass


def bare_read(clip: Path) -> None:
    """Every frame through PyAV alone."""
    with av.open(str(clip)) as container:
        container.streams.video[0].thread_type = "AUTO"
        for frame in container.decode(video=0):
            frame.to_ndarray(format="rgb24")


def write(path: Path, frames: list[NDArray[np.uint8]], rate: Fraction) -> None:
    """The frames through our writer."""
    height, width = frames[0].shape[:2]
    with ClipWriter(path, width, height, rate, crf=CRF) as writer:
        for index, frame in enumerate(frames):
            writer.write(frame, index / rate)


def bare_write(path: Path, frames: list[NDArray[np.uint8]], rate: Fraction) -> None:
    """The frames through PyAV alone."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=encoder_options("libx264", CRF))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.thread_type = "AUTO"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))


def pose(clip: Path) -> None:
    """The pose stage."""
    with tempfile.TemporaryDirectory() as folder:
        PoseStage(PoseConfig()).run(StageContext(Path(folder), {"video": clip}, "cpu", 0, Silent()))


def bare_pose(clip: Path) -> None:
    """MediaPipe's pose over PyAV's frames, and nothing else."""
    with quiet_native():
        from mediapipe.python.solutions.pose import Pose

        with Pose(model_complexity=1, smooth_landmarks=False) as model, av.open(str(clip)) as container:
            container.streams.video[0].thread_type = "AUTO"
            for frame in container.decode(video=0):
                model.process(frame.to_ndarray(format="rgb24"))


def draft_rate(stages: dict[str, Finished], size: int, device: str) -> float:
    """Frames a second of the render stage without a generator."""
    inputs = {"subject": stages["subject"].dir, "motion": stages["retarget"].dir, "model": None}
    with tempfile.TemporaryDirectory() as folder:
        stage = RenderStage(RenderConfig.model_validate({"size": size}))
        began = time.perf_counter()
        facts = stage.run(StageContext(Path(folder), inputs, device, 0, Silent()))
        return float(facts["frames"] / (time.perf_counter() - began))


@click.command()
@click.argument("clip", type=FILE, default=Path("samples/target.mp4"))
@click.option("--repeats", default=3, show_default=True)
@click.option("--size", default=512, show_default=True, help="Height of the draft.")
@click.option("--steps", default=12, show_default=True, help="Training steps; 0 for none.")
@click.option("--device", default="auto", show_default=True)
@click.option("--work", type=FOLDER, default=Path("out/benchmarks/speed"), show_default=True, help="Work folder.")
@JSON_OPTION
def main(clip: Path, repeats: int, size: int, steps: int, device: str, work: Path, json_file: Path | None) -> None:
    """Measure the parts on CLIP."""
    device, _ = choose_device(device)
    rows: list[Row] = []

    def compare(name: str, ours: Callable[[], Any], bare: Callable[[], Any]) -> None:
        say(name)
        mine, theirs = versus(ours, bare, repeats)
        rows.append({"what": f"{name}, s", "ours": mine, "against": theirs, "ratio": mine / theirs})

    with ClipReader(clip) as reader, tempfile.TemporaryDirectory() as folder:
        out, rate = Path(folder) / "out.mp4", reader.info.rate
        frames = [frame.rgb for frame in islice(reader, 60)]
        frames = [frame[: frame.shape[0] // 2 * 2, : frame.shape[1] // 2 * 2].copy() for frame in frames]
        compare("read", lambda: read(clip), lambda: bare_read(clip))
        compare("write", lambda: write(out, frames, rate), lambda: bare_write(out, frames, rate))
    compare("pose", lambda: pose(clip), lambda: bare_pose(clip))
    say("draft")
    stages = run_stages(["retarget"], {"source": clip, "target": clip}, work, device=device)
    fastest = max(draft_rate(stages, size, device) for _ in range(repeats))
    rows.append({"what": f"draft at {size} px, frames/s", "ours": fastest, "against": GOAL, "ratio": fastest / GOAL})
    shares: Row = {}
    if steps:
        say("training")
        config = RepairConfig()
        precision, _ = choose_precision(config.precision, device)
        folder = stages["subject"].dir
        footage = load_footage(folder, config.held_out, config.references, config.examples, device)
        task = RepairTask(footage, config, launch(device, precision), 0)
        shares = training_shares(task, device, steps)
        rows.append({"what": "training, steps/s", "ours": shares.pop("steps/s")})
        rows += [{"what": f"training, share in {name}", "ours": value} for name, value in shares.items()]
    finish(
        f"speed on {clip.name}, {torch.get_num_threads()} threads, {device}", rows, {"ours": 3, "against": 3}, json_file
    )


if __name__ == "__main__":
    main()
