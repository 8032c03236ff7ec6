"""The YAML files that come with the package, in a checkout and when installed."""

from __future__ import annotations

from pathlib import Path

from vidgan.errors import UsageError

ROOT = Path(__file__).parent


def shipped(kind: str) -> dict[str, Path]:
    """The files that ship below `kind` ("pipelines" or "configs"), by their name without `.yaml`."""
    folder = ROOT / kind
    return {path.relative_to(folder).with_suffix("").as_posix(): path for path in sorted(folder.rglob("*.yaml"))}


def find(kind: str, name: str | Path) -> Path:
    """The file that is meant by a path, or by the name of a shipped one (`transfer`, `pipelines/transfer.yaml`).

    Raises:
        UsageError: there is neither.
    """
    path = Path(name)
    if path.is_file():
        return path
    known = shipped(kind)
    key = path.with_suffix("").as_posix().removeprefix(f"{kind}/")
    if key not in known:
        raise UsageError(f"there is no file {path} and none called so ships with vidgan: it has {', '.join(known)}")
    return known[key]
