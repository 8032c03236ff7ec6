"""Evaluate a generator: draw samples, choose real clips, score both sides and the controls.

Legend: N clips of each side, T frames, S pixels of a side, G themes and motions of the grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgan import __version__
from vidgan.clips.model import ClipSet
from vidgan.errors import UsageError
from vidgan.metrics.fvd import I3D_SHA256, ScriptedNetwork, fvd, i3d_features, inception_score
from vidgan.metrics.nearest_clip import Nearest
from vidgan.metrics.video_features import VideoFeatureNetwork
from vidgan.progress import Progress
from vidgan.report.run_data import Evaluation, Neighbour, Side
from vidgan.runs.choose import RealClips, TrainingFrames, halves, renumbered, shuffled, spread_windows, training_frames
from vidgan.runs.scores import (
    Measured,
    Sides,
    class_rows,
    look,
    measure,
    measure_grid,
    score_rows,
    train_judge,
    warnings_of,
)

POOL = 192
"""Windows of training clips, at most, from which the classifier learns."""
SEARCHED = 8192
"""Frames of training clips, at most, among which the nearest are looked for."""
FEWEST = 4
FEW = 32
"""Clips of a side below which the scores are said to be coarse."""
GRID = 8


class Sampler(Protocol):
    """What is evaluated (`vidgan.runs.folder.Run` is one)."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes it can be asked for; empty when it makes all of them unasked."""

    def sample(
        self, seeds: Sequence[int], label: int | None = None, truncation: float | None = None
    ) -> NDArray[np.uint8]:
        """Clips (N, T, S, S, 3), one for each seed."""

    def pair(self, themes: Sequence[int], motions: Sequence[int], truncation: float | None = None) -> NDArray[np.uint8]:
        """Clips (N, T, S, S, 3) with the theme of one seed and the motion (and class) of another."""


@dataclass(frozen=True)
class Options:
    """How to evaluate: `clips` of each side at most, and the networks of FVD and IS, when the user has them."""

    clips: int = 64
    seed: int = 0
    truncation: float | None = None
    device: str = "cpu"
    i3d: Path | None = None
    i3d_sha256: str | None = None
    c3d: Path | None = None
    c3d_sha256: str | None = None


@dataclass(frozen=True)
class Evaluated:
    """The scores, and clips for the report: samples, the training windows nearest to them and held-out windows.

    Each is (N, T, S, S, 3); `names` are the classes that the samples were asked for.
    """

    data: Evaluation
    samples: NDArray[np.uint8]
    nearest: NDArray[np.uint8]
    real: NDArray[np.uint8]
    names: tuple[str, ...] = ()


def evaluate(
    run: Sampler,
    clips: ClipSet,
    against: ClipSet | None,
    window: tuple[int, int],
    options: Options,
    progress: Progress,
    name: str = "",
) -> Evaluated:
    """Score samples against real clips.

    Args:
        run: the generator.
        clips: what it learned from, and beside it the clips marked as held out.
        against: clips to compare with instead of the held-out ones. Without either, halves of the training people.
        window: frames of a clip and the stride between them, as trained.
        options: how many clips, the seed, the optional networks.
        progress: told how far it is, and what may spoil the result.
        name: of the run.

    Raises:
        UsageError: too few clips to compare, or clips of different sizes.
        DependencyError: the weights of a feature network are missing or not the expected ones.
    """
    supplied = _supplied_networks(options)
    notes: list[str] = []
    train, held = _choose_sides(clips, against, notes)
    pool = spread_windows(train, max(POOL, options.clips), *window, options.seed)
    everything = training_frames(train, *window, SEARCHED, options.seed)
    real = spread_windows(held, options.clips, *window, options.seed)
    count = min(options.clips, len(pool), len(real))
    real = real.first(count)
    _note_counts(count, options, real, notes)
    labels = _asked_labels(run, real, train.classes, notes)
    progress.start("evaluate", 4, "parts")
    samples = _draw(run, count, labels, train.classes, options)
    _check_sizes({"samples": samples, "held-out clips": real.frames, "training clips": pool.frames})
    progress.advance()
    network = VideoFeatureNetwork(options.device)
    sides = _look_at(network, samples, labels, pool, everything, real, train.classes, options)
    progress.advance()
    judge = train_judge(sides.pool, len(train.classes))
    measured, nearest, colour = measure(sides, judge)
    seeds = [options.seed + number for number in range(GRID)]
    themes, motions = torch.arange(GRID).repeat_interleave(GRID), torch.arange(GRID).repeat(GRID)
    grid = run.pair([seeds[row] for row in themes], [seeds[row] for row in motions], options.truncation)
    _add(measured, measure_grid(look(network, grid), themes, motions, sides, judge))
    progress.advance()
    _add(measured, _published(sides, supplied))
    progress.advance()
    warnings = warnings_of(measured)
    for warning in warnings:
        progress.warn(warning)
    data = Evaluation(
        vidgan=__version__,
        run=name,
        feature_network=network.name,
        clips=count,
        frames=window[0],
        size=train.size,
        seed=options.seed,
        truncation=options.truncation,
        train=_side("training clips", train, pool),
        held=_side("held-out clips" if against is None else "clips given with --against", held, real),
        scores=score_rows(measured, count, GRID * GRID),
        classes=class_rows(sides, judge, train.classes),
        colour=colour,
        neighbours=_neighbours(nearest, everything, train),
        notes=tuple(notes),
        warnings=warnings,
    )
    asked = () if labels is None else tuple(train.classes[label] for label in labels.tolist())
    return Evaluated(data, samples, everything.frames[everything.rows[nearest.index].numpy()], real.frames, asked)


# --- Which clips ----------------------------------------------------------------------------------------------------


def _choose_sides(clips: ClipSet, against: ClipSet | None, notes: list[str]) -> tuple[ClipSet, ClipSet]:
    """Training clips and those to compare with."""
    train, held = clips.train(), clips.held()
    if against is not None or len(held):
        return train, held if against is None else against
    notes.append(
        "no clips are held out: one half of the training people stands for held-out ones, the other for training; the "
        "generator has seen both, so that copies of the former are not found"
    )
    return halves(train)


def _note_counts(count: int, options: Options, real: RealClips, notes: list[str]) -> None:
    if count < FEWEST:
        raise UsageError(f"only {count} clips can be compared and {FEWEST} are needed: raise -n or give more clips")
    if count < options.clips:
        notes.append(f"{count} clips a side are compared, not {options.clips}: the real side has no more windows")
    if count < FEW:
        notes.append(f"with {count} clips a side all scores are coarse")
    people, sources = len(set(real.groups.tolist())), len(set(real.windows[:, 0].tolist()))
    notes.append(
        f"the real side is {count} windows, overlapping where they must, of {sources} clips of {people} groups"
    )


def _asked_labels(run: Sampler, real: RealClips, classes: tuple[str, ...], notes: list[str]) -> Tensor | None:
    """The classes to ask the run for, as many of each as the real side has; None when that cannot be done."""
    if not run.classes:
        return None
    labels = renumbered(real.labels, real.classes, classes)
    unknown = sorted({classes[label] for label in labels.tolist()} - set(run.classes)) if labels is not None else []
    if labels is not None and not unknown:
        return labels
    reason = f"the run does not know {', '.join(unknown)}" if unknown else "the real side has other classes or none"
    notes.append(f"{reason}: samples are of all classes in turn, and class scores are left out")
    return None


def _draw(
    run: Sampler, count: int, labels: Tensor | None, classes: tuple[str, ...], options: Options
) -> NDArray[np.uint8]:
    """A sample for each seed from `options.seed` on, of the class it is asked for."""
    seeds = [options.seed + number for number in range(count)]
    if labels is None:
        return run.sample(seeds, None, options.truncation)
    drawn: dict[int, NDArray[np.uint8]] = {}
    for label in labels.unique().tolist():
        rows = (labels == label).nonzero().flatten().tolist()
        wanted = run.classes.index(classes[label])
        drawn |= dict(zip(rows, run.sample([seeds[row] for row in rows], wanted, options.truncation), strict=True))
    return np.stack([drawn[row] for row in range(count)])


def _check_sizes(sides: dict[str, NDArray[np.uint8]]) -> None:
    if len({clips.shape[1:] for clips in sides.values()}) > 1:
        sizes = ", ".join(f"{name} {'x'.join(map(str, clips.shape[1:4]))}" for name, clips in sides.items())
        raise UsageError(f"clips to compare must have the same frames and size: {sizes}")


def _look_at(
    network: VideoFeatureNetwork,
    samples: NDArray[np.uint8],
    labels: Tensor | None,
    pool: RealClips,
    everything: TrainingFrames,
    real: RealClips,
    classes: tuple[str, ...],
    options: Options,
) -> Sides:
    pool_labels, groups = renumbered(pool.labels, pool.classes, classes), torch.from_numpy(pool.groups)
    seen = look(network, pool.frames, pool_labels, groups)
    train = seen.first(len(samples))
    held_labels = renumbered(real.labels, real.classes, classes)
    return Sides(
        samples=look(network, samples, labels),
        pool=seen,
        train=train,
        train_shuffled=look(network, shuffled(train.clips, options.seed), train.labels, train.groups),
        held=look(network, real.frames, held_labels),
        held_shuffled=look(network, shuffled(real.frames, options.seed), held_labels),
        training=network.frames(everything.frames),
        windows=everything.rows,
    )


# --- Networks of the user -------------------------------------------------------------------------------------------


def _supplied_networks(options: Options) -> dict[str, ScriptedNetwork]:
    """Loaded first, so that a wrong file is said before any work."""
    networks = {}
    if options.i3d is not None:
        networks["i3d"] = ScriptedNetwork(options.i3d, options.i3d_sha256 or I3D_SHA256, "i3d", options.device)
    if options.c3d is not None:
        networks["c3d"] = ScriptedNetwork(options.c3d, options.c3d_sha256, "c3d", options.device)
    return networks


def _published(sides: Sides, networks: dict[str, ScriptedNetwork]) -> Measured:
    measured: Measured = {"samples": {}, "real": {}, "shuffled": {}}
    if "i3d" in networks:
        held = i3d_features(sides.held.clips, networks["i3d"])
        for role, looks in sides.trained.items():
            measured[role]["fvd"] = fvd(i3d_features(looks.clips, networks["i3d"]), held)
    if "c3d" in networks:
        for role, looks in sides.trained.items():
            measured[role]["inception_score"] = inception_score(looks.clips, networks["c3d"])
    return measured


# --- The result -----------------------------------------------------------------------------------------------------


def _add(measured: Measured, more: Measured) -> None:
    for role, values in more.items():
        measured[role] |= values


def _side(source: str, clips: ClipSet, windows: RealClips) -> Side:
    return Side(source=source, clips=len(clips), groups=len({clip.group for clip in clips.clips}), windows=len(windows))


def _neighbours(nearest: Nearest, everything: TrainingFrames, train: ClipSet) -> tuple[Neighbour, ...]:
    found = zip(nearest.index.tolist(), nearest.distance.tolist(), strict=True)
    return tuple(
        Neighbour(
            sample=sample,
            clip=train.clips[everything.windows[row, 0]].name,
            start=int(everything.windows[row, 1]),
            distance=distance,
        )
        for sample, (row, distance) in enumerate(found)
    )
