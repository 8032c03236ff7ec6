"""A process that gives up, for good, the system calls that no decoder makes, by a filter in the Linux kernel (seccomp).

What Landlock holds (`vidgan.video.landlock`) is the files; this is the rest: sockets, processes, other processes'
memory, permissions and times, and the doors by which kernels are broken into. What is not listed is allowed, so that a
library that makes another call still works.

Source: the kernel's documentation, userspace-api/seccomp_filter, and seccomp(2).
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import sys
from collections.abc import Iterable, Iterator

from vidgan.video.kernel import call, no_new_privileges

_X86, _ARM = "x86_64", "aarch64"
_ARCHITECTURES = {_X86: 0xC000003E, _ARM: 0xC00000B7}  # as the kernel names them to a filter
_SECCOMP = {_X86: 317, _ARM: 277}
_SET_FILTER, _ALL_THREADS = 1, 1
_OTHER_TABLE = 0x40000000  # from here on calls of x32, an x86 with shorter pointers

FORBIDDEN: dict[str, tuple[int | None, int | None] | int] = {
    # sockets of every kind, and what other programs listen to
    "socket": (41, 198), "socketpair": (53, 199),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "msgget": (68, 186), "msgsnd": (69, 189),
    "msgrcv": (70, 188), "msgctl": (71, 187), "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192),
    "semctl": (66, 191), "mq_open": (240, 180), "mq_unlink": (241, 181),
    # programs and processes
    "execve": (59, 221), "execveat": (322, 281), "fork": (57, None), "vfork": (58, None),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240), "pidfd_open": 434,
    "pidfd_send_signal": 424, "pidfd_getfd": 438, "process_madvise": 440,
    # permissions, owners, times and attributes of files, and what empties or renames them
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": 452,
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": 463,
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "removexattrat": 466,
    "file_setattr": 469, "truncate": (76, 45),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "mknod": (133, None), "mknodat": (259, 33),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    # wide doors into the kernel
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": 425,
    "io_uring_enter": 426, "io_uring_register": 427, "keyctl": (250, 219), "add_key": (248, 217),
    "request_key": (249, 218), "personality": (135, 92), "modify_ldt": (154, None),
    # the machine itself
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "setns": (308, 268),
    "unshare": (272, 97), "open_tree": 428, "move_mount": 429, "fsopen": 430, "fsconfig": 431, "fsmount": 432,
    "fspick": 433, "mount_setattr": 442, "open_tree_attr": 467, "swapon": (167, 224), "swapoff": (168, 225),
    "reboot": (169, 142), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "acct": (163, 89), "quotactl": (179, 60),
    "quotactl_fd": 443, "iopl": (172, None), "ioperm": (173, None), "vhangup": (153, 58), "syslog": (103, 116),
    "sethostname": (170, 161), "setdomainname": (171, 162), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "clock_adjtime": (305, 266), "adjtimex": (159, 171),
}  # fmt: skip
"""Numbers on x86-64 and on aarch64; from 424 on they are the same."""
_WITH_A_POINTER = {"clone3": 435, "openat2": 437}
"""Calls whose arguments a filter cannot see: not there, so that libraries take the ones below."""
_CLONE, _OPEN, _OPENAT, _IOCTL, _FCNTL = (56, 220), (2, None), (257, 56), (16, 29), (72, 25)
_KILL, _TGKILL, _PRLIMIT = (62, 129), (234, 131), (302, 261)
_A_THREAD = 0x10000
_ACCESS, _EMPTIES = 0o3, 0o1000  # O_ACCMODE, O_TRUNC
_IOCTLS = (0x5412, 0x541C, 0x40086602, 0x401C5820, 0x8901, 0x8902)
"""TIOCSTI, TIOCLINUX, FS_IOC_SETFLAGS, FS_IOC_FSSETXATTR; FIOSETOWN and SIOCSPGRP, of sockets what `_FCNTLS` are."""
_FCNTLS = (8, 15)
"""F_SETOWN and F_SETOWN_EX: whom a pipe that becomes ready sends a signal, which may be any, also one that kills."""

_LOAD, _EQUAL, _AT_LEAST, _HAS, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000

Instruction = tuple[int, int, int, int]
"""Code, where to jump when true and when not (relative), and the number that goes with it."""


class _Filter(ctypes.Structure):
    _fields_ = (("code", ctypes.c_uint16), ("yes", ctypes.c_uint8), ("no", ctypes.c_uint8), ("k", ctypes.c_uint32))


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint16), ("filter", ctypes.POINTER(_Filter)))


def seccomp_there() -> bool:
    """Whether the kernel, and what bounds this process already, take a filter for this machine's calls."""
    if not _number():
        return False
    ctypes.set_errno(0)  # a filter that is nowhere is looked for only where filters are taken
    return call(_number(), _SET_FILTER, _ALL_THREADS, None) < 0 and ctypes.get_errno() == errno.EFAULT


def only_decode() -> bool:
    """From now on all threads of this process can open no socket, start no program or process, signal or look into no
    other one, and change no permissions, owners, times or names of files; the calls fail with EPERM.

    What is open already stays usable. False where there is no such filter: then nothing is given up.
    """
    if not seccomp_there():
        return False
    instructions = program(_machine(), os.getpid())
    filters = (_Filter * len(instructions))(*(_Filter(*one) for one in instructions))
    no_new_privileges()
    made = _Program(len(instructions), filters)
    return call(_number(), _SET_FILTER, _ALL_THREADS, ctypes.byref(made)) == 0


def program(machine: str, process: int) -> list[Instruction]:
    """The filter of a process on "x86_64" or "aarch64": BPF over the number and arguments of a call."""
    column = (_X86, _ARM).index(machine)
    refuse, absent = (_RETURN, 0, 0, _REFUSE | errno.EPERM), (_RETURN, 0, 0, _REFUSE | errno.ENOSYS)
    allow = (_RETURN, 0, 0, _ALLOW)
    own = [(_EQUAL, 0, 1, process), allow, refuse]
    rules = [
        *((numbers, [refuse]) for numbers in FORBIDDEN.values()),
        *((number, [absent]) for number in _WITH_A_POINTER.values()),
        (_CLONE, [_argument(0), (_HAS, 0, 1, _A_THREAD), allow, refuse]),
        (_KILL, [_argument(0), *own]),
        (_TGKILL, [_argument(0), *own]),
        (_PRLIMIT, [_argument(0), (_EQUAL, 0, 1, 0), allow, *own]),
        (_OPEN, [_argument(1), *_unless_it_empties(refuse, allow)]),
        (_OPENAT, [_argument(2), *_unless_it_empties(refuse, allow)]),
        (_IOCTL, [_argument(1), *_refused(_IOCTLS, refuse), allow]),
        (_FCNTL, [_argument(1), *_refused(_FCNTLS, refuse), allow]),
    ]
    found: list[Instruction] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, _ARCHITECTURES[machine]), refuse, (_LOAD, 0, 0, 0)]
    if machine == _X86:
        found += [(_AT_LEAST, 0, 1, _OTHER_TABLE), refuse]
    for numbers, then in rules:
        number = numbers if isinstance(numbers, int) else numbers[column]
        if number is not None:
            found += [(_EQUAL, 0, len(then), number), *then]
    return [*found, allow]


def _argument(number: int) -> Instruction:
    """Load the lower half of an argument, in which all that is looked at lies."""
    return (_LOAD, 0, 0, 16 + 8 * number)


def _refused(values: Iterable[int], refuse: Instruction) -> Iterator[Instruction]:
    """Refuse what was loaded when it is one of these."""
    for value in values:
        yield from ((_EQUAL, 0, 1, value), refuse)


def _unless_it_empties(refuse: Instruction, allow: Instruction) -> Iterable[Instruction]:
    """Opening to read, or for neither (both bits of the access), may not empty a file, which Landlock before version 3
    does not hold; to write is its own.
    """
    return ((_AND, 0, 0, _ACCESS | _EMPTIES), *_refused((_EMPTIES, _EMPTIES | _ACCESS), refuse), allow)


def _machine() -> str:
    return platform.machine()


def _number() -> int:
    """Of the system call on this machine; 0 where the filter does not know the calls."""
    return _SECCOMP.get(_machine(), 0) if sys.platform == "linux" and sys.maxsize > 1 << 32 else 0
