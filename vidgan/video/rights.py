"""What a decoder process may still do, found by trying in one that was started.

What the kernel could refuse it and what it does refuse are two things: a container, an old kernel or a fault of ours
may lie between. Nothing that is tried here changes anything where it is allowed.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from vidgan.video.isolate import isolated


@isolated
def rights_left(path: Path) -> list[str]:
    """Of what a decoder gives up, all that this process could do.

    path: a file that every user may write, and that holds nothing: /dev/null.
    """
    tries: dict[str, Callable[[], object]] = {
        "write files": lambda: os.close(os.open(path, os.O_WRONLY)),
        "run programs": lambda: os.waitpid(os.posix_spawn(sys.executable, ["python", "-S", "-c", ""], {}), 0),
        "open sockets": lambda: socket.socket(socket.AF_UNIX).close(),
        "signal processes": lambda: os.kill(os.getppid(), 0),
        "change permissions and times": lambda: os.fchmod(-1, 0),
    }
    return [name for name, attempt in tries.items() if not _refused(attempt)]


def _refused(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except PermissionError:
        return True
    except OSError:  # it came as far as to fail by itself
        return False
    return False
