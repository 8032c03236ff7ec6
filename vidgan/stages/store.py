"""The work folder: one directory for each finished stage, found again by the hash of all that went into it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from vidgan.errors import CacheError
from vidgan.resources import own_folder
from vidgan.stages.manifest import Manifest, file_digest, stable_hash

_ENTRY = re.compile(r"(?P<instance>[A-Za-z]\w*)-(?P<key>[0-9a-f]{12})(?P<partial>\.partial)?")
_SETTLED_S = 2.0  # a file changed within this time may change again without a new time stamp


def default_work() -> Path:
    """`$VIDGAN_WORK`, else `~/.cache/vidgan/work` (under `$XDG_CACHE_HOME` when it is set)."""
    return own_folder("work", "VIDGAN_WORK", "XDG_CACHE_HOME", ".cache")


@dataclass(frozen=True)
class Entry:
    """Where one run of a stage lives in the work folder."""

    root: Path
    instance: str
    key: str

    @property
    def name(self) -> str:
        """`INSTANCE-KEY`, the key cut to 12 digits."""
        return f"{self.instance}-{self.key[:12]}"

    @property
    def dir(self) -> Path:
        """The finished directory."""
        return self.root / self.name

    @property
    def partial(self) -> Path:
        """The directory of a run that is not finished; it survives a kill."""
        return self.root / f"{self.name}.partial"

    @property
    def lock_file(self) -> Path:
        """The file whose lock a run holds."""
        return self.root / "locks" / self.name

    @property
    def log(self) -> Path:
        """What the libraries wrote to stderr while the stage ran."""
        return self.root / "logs" / f"{self.name}.log"

    @property
    def clock(self) -> Path:
        """The seconds that unfinished runs have spent."""
        return self.root / "logs" / f"{self.name}.seconds"

    def manifest(self) -> Manifest | None:
        """The manifest when the stage is finished and its files are there in their size; None otherwise."""
        manifest = Manifest.read(self.dir)
        return None if manifest is None or manifest.damage(self.dir) else manifest

    def started(self) -> bool:
        """Whether an unfinished run has left something to go on from."""
        return self.partial.is_dir() and any(self.partial.iterdir())

    def bytes(self) -> int:
        """The disk space of the finished and the unfinished directory."""
        files = (path for folder in (self.dir, self.partial) for path in folder.rglob("*"))
        return sum(path.lstat().st_size for path in files if path.is_file())

    def used(self) -> float:
        """When it was last used, in seconds since the epoch."""
        times = [folder.stat().st_mtime for folder in (self.dir, self.partial) if folder.exists()]
        return max(times, default=0.0)

    def remove(self) -> None:
        """Delete it; call with the lock held."""
        for folder in (self.dir, self.partial):
            shutil.rmtree(folder, ignore_errors=True)
        self.log.unlink(missing_ok=True)
        self.clock.unlink(missing_ok=True)
        self.lock_file.unlink(missing_ok=True)


class Store:
    """The stages in one work folder, which is made when it is not there; without `writing` it is only looked at.

    Raises:
        CacheError: the folder cannot be made or written.
    """

    def __init__(self, root: Path, writing: bool = True) -> None:
        self.root, self._writing = root.expanduser().absolute(), writing
        if not writing:
            return
        try:
            self.root.mkdir(parents=True, exist_ok=True, mode=0o700)  # people's footage is in it
            for folder in (self.root / "locks", self.root / "logs"):
                folder.mkdir(exist_ok=True)
            TemporaryFile(dir=self.root).close()
        except OSError as error:
            raise work_error(self.root, error) from None

    def entry(self, instance: str, key: str) -> Entry:
        """Where a run of this instance with this key lives."""
        return Entry(self.root, instance, key)

    def entries(self) -> list[Entry]:
        """Every run in the folder, finished or not; other files in it are left alone."""
        folders = sorted(self.root.iterdir()) if self.root.is_dir() else []
        matches = (_ENTRY.fullmatch(path.name) for path in folders if path.is_dir())
        names = dict.fromkeys((match["instance"], match["key"]) for match in matches if match)
        return [Entry(self.root, instance, key) for instance, key in names]

    def manifests(self, instance: str) -> list[Manifest]:
        """The manifests of this instance's finished runs, newest first."""
        found = (Manifest.read(entry.dir) for entry in self.entries() if entry.instance == instance)
        return sorted((manifest for manifest in found if manifest), key=lambda it: it.created, reverse=True)

    @contextmanager
    def lock(self, entry: Entry, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
        """Hold the entry's lock; when another process has it, call `on_wait` and wait."""
        with _acquire(entry.lock_file, on_wait) or nullcontext():
            yield

    @contextmanager
    def try_lock(self, entry: Entry) -> Iterator[bool]:
        """Hold the entry's lock if no other process has it; gives whether it is held."""
        file = _acquire(entry.lock_file, None)
        with file or nullcontext():
            yield file is not None

    def digest(self, path: Path) -> str:
        """The SHA-256 of a file, remembered by path, size, time and inode, so that a large one is read once.

        Of a folder, the hash of all files in it.
        """
        if path.is_dir():
            files = sorted(file for file in path.rglob("*") if file.is_file())
            return stable_hash({file.relative_to(path).as_posix(): self.digest(file) for file in files})
        stat = path.stat()
        place = str(path.resolve())
        mark = [stat.st_size, stat.st_mtime_ns, stat.st_ino]
        known = self._digests().get(place)
        if known and known[:3] == mark:
            return str(known[3])
        digest = file_digest(path)
        if self._writing and time.time() - stat.st_mtime > _SETTLED_S:
            self._remember(place, [*mark, digest])
        return digest

    def _digests(self) -> dict[str, list[int | str]]:
        try:
            digests = json.loads((self.root / "digests.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return digests if isinstance(digests, dict) else {}

    def _remember(self, place: str, mark: list[int | str]) -> None:
        known = {path: value for path, value in self._digests().items() if Path(path).exists()}
        beside = self.root / f"digests.json.{os.getpid()}-{threading.get_ident()}"
        beside.write_text(json.dumps(known | {place: mark}), encoding="utf-8")
        beside.replace(self.root / "digests.json")


def _acquire(path: Path, on_wait: Callable[[], None] | None) -> IO[str] | None:
    """An open file with an exclusive lock; None when it is taken and there is no `on_wait`."""
    while True:
        file = path.open("a")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if on_wait is None:
                file.close()
                return None
            on_wait()
            fcntl.flock(file, fcntl.LOCK_EX)
        # The holder may have removed the file (`cache gc`) while this process waited for it.
        if path.exists() and path.stat().st_ino == os.fstat(file.fileno()).st_ino:
            return file
        file.close()


def work_error(root: Path, error: OSError) -> CacheError:
    """What went wrong in the work folder, and what to do."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return CacheError(f"no space is left for the work folder {root}: free some or choose another with --work")
    if error.errno == errno.EFBIG:
        return CacheError(f"a file in the work folder {root} grew over the size that the system allows: lift ulimit -f")
    reason = error.strerror or str(error)
    return CacheError(f"cannot write the work folder {root}: {reason}; choose another with --work or VIDGAN_WORK")
