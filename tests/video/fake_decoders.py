"""Functions that do in a decoder process what a fault in a real decoder would do there."""

from __future__ import annotations

import ctypes
import fcntl
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import PersonError
from vidgan.video.isolate import isolated
from vidgan.video.limits import Meter, current_limits


@isolated
def process(path: Path) -> int:
    return os.getpid()


@isolated
def kills_itself(path: Path, number: int) -> int:
    os.kill(os.getpid(), number)
    return 0


@isolated
def exits(path: Path) -> int:
    os._exit(7)


@isolated
def sleeps(path: Path, seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


@isolated
def works_long(path: Path, seconds: float) -> int:
    """Decodes something all the time, and gives nothing back before the end."""
    meter, until = Meter(path, current_limits()), time.monotonic() + seconds
    while time.monotonic() < until:
        meter.packet(1)
        time.sleep(0.01)
    return os.getpid()


@isolated
def works_silently(path: Path, steps: int, seconds: float) -> int:
    """So many steps of work, nothing of which is seen before the end."""
    for _ in range(steps):
        time.sleep(seconds)
    return os.getpid()


@isolated
def allocates(path: Path, megabytes: int) -> int:
    return int(np.ones(megabytes << 20, np.uint8)[-1])


@isolated
def writes(path: Path, size: int, cuda: int | None = None) -> int:
    return path.write_bytes(bytes(size))


@isolated
def writes_in_its_room(path: Path, size: int) -> str:
    room = Path(tempfile.gettempdir())
    (room / "a" / "b").mkdir(parents=True)
    (room / "a" / "b" / "c").write_bytes(bytes(size))
    shutil.rmtree(room / "a")
    return str(room)


@isolated
def removes(path: Path) -> int:
    path.unlink()
    return 0


@isolated
def runs_a_program(path: Path) -> int:
    return subprocess.run(["true"]).returncode


@isolated
def connects(path: Path, port: int) -> int:
    with socket.create_connection(("127.0.0.1", port), timeout=5):
        return 0


@isolated
def calls(path: Path, number: int, arguments: list[int], cuda: int | None = None) -> int:
    """Make a system call; its error, 0 when there is none."""
    made = ctypes.CDLL(None, use_errno=True).syscall(number, *map(ctypes.c_long, arguments))
    return ctypes.get_errno() if made < 0 else 0


@isolated
def changes(path: Path, how: str) -> int:
    {
        "permissions": lambda: path.chmod(0o600),
        "times": lambda: os.utime(path, (0, 0)),
        "owner": lambda: os.chown(path, os.getuid(), os.getgid()),
        "attributes": lambda: os.setxattr(path, "user.a", b"a"),
        "size": lambda: os.truncate(path, 0),
        "content": lambda: os.close(os.open(path, os.O_RDONLY | os.O_TRUNC)),
        "content unread": lambda: os.close(os.open(path, os.O_ACCMODE | os.O_TRUNC)),
        "name": lambda: path.rename(path.with_name("other")),
    }[how]()
    return 0


@isolated
def opens_a_socket(path: Path, family: int, kind: int) -> int:
    socket.socket(family, kind).close()
    return 0


@isolated
def forks(path: Path) -> int:
    if not os.fork():
        os._exit(0)
    return 0


@isolated
def runs_threads(path: Path, count: int) -> list[int]:
    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(abs, range(-count, 0)))


@isolated
def filters(path: Path) -> str:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith("Seccomp:"))


@isolated
def has_a_pipe_signal(path: Path, process: int) -> int:
    reading, _ = os.pipe()
    fcntl.fcntl(reading, fcntl.F_SETOWN, process)
    return 0


@isolated
def kills(path: Path, process: int) -> int:
    os.kill(process, signal.SIGTERM)
    return 0


@isolated
def core_size(path: Path) -> int:
    return resource.getrlimit(resource.RLIMIT_CORE)[0]


@isolated
def is_wrong(path: Path) -> int:
    raise KeyError("a mistake of the programmer")


@isolated
def finds_nobody(path: Path) -> int:
    raise PersonError(f"{path}: nobody")


@isolated
def lies(path: Path) -> int:
    return "no number"  # type: ignore[return-value]


@isolated
def length(file: Path | bytes) -> int:
    return len(file) if isinstance(file, bytes) else file.stat().st_size


@isolated
def counts(path: Path, until: int, crash: bool = False) -> Iterator[tuple[NDArray[np.float32], int]]:
    for number in range(until):
        yield np.full((number, 2), number, np.float32), os.getpid()
    if crash:
        os.kill(os.getpid(), signal.SIGABRT)
