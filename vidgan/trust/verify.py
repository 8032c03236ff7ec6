"""What a file says about where it comes from: its credentials and its watermark, what the two are worth, and whether it
looks made.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from vidgan.text import printable
from vidgan.trust.credentials import Credentials, read_credentials
from vidgan.trust.detect import Found, find_watermark
from vidgan.trust.forensic import Judgement, judge
from vidgan.trust.mark import read_key

MARKED, TAMPERED, NOTHING = 0, 1, 3
"""Exit codes."""


@dataclass(frozen=True)
class Verdict:
    """What was found in a file. How it looks is an estimate and no mark: it changes neither `code` nor `sentence`."""

    file: str
    credentials: Credentials
    watermark: Found
    forensic: Judgement

    @property
    def contradiction(self) -> bool:
        """Whether credentials and watermark name different runs.

        A video made from a marked one may show that one's watermark: its run is in the history of the credentials.
        """
        said, read = self.credentials, self.watermark.number
        return None not in (said.number, read) and read not in (said.number, *said.earlier)

    @property
    def code(self) -> int:
        """0 marked and intact, 1 tampered with, 3 nothing found."""
        if self.credentials.state == "tampered" or self.contradiction:
            return TAMPERED
        return MARKED if self.credentials.state != "none" or self.watermark.present else NOTHING

    @property
    def sentence(self) -> str:
        """What that does and does not show, in plain words."""
        signer, ours = printable(self.credentials.signer or "somebody without a name"), self.watermark.present
        if self.contradiction:
            return (
                "Credentials and watermark name different runs: one of the two was put onto another video, so neither "
                "shows where this one comes from."
            )
        if self.credentials.state == "tampered":
            rest = "; its watermark still shows that vidgan made the pictures, whole or in part" if ours else ""
            return f"The file was changed after it was signed, so its credentials are worth nothing{rest}."
        if self.credentials.state == "trusted":
            return f"{signer}, whom you trust, signed this file, and it was not changed since: it is what it says."
        if self.credentials.state == "valid":
            return (
                f"The file was not changed since it was signed, but anybody can sign as “{signer}”: give the "
                "signer's root by --trust to know that it was them."
            )
        if self.credentials.state == "unproven":
            return (
                f"The file was not changed since it was signed, but the certificate of “{signer}” does not hold (it "
                "has ended, say, and no time-stamp shows that it was signed before): who signed it is not shown."
            )
        if ours:
            return (
                "vidgan's watermark is in the pictures, so vidgan made them, whole or in part, unless somebody copied "
                "the watermark there; the credentials are gone: who made them and with what consent is not shown."
            )
        return (
            "Nothing was found. That does not show that the video is real: marks can be removed, and other tools leave "
            "others or none."
        )

    def as_dict(self) -> dict[str, Any]:
        """JSON-able."""
        found, said = self.watermark, asdict(self.credentials)
        return {
            "file": self.file,
            "credentials": said
            | {"number": _run(self.credentials.number), "earlier": [_run(it) for it in self.credentials.earlier]},
            "watermark": {
                "found": found.present,
                "run": _run(found.number),
                "log10_p": round(found.log10_p, 1),
                "changes": asdict(found.guess) if found.present else None,
            },
            "forensic": {"score": self.forensic.score, "says": self.forensic.sentence},
            "verdict": {MARKED: "marked", TAMPERED: "tampered", NOTHING: "nothing"}[self.code],
            "sentence": self.sentence,
        }


def _run(number: int | None) -> str | None:
    """A run's number as it is shown."""
    return None if number is None else f"{number:08x}"


def verify(video: Path, trust: Path | None = None, key: Path | None = None) -> Verdict:
    """Look for credentials and watermark in a video, and at how it looks.

    Args:
        video: the file.
        trust: certificates in PEM, the roots of those whose signature is believed.
        key: the file with the watermark's secret where it was made with one; the public key otherwise.

    Raises:
        MediaError: the video cannot be read.
        TrustError: `trust` or `key` cannot be read.
        DependencyError: this installation has no forensic detector.
    """
    secret = read_key(key)
    found = read_credentials(video, trust), find_watermark(video, secret)
    return Verdict(printable(video.name), *found, judge(video))
