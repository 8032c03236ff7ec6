"""The decoder process, `python -m vidgan.video.decoder FD MEMORY FREE [ROOM]`: calls (`vidgan.video.isolate`) on stdin.

Results go to FD, arrays into MEMORY (`vidgan.video.wire`).

It writes in the folder ROOM alone, no file of size, leaves no core, runs no program, opens no socket, leaves other
processes alone, and takes no more memory than the limits of a call say; without ROOM it may use a GPU, whose driver
does all that. When the process that asks ends, however it ends, this one ends at once, also in the middle of a call.
"""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
import traceback
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from vidgan.libraries import explained
from vidgan.video import limits as media
from vidgan.video.isolate import work
from vidgan.video.landlock import only_read
from vidgan.video.limits import MediaLimits, no_memory
from vidgan.video.seccomp import only_decode
from vidgan.video.wire import Message, Slots, Wire

_FILES = 64
_WRITTEN = 16 << 20  # bytes of a file: FFmpeg wants the table of the tone mapping as one
_BEAT_S = 0.5


def main(writing: int, memory: int, free: int, room: str | None = None) -> None:
    """Make the calls that come, one after the other."""
    if room is not None:
        only_read(room)  # before there are threads: each gives up for itself and for those that it starts
        only_decode()
    wire, calls = Wire(0, writing, Slots(memory, free)), SimpleQueue[Message]()
    threading.Thread(target=_listen, args=(wire, calls), daemon=True).start()
    media.on_decoded = _beat(wire)
    wire.send({"kind": "beat"})  # it is there: from now on the limit on time counts
    while True:
        call = calls.get()
        if call.header.get("stop"):  # of a call that has ended meanwhile
            continue
        limits = MediaLimits.model_validate(call.header["limits"])
        confine(limits, call.header["hardware"])
        try:
            work(call, wire, lambda: not calls.empty())
        except MemoryError:
            wire.send(_error(no_memory(call.header["where"], limits)))
        except BrokenPipeError:
            os._exit(1)
        except Exception as error:
            wire.send(_error(error))


def confine(limits: MediaLimits, hardware: bool) -> None:
    """Bound what this process may take. A GPU's driver maps more than it uses and writes where it likes: not then."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if hardware:
        return
    with suppress(ValueError, OSError):  # where the system allows less already
        resource.setrlimit(resource.RLIMIT_FSIZE, (_WRITTEN, _WRITTEN))
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (_FILES, _FILES))
    most = resource.getrlimit(resource.RLIMIT_DATA)[1]
    wanted = round(limits.max_memory * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if most < 0 else min(wanted, most), most))


def _listen(wire: Wire, calls: SimpleQueue[Message]) -> None:
    """Take calls; a thread of its own, so that the parent's end is noticed in the middle of one."""
    with suppress(EOFError):
        while True:
            calls.put(wire.receive())
    os._exit(0)


def _beat(wire: Wire) -> Any:
    """What says, now and then, that a long call goes on."""
    last = time.monotonic()

    def beat() -> None:
        nonlocal last
        if time.monotonic() - last > _BEAT_S:
            last = time.monotonic()
            wire.send({"kind": "beat"})

    return beat


def _error(error: Exception) -> dict[str, Any]:
    text, known = "".join(traceback.format_exception(error)), explained(error)
    return {"kind": "error", "type": type(known).__name__, "message": str(known), "traceback": text}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), *sys.argv[4:])
