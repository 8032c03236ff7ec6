"""What a pipeline is: stages in order and how they connect, read from a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import Field, create_model

from vidgan.config import Config, check_layer, read_file
from vidgan.errors import ConfigError
from vidgan.stages.registry import StageClass, stage_class
from vidgan.video.limits import SECTION, MediaLimits

Name = Annotated[str, Field(pattern=r"^[a-z]\w*$")]


class StageSpec(Config):
    """One stage of a pipeline.

    stage: a registered stage or `module:Class`; config: the section of the settings it takes (its name when unset);
    set: settings fixed here; inputs: by the stage's own name, the name of a pipeline input or of an earlier stage;
    when: the dotted key of a boolean setting, without which the stage is off and its users get None for it.
    """

    name: Name
    stage: str
    config: Name | None = None
    set: dict[str, Any] = Field(default_factory=dict)
    inputs: dict[Name, Name] = Field(default_factory=dict)
    when: str | None = None

    @property
    def section(self) -> str:
        """The section of the settings that the stage takes."""
        return self.config or self.stage.rpartition(":")[2]


class Pipeline(Config):
    """Stages in order.

    outputs: what is copied beside the user's output, as `STAGE/FILE` (a glob), the main one first;
    presets: the folder below configs/ with the named settings; preset: the one that is taken when none is asked.
    """

    name: Name
    inputs: list[Name]
    stages: list[StageSpec] = Field(min_length=1)
    outputs: dict[Name, str] = Field(min_length=1)
    presets: str | None = None
    preset: str | None = None


def read_pipeline(path: Path) -> Pipeline:
    """Read and check a pipeline.

    Raises:
        ConfigError: it is no pipeline, or a stage's inputs are not before it.
    """
    pipeline = check_layer(Pipeline, read_file(path))
    known = list(pipeline.inputs)
    for spec in pipeline.stages:
        if spec.name in known:
            raise ConfigError(f"{path} has two things called {spec.name}: rename one")
        for given in spec.inputs.values():
            if given not in known:
                raise ConfigError(f"{path}: {spec.name} takes {given}, which is no input and no earlier stage")
        known.append(spec.name)
    for name, place in pipeline.outputs.items():
        stage, _, pattern = place.partition("/")
        if stage not in known or stage in pipeline.inputs or not pattern:
            raise ConfigError(f"{path}: output {name} must be STAGE/FILE with a stage of this pipeline, not {place}")
    return pipeline


def settings_model(pipeline: Pipeline) -> type[Config]:
    """The settings of a pipeline: a section for each stage's `Config`, which two may share, and the limits of media."""
    sections: dict[str, StageClass] = {}
    for spec in pipeline.stages:
        cls = stage_class(spec.stage)
        if sections.setdefault(spec.section, cls).Config is not cls.Config:
            raise ConfigError(f"{spec.name} cannot share the section {spec.section} with a stage of another kind")
    if SECTION in sections:
        raise ConfigError(f"pipeline {pipeline.name} has a section {SECTION}, which is the limits': call it otherwise")
    fields: Any = {name: (cls.Config, cls.Config()) for name, cls in sections.items()}
    fields[SECTION] = (MediaLimits, MediaLimits())
    return cast("type[Config]", create_model("Settings", __base__=Config, **fields))


def stage_config(spec: StageSpec, settings: Config) -> Config:
    """The settings of one stage: its section with what the pipeline fixes."""
    config: Config = getattr(settings, spec.section)
    unknown = [name for name in spec.set if name not in type(config).model_fields]
    if unknown:
        raise ConfigError(f"the pipeline sets {unknown[0]} of {spec.name}, which {spec.stage} does not know")
    return type(config).model_validate({name: getattr(config, name) for name in type(config).model_fields} | spec.set)


def is_on(spec: StageSpec, settings: Config) -> bool:
    """Whether the stage takes part, by the boolean setting that its `when` names."""
    value: Any = settings
    for part in spec.when.split(".") if spec.when else ():
        if not isinstance(value, Config) or part not in type(value).model_fields:
            raise ConfigError(f"{spec.name} is on when {spec.when}, which is no setting")
        value = getattr(value, part)
    return value is True if spec.when else True
