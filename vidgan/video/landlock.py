"""A process that gives up, for good, what reading a file never needs, by the Linux kernel's Landlock.

Source of the system calls: the kernel's documentation, userspace-api/landlock.
"""

from __future__ import annotations

import ctypes
import os
import sys
from contextlib import suppress

from vidgan.video.kernel import call, no_new_privileges

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, of one number on every architecture
_VERSION = 1  # a flag: say which version is there
_PATH_BENEATH = 1

_EXECUTE, _READ_FILE, _READ_FOLDER = 1 << 0, 1 << 2, 1 << 3
_FIRST = (1 << 13) - 1  # all rights to files of version 1
_MOVE, _TRUNCATE = 1 << 13, 1 << 14  # since versions 2 and 3
_TCP = 0b11  # bind and connect, since version 4
_SCOPES = 0b11  # abstract sockets and signals, since version 6


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scopes", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


def landlock_version() -> int:
    """Which Landlock the kernel has; 0 for none."""
    if sys.platform != "linux":
        return 0
    return max(0, call(_CREATE_RULESET, None, 0, _VERSION))


def only_read(room: str = "") -> bool:
    """From now on this thread, and those that it starts, can write, make or remove files in the folder `room` alone, or
    nowhere, and run no program.

    Since version 4 (Linux 6.7) it can make no TCP connection either, since 6 (Linux 6.12) signal no other process. What
    is open already stays usable. False where the kernel has no Landlock: then nothing is given up.
    """
    there = landlock_version()
    if not there:
        return False
    files = _FIRST & ~(_READ_FILE | _READ_FOLDER) | (_MOVE if there > 1 else 0) | (_TRUNCATE if there > 2 else 0)
    rules = _Rules(files, _TCP if there > 3 else 0, _SCOPES if there > 5 else 0)
    size = 8 * (1 + (there > 3) + (there > 5))
    ruleset = call(_CREATE_RULESET, ctypes.byref(rules), size, 0)
    if ruleset < 0:
        return False
    try:
        if room:
            _allow(ruleset, room, files & ~_EXECUTE)
        no_new_privileges()
        return call(_RESTRICT_SELF, ruleset, 0) == 0
    finally:
        os.close(ruleset)


def _allow(ruleset: int, room: str, rights: int) -> None:
    with suppress(OSError):  # it is gone: then nothing can be written there either
        folder = os.open(room, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            call(_ADD_RULE, ruleset, _PATH_BENEATH, ctypes.byref(_Beneath(rights, folder)), 0)
        finally:
            os.close(folder)
