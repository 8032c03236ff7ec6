"""What the decoder's process cannot do: in a real one, and by the filter's own rules for both architectures."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import re
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.video import fake_decoders as fakes
from tests.video.clips import numbered_frame, write_clip
from vidgan.video import seccomp
from vidgan.video.isolate import DecoderFault, end_idle
from vidgan.video.limits import MediaLimits
from vidgan.video.read import ClipReader
from vidgan.video.seccomp import FORBIDDEN, program, seccomp_there

CLIP = Path("clip.mp4")
MACHINES = ("x86_64", "aarch64")
HEADERS = {"x86_64": "x86_64-linux-gnu/asm/unistd_64.h", "aarch64": "asm-generic/unistd.h"}
needs_seccomp = pytest.mark.skipif(not seccomp_there(), reason="the kernel takes no filter")
BY_HAND = {"fork", "vfork", "vhangup"}  # these do something without any arguments


def number(name, machine):
    found = FORBIDDEN[name]
    return found if isinstance(found, int) else found[MACHINES.index(machine)]


# --- In a decoder -----------------------------------------------------------------------------------------------------


@needs_seccomp
def test_every_forbidden_call_is_refused():
    machine = platform.machine()
    there = {name: it for name in FORBIDDEN.keys() - BY_HAND if (it := number(name, machine)) is not None}
    wrong = [-1] * 6  # so that nothing would happen
    assert {name: fakes.calls(CLIP, it, wrong) for name, it in there.items()} == dict.fromkeys(there, errno.EPERM)
    assert fakes.filters(CLIP) == "2"


@needs_seccomp
def test_a_decoder_that_uses_a_gpu_has_no_filter():
    it = number("ptrace", platform.machine())
    assert fakes.calls(CLIP, it, [-1] * 6, cuda=0) not in (0, errno.EPERM, errno.ENOSYS)


@needs_seccomp
@pytest.mark.parametrize(
    "how", ["permissions", "times", "owner", "attributes", "size", "content", "content unread", "name"]
)
def test_a_file_stays_as_it_is(tmp_path, how):
    (file := tmp_path / "kept").write_text("as it was")
    file.chmod(0o644)
    before = file.stat()
    with pytest.raises(DecoderFault, match="Operation not permitted"):
        fakes.changes(file, how)
    after = file.stat()
    assert (after.st_mode, after.st_mtime, after.st_ctime) == (before.st_mode, before.st_mtime, before.st_ctime)
    assert file.read_text() == "as it was"


@needs_seccomp
@pytest.mark.parametrize(
    ("family", "kind"), [("AF_INET", "SOCK_DGRAM"), ("AF_INET6", "SOCK_STREAM"), ("AF_UNIX", "SOCK_STREAM")]
)
def test_no_socket_of_any_kind_is_opened(family, kind):
    with pytest.raises(DecoderFault, match="Operation not permitted"):
        fakes.opens_a_socket(CLIP, getattr(socket, family), getattr(socket, kind))


@needs_seccomp
def test_no_process_is_started_or_signalled_and_threads_are():
    with pytest.raises(DecoderFault, match="Operation not permitted"):
        fakes.forks(CLIP)
    with pytest.raises(DecoderFault, match="Operation not permitted"):
        fakes.runs_a_program(CLIP)
    for process in (os.getpid(), 0, -1):
        with pytest.raises(DecoderFault, match="Operation not permitted"):
            fakes.kills(CLIP, process)
    with pytest.raises(DecoderFault, match="Operation not permitted"):
        fakes.has_a_pipe_signal(CLIP, os.getpid())
    assert fakes.runs_threads(CLIP, 8) == [8, 7, 6, 5, 4, 3, 2, 1]


@needs_seccomp
def test_the_filter_is_that_of_all_threads():
    code = (
        "import socket, threading; from vidgan.video.seccomp import only_decode\n"
        "go, ended = threading.Event(), []\n"
        "def other():\n    go.wait()\n    try: socket.socket()\n    except PermissionError: ended.append(1)\n"
        "(thread := threading.Thread(target=other, daemon=True)).start()\n"
        "assert only_decode(); go.set(); thread.join(); assert ended\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])


@needs_seccomp
@pytest.mark.parametrize(
    ("suffix", "codec", "pix_fmt"),
    [
        ("mp4", "libx264", "yuv420p"), ("mp4", "libx265", "yuv420p10le"), ("webm", "libvpx-vp9", "yuv420p"),
        ("mkv", "libsvtav1", "yuv420p"), ("mov", "prores_ks", "yuv422p10le"), ("avi", "mjpeg", "yuvj420p"),
        ("mkv", "ffv1", "yuv420p"), ("mpg", "mpeg2video", "yuv420p"),
    ],
)  # fmt: skip
def test_every_codec_is_decoded_under_the_filter(tmp_path, suffix, codec, pix_fmt):
    frames = [numbered_frame(k) for k in range(6)]
    clip = write_clip(tmp_path / f"clip.{suffix}", frames, codec=codec, pix_fmt=pix_fmt)
    end_idle()
    with ClipReader(clip) as there, ClipReader(clip, limits=MediaLimits(isolated=False)) as here:
        own = [frame.rgb for frame in here]
        np.testing.assert_array_equal([frame.rgb for frame in there], own)
    assert len(own) == 6
    assert fakes.filters(CLIP) == "2"


def test_where_the_kernel_refuses_nothing_is_given_up(monkeypatch):
    monkeypatch.setattr(seccomp, "_machine", lambda: "riscv64")
    assert not seccomp_there()
    assert not seccomp.only_decode()
    socket.socket().close()


def test_what_a_container_refuses_is_no_filter(monkeypatch):
    def refused(*arguments):
        ctypes.set_errno(errno.EPERM)
        return -1

    monkeypatch.setattr(seccomp, "call", refused)
    assert not seccomp_there()
    assert not seccomp.only_decode()


# --- The rules --------------------------------------------------------------------------------------------------------

ALLOWED, EPERM, ENOSYS = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
PROCESS = 4242


def said(machine, call, *arguments, architecture=None):
    """What a filter says of a call, by an interpreter of the instructions it may consist of."""
    data = {0: call, 4: architecture or ARCHITECTURE[machine]} | {16 + 8 * k: it for k, it in enumerate(arguments)}
    instructions, at, value = program(machine, PROCESS), 0, 0
    while True:
        code, yes, no, k = instructions[at]
        at += 1
        match code:
            case 0x20:
                value = data.get(k, 0) & 0xFFFFFFFF
            case 0x54:
                value &= k
            case 0x06:
                return k
            case 0x15 | 0x35 | 0x45:
                at += yes if {0x15: value == k, 0x35: value >= k, 0x45: bool(value & k)}[code] else no


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_refuses_what_is_listed_and_allows_the_rest(machine):
    listed = {number(name, machine) for name in FORBIDDEN} - {None}
    special = {seccomp._WITH_A_POINTER[name] for name in seccomp._WITH_A_POINTER}
    special |= {
        it[MACHINES.index(machine)] for it in (seccomp._CLONE, seccomp._KILL, seccomp._TGKILL, seccomp._PRLIMIT)
    }
    for call in range(600):
        expected = EPERM if call in listed else ALLOWED
        assert call in special or said(machine, call) == expected, call
    assert len(program(machine, PROCESS)) < 4096


@pytest.mark.parametrize("machine", MACHINES)
def test_another_table_of_calls_is_no_way_around(machine):
    assert said(machine, 0, architecture=0x40000003) == EPERM  # 32 bits
    assert said("x86_64", 0x40000000) == EPERM  # x32


@pytest.mark.parametrize(
    ("name", "arguments", "says"),
    [
        ("_CLONE", [0x3D0F00], ALLOWED), ("_CLONE", [17], EPERM), ("_CLONE", [0x10000000 | 17], EPERM),
        ("_KILL", [PROCESS, 6], ALLOWED), ("_KILL", [1, 6], EPERM), ("_KILL", [0, 6], EPERM), ("_KILL", [-1, 6], EPERM),
        ("_TGKILL", [PROCESS, PROCESS, 6], ALLOWED), ("_TGKILL", [7, 7, 6], EPERM),
        ("_PRLIMIT", [0], ALLOWED), ("_PRLIMIT", [PROCESS], ALLOWED), ("_PRLIMIT", [1], EPERM),
        ("_OPENAT", [-100, 0, os.O_RDONLY | os.O_CLOEXEC], ALLOWED),
        ("_OPENAT", [-100, 0, os.O_RDONLY | os.O_TRUNC], EPERM),
        ("_OPENAT", [-100, 0, os.O_WRONLY | os.O_CREAT | os.O_TRUNC], ALLOWED),
        ("_OPENAT", [-100, 0, os.O_ACCMODE | os.O_TRUNC], EPERM), ("_OPENAT", [-100, 0, os.O_ACCMODE], ALLOWED),
        ("_OPENAT", [-100, 0, os.O_RDWR | os.O_TRUNC], ALLOWED),
        ("_IOCTL", [0, 0x5412], EPERM), ("_IOCTL", [0, 0x8902], EPERM), ("_IOCTL", [0, 0x5401], ALLOWED),
        ("_FCNTL", [0, fcntl.F_SETOWN], EPERM), ("_FCNTL", [0, 15], EPERM),
        ("_FCNTL", [0, fcntl.F_SETFD], ALLOWED), ("_FCNTL", [0, fcntl.F_DUPFD_CLOEXEC], ALLOWED),
    ],
)  # fmt: skip
@pytest.mark.parametrize("machine", MACHINES)
def test_some_calls_depend_on_what_is_asked(machine, name, arguments, says):
    assert said(machine, getattr(seccomp, name)[MACHINES.index(machine)], *arguments) == says


@pytest.mark.parametrize("machine", MACHINES)
def test_what_hides_its_arguments_is_not_there(machine):
    assert {said(machine, call) for call in (435, 437)} == {ENOSYS}


@pytest.mark.parametrize("machine", MACHINES)
def test_the_numbers_are_those_of_the_kernels_headers(machine):
    header = Path("/usr/include") / HEADERS[machine]
    if not header.exists():
        pytest.skip("no headers of the kernel")
    known = dict(re.findall(r"#define __NR(?:3264)?_(\w+)\s+(\d+)\b", header.read_text()))
    own = {name: number(name, machine) for name in FORBIDDEN}
    own |= {
        name.strip("_").lower(): getattr(seccomp, name)[MACHINES.index(machine)]
        for name in ("_CLONE", "_OPEN", "_OPENAT", "_IOCTL", "_FCNTL", "_KILL", "_TGKILL")
    } | {"prlimit64": seccomp._PRLIMIT[MACHINES.index(machine)], "seccomp": seccomp._SECCOMP[machine]}
    newest = max(map(int, known.values()))
    for name, it in own.items():
        if it is None or it <= newest:
            assert known.get(name) == (None if it is None else str(it)), name
