"""The folder of a training run: what is in it, and the generator that comes out of it.

    run.json             what the run is: `RunFacts`
    clips/               the prepared clips (`vidgan.clips`)
    checkpoint.pt        where training goes on
    best.pt              the best state so far
    model.safetensors    its generator with facts in the header, when the budget is spent
    stats.jsonl, tensorboard/, previews/

Legend: N clips, T frames, S pixels of a side, Z latent length.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from vidgan import __version__, resources
from vidgan.clips.model import ClipSet
from vidgan.config import family_fields
from vidgan.errors import TrainingError, UsageError
from vidgan.nets.video import GeneratorConfig, VideoGenerator, build_generator
from vidgan.tasks.generate_config import GenerateConfig
from vidgan.tasks.sequences import Lengthen, Sequences
from vidgan.train.checkpoint import load_checkpoint, read_network, save_network

FORMAT = 1
"""Of `run.json` and of the facts in `model.safetensors`; raise it when older ones cannot be read any more."""

FACTS, CLIPS, BEST, MODEL = "run.json", "clips", "best.pt", "model.safetensors"


class ClipFacts(BaseModel):
    """The clips of a run. `fps` is their rate, None when they have none; `held` the groups that are held out."""

    model_config = ConfigDict(frozen=True)

    source: str
    digest: str
    count: int
    classes: tuple[str, ...] = ()
    held: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()
    fps: float | None = None

    @classmethod
    def of(cls, clips: ClipSet, source: Path) -> ClipFacts:
        """The facts of prepared clips."""
        held = sorted({clip.group for clip in clips.held().clips})
        return cls(
            source=str(source), digest=clips.digest, count=len(clips), classes=clips.classes, held=tuple(held),
            skipped=clips.skipped, fps=clips.fps,
        )  # fmt: skip


class RunFacts(BaseModel):
    """What `run.json` holds."""

    model_config = ConfigDict(frozen=True)

    format: Literal[1] = 1
    vidgan: str = __version__
    task: Literal["generate"] = "generate"
    config: dict[str, Any]
    clips: ClipFacts
    seed: int

    def settings(self, folder: Path) -> GenerateConfig:
        """The configuration. Raises TrainingError when this version of vidgan does not know all of it."""
        try:
            return GenerateConfig.model_validate(self.config)
        except ValidationError as error:
            key = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise TrainingError(
                f"{folder}: made by vidgan {self.vidgan}, whose setting {key} this one ({__version__}) does not know: "
                f"use vidgan {self.vidgan}, or train anew with another -o"
            ) from None

    def save(self, folder: Path) -> None:
        """Write `run.json`, whole or not at all."""
        temporary = folder / f"{FACTS}.tmp"
        temporary.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        temporary.replace(folder / FACTS)

    @classmethod
    def load(cls, folder: Path) -> RunFacts:
        """Read `run.json`. Raises TrainingError when it is missing, damaged or of another format."""
        try:
            values = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise TrainingError(
                f"{folder}: no run is there ({FACTS} is missing); give a folder of `vidgan train`"
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise TrainingError(f"{folder / FACTS}: cannot be read ({error}); train anew with another -o") from None
        _check_format(values, folder)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            key = ".".join(str(part) for part in error.errors()[0]["loc"])
            raise TrainingError(f"{folder / FACTS}: damaged ({key}); train anew with another -o") from None


def _check_format(values: Any, path: Path) -> None:
    found = values.get("format") if isinstance(values, dict) else None
    if found == FORMAT:
        return
    maker = values.get("vidgan") if isinstance(values, dict) else None
    if found is None or maker is None:
        raise TrainingError(f"{path}: not from `vidgan train`; give the folder of a run or its {MODEL}")
    raise TrainingError(
        f"{path}: made by vidgan {maker} in format {found}, this one ({__version__}) reads format {FORMAT}: "
        f"use vidgan {maker}, or train anew with another -o"
    )


def differences(before: Any, after: Any, key: str = "") -> list[str]:
    """What differs between two settings, a line for each: `batch was 16, is 32`."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for name in dict.fromkeys([*before, *after]):
            found += differences(before.get(name), after.get(name), f"{key}.{name}" if key else name)
        return found
    return [] if before == after else [f"{key} was {before}, is {after}"]


def check_same(folder: Path, before: RunFacts, config: GenerateConfig, seed: int, digest: str) -> None:
    """Refuse to go on with a run that was begun with other settings, seed or clips; its budget may change.

    Raises:
        UsageError: it says what differs.
        TrainingError: the run's settings are not known to this version.
    """
    found = differences(family_fields(before.settings(folder)), family_fields(config))
    found += differences(before.seed, seed, "seed")
    if before.clips.digest != digest:
        found.append(f"the clips are not those of {before.clips.source} as they were")
    if found:
        more = f" (and {len(found) - 3} more)" if len(found) > 3 else ""
        raise UsageError(
            f"{folder} holds another run: {'; '.join(found[:3])}{more}: give another -o, or go on with what it was "
            "begun with"
        )


# --- The generator ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Run:
    """A trained generator, ready to sample from, and what is known of it.

    `path` is the run's folder or the network file; `facts` those of the network; `classes` empty when it is
    unconditional; `fps` None when its clips had no rate; `record` None when there is a network file alone.
    """

    path: Path
    facts: Mapping[str, Any]
    sequences: Sequences
    classes: tuple[str, ...]
    fps: float | None
    record: RunFacts | None = None

    @property
    def generator(self) -> VideoGenerator:
        """The network."""
        return self.sequences.generator

    @cached_property
    def digest(self) -> str:
        """The SHA-256 of the network's weights, whatever file they came from."""
        found = hashlib.sha256()
        for name, values in sorted(self.generator.state_dict().items()):
            found.update(name.encode() + values.cpu().contiguous().numpy().tobytes())
        return found.hexdigest()

    @property
    def frames(self) -> int:
        """Frames of a clip as trained."""
        return self.generator.config.frames

    def settings(self) -> GenerateConfig | None:
        """How it was trained; None when there is a network file alone."""
        return self.record.settings(self.path) if self.record else None

    def clips(self) -> ClipSet:
        """The prepared clips it was trained on. Raises UsageError when there is a network file alone, CacheError."""
        if self.record is None:
            raise UsageError(f"{self.path}: a network file without its clips; give the folder of the run, or CLIPS")
        return ClipSet.load(self.path / CLIPS)

    def sample(
        self,
        seeds: Sequence[int],
        label: int | None = None,
        truncation: float | None = None,
        frames: int | None = None,
        how: Lengthen = "chain",
    ) -> NDArray[np.uint8]:
        """Clips (N, T, S, S, 3), one for each seed; without `label` the classes take turns by seed."""
        return self.sequences.sample(seeds, label, truncation, frames, how)

    def pair(self, themes: Sequence[int], motions: Sequence[int], truncation: float | None = None) -> NDArray[np.uint8]:
        """Clips (N, T, S, S, 3) with the theme of one seed and the motion (and class) of another."""
        moving = self.sequences.latents(motions, truncation=truncation)
        mixed = replace(moving, theme=self.sequences.latents(themes, truncation=truncation).theme)
        return self.sequences.draw(mixed, self.sequences.motion(moving), truncation)


def model_facts(config: GenerateConfig, clips: ClipFacts, seed: int, steps: int, best_step: int) -> dict[str, Any]:
    """What stands in the header of `model.safetensors`; enough to build the generator and to sample from it.

    `fps` is the rate of its clips, whose frames are `clips.stride` frames of the training clips apart.
    """
    return {
        "format": FORMAT,
        "vidgan": __version__,
        "generator": config.generator.model_dump(mode="json"),
        "shared_latent": config.shared_latent,
        "classes": list(clips.classes) if config.conditional else [],
        "fps": clips.fps / config.clips.stride if clips.fps else None,
        "seed": seed,
        "steps": steps,
        "best_step": best_step,
        "images": best_step * config.batch,
    }


def save_model(path: Path, weights: Mapping[str, torch.Tensor], facts: Mapping[str, Any]) -> None:
    """Write the generator of some weights as `model.safetensors`."""
    generator = _built(path, facts)
    generator.load_state_dict(weights)
    save_network(path, generator, facts)


def open_run(path: Path | None, device: str = "cpu") -> Run:
    """The generator of a run's folder (finished or not), of a network file, or of the shipped model when None.

    Raises:
        DependencyError: no model ships with this installation.
        TrainingError: nothing is there, nothing has been kept yet, it is damaged or from another version.
    """
    path = path or resources.shipped_model()
    if path.is_file():
        weights, facts = read_network(path)
        return _run(path, facts, weights, None, device)
    record = RunFacts.load(path)
    model, best = path / MODEL, path / BEST
    if best.exists() and not (model.exists() and model.stat().st_mtime_ns >= best.stat().st_mtime_ns):
        facts = model_facts(record.settings(path), record.clips, record.seed, 0, 0)
        return _run(path, facts, load_checkpoint(best)["ema"], record, device)
    if not model.exists():
        raise TrainingError(f"{path}: no state has been kept yet: train on, until its first evaluation")
    weights, facts = read_network(model)
    return _run(path, facts, weights, record, device)


def _run(
    path: Path, facts: Mapping[str, Any], weights: Mapping[str, torch.Tensor], record: RunFacts | None, device: str
) -> Run:
    _check_format(facts, path)
    generator = _built(path, facts)
    try:
        generator.load_state_dict(weights)
    except RuntimeError as error:
        raise TrainingError(f"{path}: its weights do not fit its facts: damaged, or from another version") from error
    generator = generator.to(device).eval().requires_grad_(False)
    return Run(
        path,
        dict(facts),
        Sequences(generator, facts["shared_latent"], device),
        tuple(facts["classes"]),
        facts["fps"],
        record,
    )


def _built(path: Path, facts: Mapping[str, Any]) -> VideoGenerator:
    try:
        config = GeneratorConfig.model_validate(facts["generator"])
        with torch.random.fork_rng(devices=[]):
            return build_generator(config, len(facts["classes"]))
    except (KeyError, ValidationError) as error:
        raise TrainingError(
            f"{path}: made by vidgan {facts.get('vidgan', '?')} with settings that {__version__} does not know"
        ) from error
