"""What an evaluated generator scores: what `evaluation.json` holds. Raise `FORMAT` when a field changes its meaning."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator

from vidgan.config import Config

FORMAT = 1


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


Value = Annotated[float | None, BeforeValidator(_finite)]
"""A number, or None for what could not be measured."""


class Score(Config):
    """One score of the samples, beside what real clips get and what real clips with shuffled frames get.

    `key` names it for programs, `title` for people. `better`: which way is better, "real" when it should be as for real
    clips (then `ratio` is the samples' over the real ones'). `network` is the feature network, None when none is used.
    `clips`: how many on each side. `meaning` says what the two controls are.
    """

    key: str
    title: str
    value: Value
    real: Value
    shuffled: Value
    better: Literal["lower", "higher", "real"]
    clips: int
    network: str | None = None
    meaning: str = ""

    @property
    def ratio(self) -> float | None:
        """Samples over real clips."""
        return None if self.value is None or not self.real else self.value / self.real


class ClassScores(Config):
    """One class: inter-frame change of samples and real clips in grey levels, and the share of samples told as it."""

    name: str
    change: Value
    real_change: Value
    accuracy: Value
    clips: int

    @property
    def ratio(self) -> float | None:
        """The samples' change over the real clips'."""
        return None if self.change is None or not self.real_change else self.change / self.real_change


class Neighbour(Config):
    """A sample and the training clip nearest to it, with its first frame and its distance."""

    sample: int
    clip: str
    start: int
    distance: Value


class Side(Config):
    """One side of the comparison: how many clips and people, and the windows taken of them."""

    source: str
    clips: int
    groups: int
    windows: int


class Evaluation(Config):
    """All that is known of an evaluated run; everything is as `vidgan evaluate` measured it in one go."""

    format: int = FORMAT
    vidgan: str
    run: str
    feature_network: str
    clips: int
    frames: int
    size: int
    seed: int
    truncation: float | None
    train: Side
    held: Side
    scores: tuple[Score, ...]
    classes: tuple[ClassScores, ...]
    colour: dict[str, dict[int, float]]
    neighbours: tuple[Neighbour, ...]
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def score(self, key: str) -> Score | None:
        """The score of a key, None when it was not measured."""
        return next((score for score in self.scores if score.key == key), None)

    def write(self, path: Path) -> None:
        """Write as JSON."""
        temporary = path.with_suffix(".tmp")
        temporary.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")
        temporary.replace(path)
