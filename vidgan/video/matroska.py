"""Whether a Matroska or WebM file is whole: FFmpeg reads a cut one to its end without a word."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067


def missing_bytes(path: Path) -> int:
    """How many bytes the file's one segment promises beyond the file's end; 0 when whole or when it does not say.

    RFC 8794 (EBML), sections 4 to 6; RFC 9559 (Matroska), section 5.1.
    """
    with path.open("rb") as file:
        if _number(file, keep_marker=True) != _EBML:
            return 0
        header = _number(file)
        if header is None:
            return 0
        file.seek(header, 1)
        if _number(file, keep_marker=True) != _SEGMENT:
            return 0
        size = _number(file)
        if size is None:
            return 0
        return max(0, file.tell() + size - path.stat().st_size)


def _number(file: BinaryIO, keep_marker: bool = False) -> int | None:
    """A variable-length integer; None at the end of the file and for "unknown" (all bits set)."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    extra = 8 - first[0].bit_length()
    value = first[0] if keep_marker else first[0] & ((1 << (7 - extra)) - 1)
    for byte in file.read(extra):
        value = value << 8 | byte
    unknown = (1 << (7 * (extra + 1))) - 1
    return None if not keep_marker and value == unknown else value
