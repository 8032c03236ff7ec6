"""The Python API: what the commands call.

import vidgan

result = vidgan.transfer("dance.mp4", "alice.mp4", "alice-dances.mp4", quality="draft")
print(result.video, result.report)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypedDict, Unpack

from vidgan import resources
from vidgan.config import Config, Layer, check_layer, read_layers
from vidgan.device import choose_device
from vidgan.errors import ConfigError, UsageError
from vidgan.output import check_destination, check_inputs, place, place_all
from vidgan.progress import Emit
from vidgan.stages.pipeline import Pipeline, read_pipeline, settings_model
from vidgan.stages.plan import Plan, make_plan
from vidgan.stages.runner import run_plan
from vidgan.stages.store import Store, default_work
from vidgan.trust.keys import have_keys, load_identity
from vidgan.trust.mark import own_keys, read_key
from vidgan.video.limits import SECTION, limited
from vidgan.video.output import check_output

DEFAULT_BUDGET = {"cpu": 300.0, "cuda": 600.0}
"""Seconds of training where neither the user nor the preset says."""


@dataclass(frozen=True)
class Result:
    """A finished run: its files by the names of the pipeline's outputs, and the directory of each stage."""

    outputs: dict[str, Path]
    stages: dict[str, Path]

    @property
    def video(self) -> Path:
        """The finished video."""
        return self.outputs["video"]

    @property
    def report(self) -> Path:
        """The report as a page."""
        return self.outputs["report"]


@dataclass(frozen=True)
class Run:
    """A run that is planned: look at `plan`, then `go`."""

    plan: Plan
    settings: Config
    store: Store
    device: str
    output: Path
    keep: Mapping[str, Path] = field(default_factory=dict)
    """Files of stages, as `STAGE/FILE`, that are copied where the user asked for them."""

    def go(self, emit: Emit = lambda event: None) -> Result:
        """Run what is not cached and put the outputs in place.

        Raises:
            VidganError: it failed; calling again goes on.
            Interrupted: Ctrl-C or SIGTERM; calling again goes on.
        """
        with limited(getattr(self.settings, SECTION)):
            run_plan(self.plan, self.store, self.device, emit)
        outputs = place_all(self.plan.outputs(self.store), self.output)
        stages = {stage.name: stage.job.entry(self.store).dir for stage in self.plan.stages}
        for inside, path in self.keep.items():
            name, _, file = inside.partition("/")
            outputs[Path(file).stem] = place(stages[name] / file, path)
        return Result(outputs, stages)


def prepare(
    pipeline: str | Path,
    inputs: Mapping[str, str | Path],
    output: str | Path,
    *,
    preset: str | None = None,
    config: str | Path | None = None,
    options: Mapping[str, Any] | None = None,
    overrides: Sequence[str] = (),
    label: bool | str | None = None,
    consent: str | Path | None = None,
    certificate: tuple[str | Path, str | Path] | None = None,
    marked: bool = True,
    device: str = "auto",
    seed: int = 0,
    work: str | Path | None = None,
    emit: Emit = lambda event: None,
    dry_run: bool = False,
) -> Run:
    """Check everything that can be checked before any work, and plan a run.

    Args:
        pipeline: the path of a pipeline's YAML file, or the name of a shipped one.
        inputs: the files by the pipeline's names for them.
        output: where the main output goes; the others go beside it.
        preset: one of the pipeline's presets, such as draft, standard, high.
        config: a YAML file of settings over the preset.
        options: dotted settings over that, such as {"train.budget": 60}; None values are unset.
        overrides: `key=value` settings over all.
        label: a visible label, by its text or True for the usual one.
        consent: who agreed, a text or a file; written into the credentials.
        certificate: the chain and the private key in PEM to sign with; the own ones when None.
        marked: False only where a person typed --no-mark.
        device: auto, cpu, cuda or cuda:N.
        seed: of all random numbers.
        work: the work folder; `$VIDGAN_WORK` or `~/.cache/vidgan/work` when None.
        emit: takes notes on the device and the keys.
        dry_run: write nothing: no keys, no folders. Such a run is there to look at.

    Raises:
        VidganError: an input, the output, a setting, the device, the keys or the work folder will not do.
    """
    spec = read_pipeline(resources.find("pipelines", pipeline))
    files = _files(spec, inputs)
    check_inputs(files)
    check_destination(Path(output), files.values(), writing=not dry_run)
    store = Store(Path(work) if work else default_work(), writing=not dry_run)
    chosen, reason = choose_device(device)
    chain, key = certificate or (None, None)
    marks = {"encode.label": label, "sign.consent": consent, "sign.certificate": chain, "sign.private_key": key}
    layer = _layer(spec, preset, config, overrides, {**(options or {}), **marks})
    model = settings_model(spec)
    _fill(layer, model, chosen, Path(output))
    _fill_marks(layer, spec, model, marked, None if dry_run else emit)
    settings = check_layer(model, layer)
    _check_keys(settings)
    emit({"event": "note", "message": f"device {chosen}: {reason}"})
    return Run(make_plan(spec, settings, files, store, seed), settings, store, chosen, Path(output))


class RunOptions(TypedDict, total=False):
    """What every job takes.

    device: "auto", "cpu", "cuda" or "cuda:N"; seed: of all random numbers; label: a visible label, by its text or True
    for the usual one; consent: who agreed, a text or a file, written into the credentials; certificate: the chain and
    the private key in PEM to sign with, the own ones without; config: a YAML file of settings over the quality's;
    overrides: `key=value` settings over all; work: the work folder, in which an interrupted run goes on; emit: takes
    the events of `vidgan.progress`.
    """

    device: str
    seed: int
    label: bool | str | None
    consent: str | Path | None
    certificate: tuple[str | Path, str | Path] | None
    config: str | Path | None
    overrides: Sequence[str]
    work: str | Path | None
    emit: Emit


def _go(run: Run, common: RunOptions) -> Result:
    return run.go(common["emit"]) if "emit" in common else run.go()


def transfer(
    source: str | Path,
    target: str | Path,
    output: str | Path | None = None,
    *,
    quality: str = "standard",
    budget: float | str | None = None,
    size: int | None = None,
    audio: str | None = None,
    person: str | int | None = None,
    **common: Unpack[RunOptions],
) -> Result:
    """Make the person of `target` perform the motion of `source`; the video is marked as made by vidgan.

    Args:
        source: the video with the motion.
        target: the video with the person.
        output: the video to write; `default_output` when None. The report goes beside it.
        quality: "draft" (nothing is trained), "standard" or "high".
        budget: time for training, in seconds or as "5m"; by default 5 minutes on a CPU and 10 on a GPU.
        size: height of the output in pixels; the target's when None.
        audio: "source", "target" or "none".
        person: "largest", "center", "left", "right" or a number from 1, from the left.
        **common: see `RunOptions`.

    Raises:
        VidganError: see `vidgan.errors`; the message is one line for the user.
    """
    run = prepare(
        "transfer",
        {"source": source, "target": target},
        output or default_output(source, target),
        preset=quality,
        options=transfer_options(budget, size, audio, person),
        **common,
    )
    return _go(run, common)


def transfer_options(
    budget: float | str | None, size: int | None, audio: str | None, person: str | int | None
) -> dict[str, Any]:
    """The settings that the options of `transfer` stand for."""
    return {"train.budget": budget, "render.size": size, "encode.audio": audio, "pose.person": person}


def reanimate(
    target: str | Path,
    driving: str | Path,
    output: str | Path | None = None,
    *,
    quality: str = "draft",
    budget: float | str | None = None,
    motion: str | None = None,
    region: str | None = None,
    strength: float | None = None,
    person: str | int | None = None,
    audio: str | None = None,
    save_motion: str | Path | None = None,
    **common: Unpack[RunOptions],
) -> Result:
    """Make the face of `target` follow the face of `driving`; the video is marked as made by vidgan.

    Args:
        target: a photo, a painting or a video of a person.
        driving: the video of a face, or a motion that `save_motion` wrote.
        output: the video to write; `default_output` when None. The report goes beside it.
        quality: "draft", "standard" or "high".
        budget: as of `transfer`.
        motion: "relative" to the driver's face at rest, or "absolute".
        region: "all", "expression", "lips", "eyes" or "pose".
        strength: of the motion, 1 as the driver's.
        person: whose face of the target: "largest", "center", "left", "right" or a number from 1, from the left.
        audio: "source" (the driver's), "target" or "none".
        save_motion: where to write the driver's motion (.npz).
        **common: see `RunOptions`.

    Raises:
        VidganError: see `vidgan.errors`; the message is one line for the user.
    """
    run = prepare_reanimate(
        target, driving, output, save_motion, preset=quality,
        options=reanimate_options(budget, driving, motion, region, strength, person, audio), **common,
    )  # fmt: skip
    return _go(run, common)


def prepare_reanimate(
    target: str | Path, driving: str | Path, output: str | Path | None, save_motion: str | Path | None,
    dry_run: bool = False, **common: Any,
) -> Run:  # fmt: skip
    """Plan a reanimation that keeps the driver's motion where it is asked for.

    Raises:
        UsageError: the motion's file has another ending than .npz.
        OutputError: the motion cannot be written there.
    """
    files = {"target": Path(target), "driving": Path(driving)}
    if save_motion is not None:
        if Path(save_motion).suffix.lower() != ".npz":
            raise UsageError(f"--save-motion {save_motion} must end in .npz")
        check_output(Path(save_motion), files.values(), writing=not dry_run)
    run = prepare("reanimate", files, output or default_output(driving, target), dry_run=dry_run, **common)
    return run if save_motion is None else replace(run, keep={"driver/motion.npz": Path(save_motion)})


def reanimate_options(
    budget: float | str | None, driving: str | Path, motion: str | None, region: str | None, strength: float | None,
    person: str | int | None, audio: str | None,
) -> dict[str, Any]:  # fmt: skip
    """The settings that the options of `reanimate` stand for. A saved motion has no sound to give."""
    silent = Path(driving).suffix.lower() == ".npz" and audio in (None, "source")
    return {
        "train.budget": budget, "drive.motion": motion, "drive.region": region, "drive.strength": strength,
        "face.person": person, "encode.audio": "none" if silent else audio,
    }  # fmt: skip


def dub(
    film: str | Path,
    speech: str | Path,
    output: str | Path | None = None,
    *,
    quality: str = "draft",
    budget: float | str | None = None,
    speaker: str | int | None = None,
    fit: str | None = None,
    keep_ambience: bool = False,
    **common: Unpack[RunOptions],
) -> Result:
    """Make the mouth of the speaker in `film` follow `speech`; the video is marked as edited by vidgan.

    Args:
        film: a film with a speaking person and its own sound, from which the mouth is learnt.
        speech: any recording of a voice, or a video with one.
        output: the video to write; `dubbed_output` when None. The report goes beside it.
        quality: "draft", "standard" or "high".
        budget: as of `transfer`.
        speaker: who speaks: "largest", "center", "left", "right", a number from 1, from the left, or "auto": whose
            mouth moves with the film's own voice.
        fit: "film", "speech", "loop" or "trim", see `vidgan.audio.fit`.
        keep_ambience: lay the film's own sound between its words under the speech.
        **common: see `RunOptions`.

    Raises:
        VidganError: see `vidgan.errors`; the message is one line for the user.
    """
    run = prepare(
        "dub", {"film": film, "speech": speech}, output or dubbed_output(film, speech), preset=quality,
        options=dub_options(budget, speaker, fit, keep_ambience), **common,
    )  # fmt: skip
    return _go(run, common)


def dub_options(
    budget: float | str | None, speaker: str | int | None, fit: str | None, keep_ambience: bool
) -> dict[str, Any]:
    """The settings that the options of `dub` stand for."""
    return {
        "train.budget": budget,
        "face.person": speaker,
        "speak.fit": fit,
        "sound.keep_ambience": keep_ambience or None,
    }


def dubbed_output(film: str | Path, speech: str | Path) -> Path:
    """`out/FILM_says_SPEECH.mp4`."""
    return Path("out") / f"{Path(film).stem}_says_{Path(speech).stem}.mp4"


def default_output(source: str | Path, target: str | Path) -> Path:
    """`out/SOURCE_as_TARGET.mp4`."""
    return Path("out") / f"{Path(source).stem}_as_{Path(target).stem}.mp4"


def _files(spec: Pipeline, inputs: Mapping[str, str | Path]) -> dict[str, Path]:
    unknown = sorted(inputs.keys() - set(spec.inputs))
    missing = [name for name in spec.inputs if name not in inputs]
    if unknown or missing:
        problem = f"has no input {unknown[0]}" if unknown else f"needs {missing[0]}=FILE"
        raise UsageError(
            f"pipeline {spec.name} {problem}: it takes {', '.join(f'{name}=FILE' for name in spec.inputs)}"
        )
    return {name: Path(inputs[name]) for name in spec.inputs}


def _layer(
    spec: Pipeline,
    preset: str | None,
    config: str | Path | None,
    overrides: Sequence[str],
    options: Mapping[str, Any] | None,
) -> Layer:
    preset = preset or spec.preset
    sources = [resources.find("configs", f"{spec.presets or spec.name}/{preset}")] if preset else []
    return read_layers([*sources, *([Path(config)] if config else [])], overrides, options)


def _fill(layer: Layer, model: type[Config], device: str, output: Path) -> None:
    """Put in what follows from the device and from the output's name, where the user left it unset."""
    derived = {
        "train.budget": (DEFAULT_BUDGET[device.partition(":")[0]], "the default"),
        "encode.container": (output.suffix.lower().removeprefix("."), f"-o {output}"),
        "sign.title": (output.name, f"-o {output}"),
    }
    for key, (value, origin) in derived.items():
        if _knows(model, key) and key not in layer:
            layer.put(key, value, origin)


def _fill_marks(layer: Layer, spec: Pipeline, model: type[Config], marked: bool, emit: Emit | None) -> None:
    """Put in whether the video is marked, which no setting may say, and by whose keys where the user left it unset.

    Keys are made when there are none, and `emit` is told; without `emit` they are not, nor is anything put in.
    """
    fixed = next((f"{it.name} of pipeline {spec.name}" for it in spec.stages if "marked" in it.set), None)
    for section in _sections(model, "marked"):
        given = layer.values.get(section)
        if fixed or (isinstance(given, Mapping) and "marked" in given):
            origin = layer.origins.get(f"{section}.marked") or layer.origins.get(section) or fixed or "the settings"
            raise ConfigError(f"{section}.marked in {origin} is no setting: type --no-mark each time, or leave it out")
        if not marked:
            layer.put(f"{section}.marked", False, "--no-mark")
    for section in _sections(model, "certificate") if marked else ():
        keys = (f"{section}.certificate", f"{section}.private_key")
        if not any(key.rpartition(".")[2] in (layer.values.get(section) or {}) for key in keys):
            if emit is None and not have_keys():
                continue
            *files, news = own_keys()
            if news and emit:
                emit({"event": "note", "message": news})
            for key, file in zip(keys, files, strict=True):
                layer.put(key, file, "own keys")


def _check_keys(settings: Config) -> None:
    """Refuse keys that will not do before any work."""
    for section in _sections(type(settings), "certificate"):
        signing = getattr(settings, section)
        if signing.certificate is not None:
            load_identity(signing.certificate, signing.private_key)
    for section in _sections(type(settings), "watermark_key"):
        read_key(getattr(settings, section).watermark_key)


def _sections(model: type[Config], name: str) -> list[str]:
    """The sections of the settings that have a setting of that name."""
    return [section for section in model.model_fields if _knows(model, f"{section}.{name}")]


def _knows(model: type[Config], key: str) -> bool:
    """Whether the settings have a dotted key of two parts."""
    section, _, name = key.partition(".")
    info = model.model_fields.get(section)
    return info is not None and name in getattr(info.annotation, "model_fields", {})
