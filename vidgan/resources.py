"""Where things are: the YAML files and the models that come with the package, and the user's own folders."""

from __future__ import annotations

import os
from pathlib import Path

from vidgan.errors import DependencyError, UsageError

ROOT = Path(__file__).parent


def shipped(kind: str) -> dict[str, Path]:
    """The files that ship below `kind` ("pipelines" or "configs"), by their name without `.yaml`."""
    folder = ROOT / kind
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def find(kind: str, name: str | Path, section: str = "") -> Path:
    """The file that is meant by a path, or by the name of a shipped one (`transfer`, `pipelines/transfer.yaml`).

    With a `section` only its files are meant, and its name may be left out: `tiny`, `generate/tiny`.

    Raises:
        UsageError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = {key: file for key, file in shipped(kind).items() if key.startswith(section)}
    key = path.with_suffix("").as_posix().removeprefix(f"{kind}/")
    if key not in known and f"{section}/{key}" in known:
        key = f"{section}/{key}"
    if key not in known:
        raise UsageError(f"there is no file {path} and none called so ships with vidgan: it has {', '.join(known)}")
    return known[key]


def own_folder(name: str, variable: str, base: str, usual: str) -> Path:
    """The user's folder for `name`: what `$variable` says, else `vidgan/name` below `$base`, else below `~/usual`."""
    own, above = os.environ.get(variable), os.environ.get(base)
    return Path(own) if own else (Path(above) if above else Path.home() / usual) / "vidgan" / name


def shipped_model() -> Path:
    """The generator that comes with vidgan, trained on its own rendered performers.

    Raises:
        DependencyError: this installation has none.
    """
    return _model("performers", "give the folder of a RUN")


def shipped_detector() -> Path:
    """The forensic detector that comes with vidgan.

    Raises:
        DependencyError: this installation has none.
    """
    return _model("forensic", "install vidgan again")


def shipped_prior(name: str) -> Path:
    """A repair generator that comes with vidgan, trained on its own rendered performers.

    Raises:
        DependencyError: this installation has none.
    """
    return _model(name, "install vidgan again, or train from random weights with --set train.prior=none")


def _model(name: str, instead: str) -> Path:
    path = ROOT / "models" / f"{name}.safetensors"
    if not path.is_file():
        raise DependencyError(f"this vidgan came without its own model ({path} is missing): {instead}")
    return path
