"""The arrows of CONTRIBUTING.md hold in the code."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def layers() -> dict[str, int]:
    """How far down each part of the package is."""
    line = re.search(
        r"^ +cli →.*?\n\n", (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
    assert line is not None
    return {name: depth for depth, part in enumerate(line[0].split("→")) for name in re.findall(r"\w+", part)}


def imported(file: Path) -> set[str]:
    """The parts of the package that a module imports, wherever in it."""
    names = []
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return {name.split(".")[1] for name in names if name.startswith("vidgan.")}


@pytest.mark.parametrize("part", sorted(layers()))
def test_imports_go_down_only(part):
    depths, folder = layers(), ROOT / "vidgan" / part
    files = list(folder.rglob("*.py")) if folder.is_dir() else [folder.with_suffix(".py")]
    assert files
    wrong = [
        f"{file.relative_to(ROOT)} imports vidgan.{name}"
        for file in files
        for name in imported(file) - {part}
        if depths.get(name, len(depths)) <= depths[part]
    ]
    assert wrong == []
