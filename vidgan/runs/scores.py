"""The table of scores: each for the samples, for real clips in their place and for real clips with shuffled frames.

Legend: N clips, T frames, S pixels of a side, A action features.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from vidgan.metrics.change import inter_frame_change, per_class, second_difference
from vidgan.metrics.class_accuracy import ActionClassifier
from vidgan.metrics.colour_lag import colour_lag_error, colour_similarity
from vidgan.metrics.disentanglement import kept_agreement, kept_ratio
from vidgan.metrics.diversity import collapse_warning, diversity
from vidgan.metrics.motion_frechet import frame_frechet, motion_frechet
from vidgan.metrics.nearest_clip import Nearest, memorisation, nearest_clips
from vidgan.metrics.precision_recall import precision_recall
from vidgan.metrics.video_features import FEATURE_NETWORK, VideoFeatureNetwork, VideoFeatures
from vidgan.report.run_data import ClassScores, Score

TRAIN_FOR_HELD = "Against held-out clips; controls: training clips in the samples' place."
ALONE = "Of the clips alone; controls: training clips."
HELD_FOR_SAMPLES = "Against training clips; controls: held-out clips in the samples' place."
GRID = "Of samples with every pairing of themes and motions; controls: people and actions of training clips."


class Spec(NamedTuple):
    """What is said of a score; `network` whether it is made from the feature network."""

    title: str
    better: Literal["lower", "higher", "real"]
    network: bool
    meaning: str


SPECS = {
    "motion_frechet": Spec("motion Fréchet distance", "lower", True, TRAIN_FOR_HELD),
    "frame_frechet": Spec("frame Fréchet distance", "lower", True, TRAIN_FOR_HELD),
    "change": Spec("inter-frame change, grey levels", "real", False, ALONE),
    "jitter": Spec("second difference (jitter), grey levels", "real", False, ALONE),
    "colour_lag_error": Spec("colour similarity against lag, error", "lower", False, TRAIN_FOR_HELD),
    "appearance_diversity": Spec("diversity of looks", "real", True, ALONE),
    "movement_diversity": Spec("diversity of movement", "real", True, ALONE),
    "movement_precision": Spec("precision of movement", "higher", True, HELD_FOR_SAMPLES),
    "movement_recall": Spec("recall of movement", "higher", True, HELD_FOR_SAMPLES),
    "appearance_precision": Spec("precision of looks", "higher", True, HELD_FOR_SAMPLES),
    "appearance_recall": Spec("recall of looks", "higher", True, HELD_FOR_SAMPLES),
    "class_accuracy": Spec("class accuracy", "higher", True, HELD_FOR_SAMPLES),
    "nearest_distance": Spec("distance to the nearest training clip", "real", True, HELD_FOR_SAMPLES),
    "copies": Spec("share of near copies of training clips", "lower", True, HELD_FOR_SAMPLES),
    "person_kept": Spec("same theme, new motion: change of looks", "lower", True, GRID),
    "action_kept": Spec("same motion, new theme: change of movement", "lower", True, GRID),
    "action_agreement": Spec("same motion, new theme: same class, beyond chance", "higher", True, GRID),
    "fvd": Spec("FVD", "lower", False, TRAIN_FOR_HELD),
    "inception_score": Spec("inception score (C3D)", "higher", False, ALONE),
}
"""All scores, in the order of the table."""

Role = Literal["samples", "real", "shuffled"]


@dataclass(frozen=True)
class Looks:
    """Clips (N, T, S, S, 3) and what is seen of them.

    `labels` are their classes as the training clips number them, None without; `groups` who they show, for real clips.
    """

    clips: NDArray[np.uint8]
    features: VideoFeatures
    change: Tensor
    jitter: Tensor
    labels: Tensor | None = None
    groups: Tensor | None = None

    def first(self, count: int) -> Looks:
        """The first `count` clips."""
        rows = slice(count)
        return Looks(
            self.clips[rows],
            self.features[rows],
            self.change[rows],
            self.jitter[rows],
            None if self.labels is None else self.labels[rows],
            None if self.groups is None else self.groups[rows],
        )


def look(
    network: VideoFeatureNetwork, clips: NDArray[np.uint8], labels: Tensor | None = None, groups: Tensor | None = None
) -> Looks:
    """See what is in clips."""
    return Looks(clips, network(clips), inter_frame_change(clips), second_difference(clips), labels, groups)


@dataclass(frozen=True)
class Sides:
    """Everything that is compared: N samples, training windows `train` (the first N of `pool`) and held-out ones.

    `training` (F, D) are the features of the training clips' frames, `windows` (R, T) which of them make a window.
    """

    samples: Looks
    pool: Looks
    train: Looks
    train_shuffled: Looks
    held: Looks
    held_shuffled: Looks
    training: Tensor
    windows: Tensor

    @property
    def trained(self) -> dict[Role, Looks]:
        """Who is compared with the held-out clips."""
        return {"samples": self.samples, "real": self.train, "shuffled": self.train_shuffled}

    @property
    def unseen(self) -> dict[Role, Looks]:
        """Who is compared with the training clips."""
        return {"samples": self.samples, "real": self.held, "shuffled": self.held_shuffled}


Measured = dict[Role, dict[str, float]]


def measure(sides: Sides, judge: ActionClassifier | None) -> tuple[Measured, Nearest, dict[str, dict[int, float]]]:
    """All scores but those of the grid and of supplied networks; the samples' neighbours; the curves of colour."""
    curves = {role: colour_similarity(looks.clips) for role, looks in sides.trained.items()}
    held_curve = colour_similarity(sides.held.clips)
    nearest = {
        role: nearest_clips(looks.features.frames, sides.training, sides.windows)
        for role, looks in sides.unseen.items()
    }
    measured: Measured = {
        role: {
            **_alone(looks, within=sides.samples.labels is not None),
            "motion_frechet": motion_frechet(looks.features, sides.held.features),
            "frame_frechet": frame_frechet(looks.features, sides.held.features),
            "colour_lag_error": colour_lag_error(curves[role], held_curve),
        }
        for role, looks in sides.trained.items()
    }
    for role, looks in sides.unseen.items():
        measured[role] |= _among(looks, sides.train)
        measured[role] |= {
            "nearest_distance": float(nearest[role].distance.median()),
            "copies": memorisation(nearest[role], nearest["real"])["copies"],
        }
        if judge is not None and looks.labels is not None:
            measured[role]["class_accuracy"] = judge.accuracy(looks.features.action, looks.labels)
    return measured, nearest["samples"], {"samples": curves["samples"], "held out": held_curve, **_but_samples(curves)}


def _alone(looks: Looks, within: bool) -> dict[str, float]:
    """Diversity is that within each class when the samples were asked for classes."""
    labels = looks.labels if within else None
    return {
        "change": float(looks.change.mean()),
        "jitter": float(looks.jitter.mean()),
        "appearance_diversity": diversity(looks.features.appearance, labels),
        "movement_diversity": diversity(looks.features.movement, labels),
    }


def _among(looks: Looks, train: Looks) -> dict[str, float]:
    found: dict[str, float] = {}
    for name in ("movement", "appearance"):
        pair = precision_recall(getattr(looks.features, name), getattr(train.features, name))
        found |= {f"{name}_{key}": value for key, value in pair.items()}
    return found


def _but_samples(curves: dict[Role, dict[int, float]]) -> dict[str, dict[int, float]]:
    return {"training": curves["real"], "shuffled": curves["shuffled"]}


def measure_grid(
    grid: Looks, themes: Tensor, motions: Tensor, sides: Sides, judge: ActionClassifier | None
) -> Measured:
    """Disentanglement of samples of every pairing of `themes` and `motions` (N,), beside real people and actions."""
    measured: Measured = {"samples": _kept(grid.features, themes, motions, judge)}
    for role, looks in {"real": sides.train, "shuffled": sides.train_shuffled}.items():
        if looks.labels is not None and looks.groups is not None:
            measured[role] = _kept(looks.features, looks.groups, looks.labels, judge)  # type: ignore[index]
    return measured


def _kept(features: VideoFeatures, people: Tensor, actions: Tensor, judge: ActionClassifier | None) -> dict[str, float]:
    kept = {
        "person_kept": kept_ratio(features.appearance, people, actions),
        "action_kept": kept_ratio(features.action, actions, people),
    }
    if judge is not None:
        kept["action_agreement"] = kept_agreement(judge.predict(features.action), actions, people)
    return kept


def train_judge(pool: Looks, classes: int) -> ActionClassifier | None:
    """The classifier of the real training clips; None when there are fewer than two classes."""
    if pool.labels is None or len(pool.labels.unique()) < 2:
        return None
    return ActionClassifier(pool.features.action, pool.labels, classes)


def score_rows(measured: Measured, count: int, grid: int) -> tuple[Score, ...]:
    """The table of what was measured of `count` samples, and of `grid` samples that pair themes with motions."""
    return tuple(
        Score(
            key=key,
            title=spec.title,
            value=measured["samples"][key],
            real=measured["real"].get(key),
            shuffled=measured["shuffled"].get(key),
            better=spec.better,
            clips=grid if spec.meaning == GRID else count,
            network=FEATURE_NETWORK if spec.network else None,
            meaning=spec.meaning,
        )
        for key, spec in SPECS.items()
        if key in measured["samples"]
    )


def class_rows(sides: Sides, judge: ActionClassifier | None, classes: tuple[str, ...]) -> tuple[ClassScores, ...]:
    """Change and accuracy by class; none when the samples were not asked for classes."""
    samples, known = sides.samples, [looks for looks in (sides.pool, sides.held) if looks.labels is not None]
    if samples.labels is None or not known:
        return ()
    ours = per_class(samples.change, samples.labels, classes)
    real_labels = torch.cat([looks.labels for looks in known if looks.labels is not None])
    theirs = per_class(torch.cat([looks.change for looks in known]), real_labels, classes)
    right = None if judge is None else (judge.predict(samples.features.action) == samples.labels).float()
    accuracy = {} if right is None else per_class(right, samples.labels, classes)
    return tuple(
        ClassScores(
            name=name,
            change=ours[name],
            real_change=theirs.get(name),
            accuracy=accuracy.get(name),
            clips=int((samples.labels == number).sum()),
        )
        for number, name in enumerate(classes)
        if name in ours
    )


def warnings_of(measured: Measured) -> tuple[str, ...]:
    """What the user should not miss: collapse, copying, motion no better than shuffled frames."""
    ours, real, mixed = measured["samples"], measured["real"], measured["shuffled"]
    shares = [
        ours[key] / real[key] if real[key] > 0 else float("nan")
        for key in ("appearance_diversity", "movement_diversity")
    ]
    found = [collapse_warning(*shares)]
    if ours["copies"] > max(0.1, 2 * real["copies"]):
        found.append(f"{100 * ours['copies']:.0f} % of the samples are near copies of training clips: see the pictures")
    if ours["motion_frechet"] >= mixed["motion_frechet"]:
        found.append("the samples move no more like real clips than real clips with shuffled frames do")
    return tuple(line for line in found if line)
