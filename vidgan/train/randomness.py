"""Counter-based randomness: every draw is a function of (seed, rank, step), so a resumed run draws the same."""

from __future__ import annotations

import hashlib

import torch


def generator(*counters: int | str) -> torch.Generator:
    """A CPU generator that depends on the counters alone (seed, rank, step, purpose, ...)."""
    digest = hashlib.blake2b(repr(counters).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "little") % (1 << 63))
