"""Names of clips: how they are shown, sorted, and found to count up."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable
from itertools import takewhile
from pathlib import Path, PurePath, PurePosixPath


def shown(path: PurePath | str) -> str:
    """A path as text that fits into one line and into JSON, whatever bytes the file system holds."""
    name = path if isinstance(path, str) else path.as_posix()
    text = os.fsencode(name).decode("utf-8", "backslashreplace")
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def natural_key(name: str) -> tuple[list[str | int], str]:
    """Sorts `clip2` before `clip10`; never two different names alike."""
    parts: list[str | int] = list(re.split(r"(\d+)", name))
    parts[1::2] = [int(part) for part in parts[1::2]]
    return parts, name


def sequences(files: Iterable[Path]) -> list[tuple[str, list[Path]]]:
    """Files of one folder by what their names have in common beside the last number, each in its order.

    Names without a number stand alone. `a_1.png, a_2.png, b.png` gives `[("a_", [a_1.png, a_2.png]), ("b", [b.png])]`.
    """
    found: dict[tuple[str, str, str, bool], list[tuple[int, str, Path]]] = defaultdict(list)
    for file in files:
        match = re.fullmatch(r"(.*?)(\d+)(\D*)", file.stem, re.DOTALL)
        before, number, after = match.groups() if match else (file.stem, "0", "")
        found[before, after, file.suffix.lower(), match is not None].append((int(number), file.name, file))
    keys = sorted(found, key=lambda key: (natural_key(shown(key[0])), key))
    return [(key[0], [file for *_, file in sorted(found[key])]) for key in keys]


def folder_classes(names: Iterable[str]) -> list[str | None]:
    """The class of each clip by its folder: the first folder of its path in which the clips differ.

    None for all when they lie in one folder, or when some lie beside the folders of others: sub-folders are then no
    classes.
    """
    folders = [PurePosixPath(name).parent.parts for name in names]
    common = sum(1 for _ in takewhile(lambda level: len(set(level)) == 1, zip(*folders, strict=False)))
    if any(len(parts) <= common for parts in folders):
        return [None] * len(folders)
    return [parts[common] for parts in folders]
