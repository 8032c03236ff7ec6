"""Messages between a process and its decoder: JSON through a pipe, arrays beside it in shared memory.

A message is the length of its JSON and of the bytes behind it (two 64-bit numbers), then these. The JSON of an array
names its type, of which there are two, its shape and where it lies; nothing else can be said, and nothing is run.
"""

from __future__ import annotations

import fcntl
import json
import math
import mmap
import os
import select
import struct
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

_LENGTHS = struct.Struct("<QQ")
_TYPES = {"uint8": np.uint8, "float32": np.float32}
_LONGEST = 1 << 32  # bytes of a message: more is a decoder that has lost its mind
_SMALL = 1 << 15  # bytes that go through the pipe with less ado
_SLICE_S = 1.0


@dataclass(frozen=True)
class Message:
    """JSON, and the bytes or the array behind it."""

    header: dict[str, Any]
    payload: bytes = b""
    array: NDArray | None = None


class Slots:
    """Places for two arrays in shared memory, so that one is written while the other waits to be copied out.

    Through a pipe a picture of 1080p goes in a hundred pieces, and the two processes wake each other for each. The
    memory is there for the largest frame that is delivered, and taken as far as it is written.
    """

    COUNT = 2
    BYTES = 3840 * 3840 * 3

    def __init__(self, memory: int, free: int) -> None:
        self.descriptors = memory, free
        self._free = free
        size = self.COUNT * self.BYTES
        self._content = np.frombuffer(mmap.mmap(memory, size), np.uint8).reshape(self.COUNT, self.BYTES)
        self._next = 0

    @classmethod
    def new(cls) -> Self:
        """Make them; who is given the descriptors can neither shrink nor grow the memory."""
        memory = os.memfd_create("vidgan", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(memory, cls.COUNT * cls.BYTES)
        fcntl.fcntl(memory, fcntl.F_ADD_SEALS, fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL)
        return cls(memory, os.eventfd(cls.COUNT, os.EFD_CLOEXEC | os.EFD_SEMAPHORE))

    def put(self, content: NDArray) -> int:
        """Copy an array into the next place, as soon as it is free; the number of the place."""
        os.eventfd_read(self._free)
        number = self._next
        self._next = (number + 1) % self.COUNT
        self._content[number, : content.nbytes].view(content.dtype)[:] = content.reshape(-1)
        return number

    def take(self, number: int, kind: np.dtype, shape: tuple[int, ...]) -> NDArray:
        """A copy of the array in a place, which is free again."""
        array = self._content[number, : math.prod(shape) * kind.itemsize].view(kind).reshape(shape).copy()
        os.eventfd_write(self._free, 1)
        return array

    def close(self) -> None:
        """Let go of the descriptors."""
        for descriptor in self.descriptors:
            os.close(descriptor)


class Wire:
    """Two pipe ends and the shared memory; one thread sends and one receives at a time."""

    def __init__(self, reading: int, writing: int, slots: Slots) -> None:
        self._reading, self._writing, self._slots = reading, writing, slots

    def send(self, header: dict[str, Any], content: bytes | NDArray = b"") -> None:
        """Send a message. Raises BrokenPipeError when nobody is there to read it."""
        if isinstance(content, np.ndarray):
            header = {**header, "dtype": content.dtype.name, "shape": content.shape}
            if _SMALL < content.nbytes <= Slots.BYTES:
                header["slot"] = self._slots.put(content)
                content = b""
            else:
                content = content.tobytes()
        text = json.dumps(header).encode()
        _write(self._writing, _LENGTHS.pack(len(text), len(content)) + text)
        _write(self._writing, content)

    def receive(self, timeout: float | None = None) -> Message:
        """The next message. Raises EOFError when there is none, TimeoutError when nothing comes for `timeout` s."""
        text, size = _LENGTHS.unpack(self._read(_LENGTHS.size, timeout).tobytes())
        if text + size > _LONGEST:
            raise EOFError
        header = json.loads(self._read(text, timeout).tobytes())
        if "dtype" not in header:
            return Message(header, self._read(size, timeout).tobytes())
        kind, shape = np.dtype(_TYPES[header["dtype"]]), tuple(header["shape"])
        if "slot" in header:
            return Message(header, array=self._slots.take(header["slot"], kind, shape))
        return Message(header, array=self._read(size, timeout).view(kind).reshape(shape))

    def close(self) -> None:
        """Let go of the end that is read, and of the memory."""
        if self._reading >= 0:
            os.close(self._reading)
            self._slots.close()
            self._reading = -1

    def _read(self, size: int, timeout: float | None) -> NDArray[np.uint8]:
        """Exactly so many bytes."""
        content = np.empty(size, np.uint8)
        rest = memoryview(content.data)
        while rest:
            if timeout is not None and not _ready(self._reading, timeout):
                raise TimeoutError
            count = os.readv(self._reading, [rest])
            if not count:
                raise EOFError
            rest = rest[count:]
        return content


def _ready(descriptor: int, timeout: float) -> bool:
    """Whether there is something to read within `timeout` seconds.

    It waits a second at a time: one in which both processes stood still, as after Ctrl-Z, counts as one however long it
    was. `select` would not take descriptors above 1023.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    while timeout > 0:
        if poll.poll(1000 * min(timeout, _SLICE_S)):
            return True
        timeout -= _SLICE_S
    return False


def _write(descriptor: int, content: bytes) -> None:
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
