"""Linux system calls that Python has no function for: what `landlock` and `seccomp` share."""

from __future__ import annotations

import ctypes

_NO_NEW_PRIVS = 38  # of prctl


def call(number: int, *arguments: object) -> int:
    """Make a system call; -1 when it fails, and then `ctypes.get_errno` says why."""
    return int(ctypes.CDLL(None, use_errno=True).syscall(number, *arguments))


def no_new_privileges() -> None:
    """From now on this thread gains no rights by what it runs: the kernel wants that before it bounds a process."""
    ctypes.CDLL(None).prctl(_NO_NEW_PRIVS, 1, 0, 0, 0)
