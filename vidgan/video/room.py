"""The folder in which the decoders of a process may write: private, and gone when the process is.

A process that is killed leaves its folder behind; the next one removes it. That nobody uses a folder any more is known
by the lock on it, which the system lifts however its owner ends; process ids come again, and in a container count anew.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
from contextlib import suppress
from functools import cache
from pathlib import Path

_PREFIX = "vidgan-decoder-"


@cache
def room(process: int) -> str:
    """The folder of this process; empty where none can be made. Those that killed ones left are removed."""
    try:
        _sweep()
        folder = _locked()
    except OSError:
        return ""
    atexit.register(_remove, folder, process)
    return folder


def _locked() -> str:
    """A new folder, locked until this process and all that were forked from it have ended."""
    while True:
        folder = tempfile.mkdtemp(prefix=_PREFIX)
        with suppress(FileNotFoundError):  # swept before it was locked
            held = _open(folder)
            with suppress(OSError):  # a file system without locks: then nothing there is swept either
                fcntl.flock(held, fcntl.LOCK_EX)
            if Path(folder).exists():
                return folder
            os.close(held)


def _sweep() -> None:
    """Remove this user's folders whose processes have ended."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            held = _open(folder)
            try:
                if os.fstat(held).st_uid == os.geteuid():
                    fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(held)


def _open(folder: str | Path) -> int:
    return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)


def _remove(folder: str, process: int) -> None:
    if os.getpid() == process:  # and no child of it that was forked
        shutil.rmtree(folder, ignore_errors=True)
