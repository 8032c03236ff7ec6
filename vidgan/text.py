"""Text from outside, made fit to be shown."""

from __future__ import annotations


def printable(text: str) -> str:
    """Text from outside (a file's name) without what could break or bend a page: controls, bidi marks, surrogates."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)
