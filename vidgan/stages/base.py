"""What a stage is: a named, versioned step from inputs to one directory of files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from vidgan.config import Config
from vidgan.progress import Progress

ConfigT = TypeVar("ConfigT", bound=Config)


@dataclass(frozen=True)
class StageContext:
    """Where a stage runs.

    dir: its own directory; what a killed run left there is still there, so a long stage resumes from it;
    inputs: a file input is the file's path, a stage input that stage's finished directory, None when that stage is off;
    previous: the finished directory of the same stage with the same inputs and settings but for those marked
    `extends` (a training run with a smaller budget), or None;
    seed: the run's seed for stages that are `seeded`, 0 for all others, whose result it may not change;
    key: the hash of all that goes into the result.
    """

    dir: Path
    inputs: Mapping[str, Path | None]
    device: str
    seed: int
    progress: Progress
    previous: Path | None = None
    key: str = ""

    def input(self, name: str) -> Path:
        """The path of an input that must be there."""
        path = self.inputs[name]
        assert path is not None, f"input {name} is off"
        return path


class Stage(ABC, Generic[ConfigT]):
    """One step of a pipeline. Its key is a hash of name, version, settings and the digests of its inputs.

    Raise `version` by one whenever the same inputs and settings would give another result.
    A `seeded` stage has the run's seed in its key too and gets it in its context.
    An `isolated` stage runs in a process of its own, beside others that are ready at the same time; it must be
    importable (`module:Class`), and the values of its settings must survive JSON.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    Config: ClassVar[type[Config]]
    seeded: ClassVar[bool] = False
    isolated: ClassVar[bool] = False

    def __init__(self, config: ConfigT) -> None:
        self.config = config

    def shipped(self) -> dict[str, Path]:
        """Files that come with vidgan and decide the result: inputs of their own, by their contents."""
        return {}

    @abstractmethod
    def run(self, context: StageContext) -> dict[str, Any]:
        """Write the stage's files into `context.dir`; return JSON-able facts for the manifest and the report."""
