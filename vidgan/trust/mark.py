"""Marking what is finished: one way for pipelines, for `vidgan generate` and whatever else makes videos.

`FrameMarks` goes over the frames on their way into the encoder, so that nothing is encoded twice; `sign` in
`vidgan.trust.credentials` over the finished file.

Legend: H, W pixels of a frame.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import TrustError
from vidgan.trust.credentials import Statement, sign
from vidgan.trust.keys import Identity, first_keys, load_identity, own_files
from vidgan.trust.label import LABEL, draw_label
from vidgan.trust.pattern import Key
from vidgan.trust.payload import ID_BITS
from vidgan.trust.watermark import Watermark

NO_MARK = "switched off with --no-mark"

_FILE = re.compile(r"\S+\.(txt|md|rst|pdf|docx?|odt|rtf|html?|json|jpe?g|png|eml)", re.IGNORECASE)
"""What a text looks like that is meant as a file."""
_LONGEST = 10_000  # characters of a consent that are written into the credentials


def number_of(text: str) -> int:
    """The number that stands for a run in its watermark: the first bits of a hash."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[: ID_BITS // 8], "big")


def read_key(path: Path | None) -> Key:
    """The watermark's key: the public one, or that of a file's content.

    Raises:
        TrustError: the file cannot be read, or is too short to be a secret.
    """
    if path is None:
        return Key()
    try:
        content = path.read_bytes()
    except OSError as error:
        raise TrustError(f"cannot read the watermark's key {path}: {error.strerror}") from error
    if len(content) < 16:
        raise TrustError(f"the watermark's key {path} has {len(content)} bytes: 16 at least make a secret")
    return Key(hashlib.sha256(b"vidgan watermark key\0" + content).digest())  # the plain digest is in manifests


@dataclass(frozen=True)
class FrameMarks:
    """What is done to each frame: a visible label, then the watermark with a run's number; each may be None."""

    number: int | None
    label: str | None = None
    key: Key = field(default_factory=Key)

    @cached_property
    def _watermark(self) -> Watermark | None:
        return None if self.number is None else Watermark(self.number, self.key)

    def __call__(self, rgb: NDArray[np.uint8], seconds: float) -> NDArray[np.uint8]:
        """One frame (H, W, 3) RGB, shown `seconds` after the first, marked; the given one stays as it is."""
        if self.label:
            rgb = draw_label(rgb, self.label)
        return rgb if self._watermark is None else self._watermark(rgb, seconds)


@dataclass(frozen=True)
class Marks:
    """How a command without stages marks what it makes. As it comes, everything is marked.

    identity: who signs, None when nothing is to be marked.
    """

    identity: Identity | None
    label: str | None = None
    consent: dict[str, Any] | None = None

    def frames(self, name: str) -> FrameMarks:
        """What is done to the frames of a video that `name` tells from all others."""
        return FrameMarks(None if self.identity is None else number_of(name), self.label)

    def sign(self, path: Path, title: str, name: str, watermarked: bool = True, **run: Any) -> None:
        """Put credentials into a finished file that will be called `title`; `run` says how it was made.

        Raises:
            TrustError: the keys will not do.
            OutputError: the disk is full or fails.
        """
        if self.identity is not None:
            number = number_of(name) if watermarked else None
            label = self.label if watermarked else None  # pixels that get no watermark get no label either
            statement = Statement(title, number, run={**run, "label": label, "consent": self.consent})
            sign(path, path, statement, (), self.identity)


def default_marks(
    marked: bool = True,
    label: bool = False,
    consent: str | None = None,
    certificate: tuple[Path, Path] | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> Marks:
    """Marks signed with a certificate's chain and private key, or the own ones.

    When there are none they are made, and `note` is told.

    Raises:
        TrustError: the keys or the file with the consent will not do.
    """
    said = read_consent(consent_of(consent))
    if not marked:
        note(f"not marked: {NO_MARK}")
        return Marks(None, LABEL if label else None, said)
    *files, news = (*certificate, None) if certificate else own_keys()
    if news:
        note(news)
    return Marks(load_identity(*files), LABEL if label else None, said)


def own_keys() -> tuple[Path, Path, str | None]:
    """The own chain and private key, made now when there are none; then with a sentence that says so.

    Raises:
        TrustError: they cannot be made.
    """
    chain, private_key = own_files()
    if not first_keys():
        return chain, private_key, None
    return chain, private_key, f"made own keys to sign with in {chain.parent}; `vidgan trust keys show` says more"


def consent_of(given: Path | str | None) -> Path | str | None:
    """A consent as somebody typed it: the file of that name when there is one, otherwise a text.

    Raises:
        TrustError: it looks like the name of a file, and there is none.
    """
    text = "" if given is None else str(given)
    if not text.strip():
        return None
    try:
        is_file = Path(text).is_file()
    except (OSError, ValueError):  # longer than a name can be, or with a NUL in it
        is_file = False
    if is_file:
        return Path(text)
    if isinstance(given, Path) or _FILE.fullmatch(text):
        raise TrustError(f"the consent {text} is no file: check its name, or say in a sentence who agreed")
    return text


def read_consent(consent: Path | str | None) -> dict[str, Any] | None:
    """Who agreed, as it is written into the credentials: a text, or a file by its name, digest and, if it is one, text.

    Raises:
        TrustError: the file cannot be read.
    """
    if consent is None:
        return None
    if isinstance(consent, str):
        return {"statement": consent[:_LONGEST]}
    try:
        content = consent.read_bytes()
    except OSError as error:
        raise TrustError(f"cannot read the consent {consent}: {error.strerror}") from error
    record = {"file": consent.name, "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return record | {"statement": content.decode("utf-8")[:_LONGEST]}
    except UnicodeDecodeError:
        return record
