"""What `vidgan cache` does: list what the work folder holds, remove what is old or too much, check its files."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from vidgan.stages.manifest import Manifest
from vidgan.stages.store import Entry, Store


@dataclass(frozen=True)
class Listed:
    """One run in the work folder: `age` in seconds since it was made."""

    entry: Entry
    bytes: int
    age: float
    complete: bool

    @property
    def state(self) -> str:
        """Whether it is complete, or can be gone on from."""
        return "complete" if self.complete else "partial"


def listing(store: Store) -> list[Listed]:
    """Every run in the work folder, newest first."""
    now = time.time()
    found = [
        Listed(entry, entry.bytes(), max(0.0, now - entry.used()), entry.manifest() is not None)
        for entry in store.entries()
    ]
    return sorted(found, key=lambda it: it.age)


def choose(found: Sequence[Listed], max_age: float | None, max_bytes: int | None, everything: bool) -> list[Listed]:
    """Those that go: all, those older than `max_age` seconds, and the oldest until `max_bytes` are left."""
    going = [it for it in found if everything or (max_age is not None and it.age > max_age)]
    staying = sorted((it for it in found if it not in going), key=lambda it: it.age)
    kept = 0
    for it in staying if max_bytes is not None else ():
        kept += it.bytes
        if max_bytes is not None and kept > max_bytes:
            going.append(it)
            kept -= it.bytes
    return going


def remove(store: Store, going: Sequence[Listed], dry_run: bool = False) -> Iterator[tuple[Listed, bool]]:
    """Remove runs, each with whether it went; one that a process works on stays."""
    for it in going:
        with store.try_lock(it.entry) as free:
            if free and not dry_run:
                it.entry.remove()
        yield it, free


def verify(store: Store) -> Iterator[tuple[Entry, list[str]]]:
    """Read every file again; what is damaged is removed, so that the next run makes it anew. Gives what was wrong."""
    for entry in store.entries():
        with store.try_lock(entry) as free:
            if not free or not entry.dir.is_dir():
                continue
            manifest = Manifest.read(entry.dir)
            damage = manifest.damage(entry.dir, contents=True) if manifest else ["its manifest cannot be read"]
            if damage:
                entry.remove()
        yield entry, damage
