"""`vidgan evaluate`: score a run and write `evaluation.json` and `report.html`.

Legend: N clips, T frames, S pixels of a side.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.clips.config import ClipConfig
from vidgan.clips.model import ClipSet
from vidgan.clips.prepare import prepare_clips
from vidgan.errors import OutputError
from vidgan.progress import Progress
from vidgan.report.curves import learning_curves, read_statistics
from vidgan.report.data import plain_facts
from vidgan.report.pictures import video_uri
from vidgan.report.run_data import Evaluation, Neighbour
from vidgan.report.run_page import Material, Shown, render_run_page
from vidgan.report.run_pictures import pairs, time_slices
from vidgan.runs.evaluate import Evaluated, Options, evaluate
from vidgan.runs.folder import Run, open_run
from vidgan.runs.sample import frame_rate, tiled, write_clip
from vidgan.video.output import output_error

DATA, PAGE, PREPARED = "evaluation.json", "report.html", "evaluation"
SHOWN = 25
"""Clips in each video of the page."""
PAIRS, PAIR_FRAMES, SLICES = 6, 8, 8
WIDE = 128
"""Pixels that a small clip is enlarged to, about."""


@dataclass(frozen=True)
class Results:
    """The scores, and the files they are in."""

    data: Evaluation
    json: Path
    page: Path


def evaluate_run(
    path: Path | None,
    clips: Path | None,
    against: Path | None,
    output: Path | None,
    options: Options,
    progress: Progress,
) -> Results:
    """Evaluate the generator of a run's folder, of a network file, or the shipped one when `path` is None.

    Args:
        path: the run.
        clips: a folder of training clips with held-out ones among them; None: those that the run keeps.
        against: a folder of clips to compare with instead of the held-out ones.
        output: the folder for the results; None: the run's, or out/evaluate/NAME for a network file.
        options: see `vidgan.runs.evaluate`.
        progress: told how far it is.

    Raises:
        UsageError: there are no clips to compare with, or too few, or of other sizes.
        MediaError, ConfigError: clips that cannot be read, or do not fit the run's settings.
        TrainingError: there is no run, or it is damaged.
        DependencyError: the weights of a feature network are missing.
        OutputError: the results cannot be written.
    """
    run = open_run(path, options.device)
    folder = _output_folder(run, output)
    config = _clip_config(run)
    if clips is None:
        train = run.clips()
    else:
        train = prepare_clips(clips, config, folder / PREPARED / "clips", progress)
        _say_whether_trained_on(run, train, progress)
    other = None
    if against is not None:
        everybody = config.model_copy(update={"held_groups": ()})
        other = prepare_clips(against, everybody, folder / PREPARED / "against", progress)
    name = run.path.resolve().name if run.record else run.path.name
    result = evaluate(run, train, other, (config.frames, config.stride), options, progress, name)
    material = _material(run, result, progress)
    page = render_run_page(result.data, material)
    try:
        result.data.write(folder / DATA)
        (folder / PAGE).write_text(page, encoding="utf-8")
    except OSError as error:
        raise output_error(folder / PAGE, error) from error
    return Results(result.data, folder / DATA, folder / PAGE)


def _output_folder(run: Run, output: Path | None) -> Path:
    folder = output or (run.path if run.record else Path("out/evaluate") / run.path.stem)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return folder
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written to ({error.strerror}); give another folder with -o") from error


def _clip_config(run: Run) -> ClipConfig:
    """How clips were read for the run; of a network file only what its generator shows."""
    settings = run.settings()
    if settings is not None:
        return settings.clips
    return ClipConfig.model_validate({"size": run.generator.config.size, "frames": run.generator.config.frames})


def _say_whether_trained_on(run: Run, clips: ClipSet, progress: Progress) -> None:
    if run.record is None:
        progress.note("a network file does not say its training clips: copying is looked for among CLIPS")
    elif run.record.clips.digest != clips.digest:
        progress.warn("CLIPS are not those that the run was trained on: its copies of those are not found")


# --- What the page shows --------------------------------------------------------------------------------------------


def _material(run: Run, result: Evaluated, progress: Progress) -> Material:
    scale = max(1, WIDE // result.samples.shape[2])
    rows = read_statistics(run.path / "stats.jsonl") if run.record else []
    fps = frame_rate(run, progress)
    return Material(
        videos={
            "samples": _video(result.samples[:SHOWN], fps, scale),
            "real clips, held out": _video(result.real[:SHOWN], fps, scale),
        },
        slices=[
            Shown.of(time_slices(clips, SLICES, scale), text)
            for text, clips in (("samples", result.samples), ("real clips, held out", result.real))
        ],
        neighbours=_neighbours(result, max(1, scale // 2)),
        curves=learning_curves(rows, run.facts.get("best_step") or None),
        settings=_settings(run),
    )


def _video(clips: NDArray[np.uint8], fps: float, scale: int) -> str:
    """Clips (N, T, S, S, 3) in a grid as an MP4, enlarged so that the video's coarse colour does not show."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "grid.mp4"
        write_clip(path, tiled(clips).repeat(scale, 1).repeat(scale, 2), fps)
        return video_uri(path)


def _neighbours(result: Evaluated, scale: int) -> list[Shown]:
    """The samples that are nearest to a training clip, nearest first."""

    def distance(neighbour: Neighbour) -> float:
        return float("inf") if neighbour.distance is None else neighbour.distance

    chosen = sorted(result.data.neighbours, key=distance)[:PAIRS]
    rows = [neighbour.sample for neighbour in chosen]
    pictures = pairs(result.samples[rows], result.nearest[rows], PAIR_FRAMES, scale)
    usual = result.data.score("nearest_distance")
    beside = "" if usual is None or usual.real is None else f"; held-out clips are {usual.real:.3g} from theirs"
    return [
        Shown.of(
            picture,
            f"seed {result.data.seed + neighbour.sample}, {neighbour.clip} from frame {neighbour.start}: "
            f"distance {distance(neighbour):.3g}{beside}",
        )
        for neighbour, picture in zip(chosen, pictures, strict=True)
    ]


def _settings(run: Run) -> Mapping[str, Any]:
    facts = {name: value for name, value in run.facts.items() if name not in ("generator", "classes", "format")}
    if run.record is None:
        return plain_facts({**facts, "generator": run.facts["generator"]})
    return plain_facts({**facts, "source": run.record.clips.source, **run.record.config})
