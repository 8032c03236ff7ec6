"""The manifest of a finished stage: what made it, from what, and what it wrote. Where it is, the stage is complete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError

from vidgan.config import ConfigT

MANIFEST = "manifest.json"


class InputRecord(BaseModel):
    """One input of a stage: a file by its content, or another stage by its key; `digest` is either."""

    model_config = ConfigDict(frozen=True)

    digest: str
    file: str | None = None
    stage: str | None = None


class FileRecord(BaseModel):
    """One file that a stage wrote: its size in bytes and its content."""

    model_config = ConfigDict(frozen=True)

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a stage directory is.

    `instance` is the stage's name in its pipeline, `stage` the kind of stage; `sources` are the files that it comes
    from, directly or by other stages. `config` holds the settings in the key. `seconds` counts the time of every run
    that worked on it, kills included; `memory_mb` is the peak resident memory of its process and that one's children.
    """

    model_config = ConfigDict(frozen=True)

    instance: str
    stage: str
    version: int
    key: str
    family: str
    config: dict[str, Any]
    seed: int | None = None
    inputs: dict[str, InputRecord | None]
    sources: dict[str, InputRecord] = {}
    device: str = "cpu"
    facts: dict[str, Any] = {}
    warnings: list[str] = []
    notes: list[str] = []
    seconds: float = 0.0
    memory_mb: float = 0.0
    files: dict[str, FileRecord] = {}
    created: str = ""

    @classmethod
    def read(cls, directory: Path) -> Manifest | None:
        """The manifest in a directory; None when it is not there or not readable as one."""
        try:
            return cls.model_validate_json((directory / MANIFEST).read_bytes())
        except (OSError, ValidationError):
            return None

    def write(self, directory: Path) -> None:
        """Write the manifest into a directory."""
        (directory / MANIFEST).write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    def damage(self, directory: Path, contents: bool = False) -> list[str]:
        """What of the files is not as written: by size, and by content when `contents`."""
        found = []
        for name, record in self.files.items():
            path = directory / name
            if not path.is_file():
                found.append(f"{name} is missing")
            elif path.stat().st_size != record.size:
                found.append(f"{name} has {path.stat().st_size} bytes instead of {record.size}")
            elif contents and file_digest(path) != record.sha256:
                found.append(f"{name} has other content than was written")
        return found


def settings_of(directory: Path, model: type[ConfigT]) -> ConfigT:
    """The settings that a finished stage ran with: those in its key, the others at their defaults."""
    manifest = Manifest.read(directory)
    return model.model_validate(manifest.config if manifest else {})


def read_manifests(inputs: Mapping[str, Path | None], order: Iterable[str] | None = None) -> dict[str, Manifest]:
    """The manifests of the finished stages among the inputs, by the input's name, in that order or the inputs' own."""
    paths = {name: inputs.get(name) for name in (inputs if order is None else order)}
    found = {name: Manifest.read(path) for name, path in paths.items() if path is not None}
    return {name: manifest for name, manifest in found.items() if manifest is not None}


def record_files(directory: Path) -> dict[str, FileRecord]:
    """The size and content of every file below a directory, by its path in it."""
    files = sorted(path for path in directory.rglob("*") if path.is_file() and path != directory / MANIFEST)
    return {
        path.relative_to(directory).as_posix(): FileRecord(size=path.stat().st_size, sha256=file_digest(path))
        for path in files
    }


def file_digest(path: Path) -> str:
    """The SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stable_hash(value: Mapping[str, Any]) -> str:
    """The SHA-256 of a JSON-able mapping, the same for the same content."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()
