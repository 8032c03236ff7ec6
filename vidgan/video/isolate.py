"""Reading files that come from strangers in a process of its own, which may crash, hang or ask for too much.

A function under `@isolated` runs in a decoder process (`vidgan.video.decoder`) whenever `media.isolated` is on: its
arguments go there as JSON, and its result comes back as JSON, checked against its annotations; a generator's arrays
come one by one through shared memory, so that decoding goes on beside what is done with the last one. Nothing is
unpickled. Decoders that are done wait for the next call, since starting one takes half a second.
"""

from __future__ import annotations

import atexit
import inspect
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, wraps
from importlib import import_module
from pathlib import Path
from typing import Any, ParamSpec, TypeVar, get_type_hints

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from vidgan.errors import MediaError, known_error
from vidgan.video.limits import MediaLimits, current_limits, limited, over
from vidgan.video.room import room
from vidgan.video.wire import Message, Slots, Wire

P = ParamSpec("P")
R = TypeVar("R")

_THREADS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Environment of a decoder: NumPy's threads would take memory and compute nothing there."""

_MOST_IDLE = 4
_START_S = 120.0


class DecoderFault(Exception):
    """A function failed in the decoder by an error that is not the user's; the note holds the traceback."""


def isolated(function: Callable[P, R]) -> Callable[P, R]:
    """Let a function of a module run in a decoder process when the limits say so.

    It takes a `path` or `file`, or its facts as `examined`; bytes among its arguments are sent as they are. `limits`
    among its parameters, when given, are those of the call. A generator yields pairs of an array and a JSON-able value.

    Raises (the wrapped function, beside its own errors):
        MediaError: the decoder crashed.
        LimitError: it took more memory than `media.max_memory`, or nothing came of it for `media.timeout`.
    """
    signature = inspect.signature(function)
    streams = inspect.isgeneratorfunction(function)

    @wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        bound = signature.bind(*args, **kwargs)
        limits = bound.arguments.get("limits") or current_limits()
        if _inside or not limits.isolated:
            return function(*args, **kwargs)
        call = _Call(function, bound.arguments, limits)
        return _stream(call) if streams else _value(call)  # type: ignore[return-value]

    return wrapper


# --- The side that asks -----------------------------------------------------------------------------------------------


class _Call:
    """A call on its way into a decoder."""

    def __init__(self, function: Callable[..., Any], arguments: Mapping[str, Any], limits: MediaLimits) -> None:
        self.function, self.limits = function, limits
        self.where = _where(arguments)
        self.hardware = arguments.get("cuda") is not None
        self._arguments = arguments

    def message(self) -> tuple[dict[str, Any], bytes]:
        """The call as JSON, and the bytes among its arguments."""
        types = _types(self.function)
        plain = {name: value for name, value in self._arguments.items() if not isinstance(value, bytes)}
        raw = next(((name, value) for name, value in self._arguments.items() if isinstance(value, bytes)), ("", b""))
        return {
            "function": f"{self.function.__module__}:{self.function.__qualname__}",
            "arguments": {name: types[name].dump_python(value, mode="json") for name, value in plain.items()},
            "raw": raw[0],
            "limits": self.limits.model_dump(mode="json"),
            "hardware": self.hardware,
            "where": self.where,
            "folder": str(Path.cwd()),
        }, raw[1]


def _where(arguments: Mapping[str, Any]) -> str:
    """The file of a call, as errors name it."""
    if "examined" in arguments:
        return str(arguments["examined"].info.path)
    path = arguments.get("path", arguments.get("file"))
    return "a picture in an archive" if isinstance(path, bytes) else str(path)


def _value(call: _Call) -> Any:
    with _decoder(call.hardware) as decoder:
        decoder.ask(call)
        reply, _ = decoder.reply(call)
    return _types(call.function)["return"].validate_python(reply["value"])


def _stream(call: _Call) -> Iterator[tuple[NDArray, Any]]:
    with _decoder(call.hardware) as decoder:
        decoder.ask(call)
        try:
            while True:
                reply, array = decoder.reply(call)
                if array is None:
                    break
                yield array, reply["value"]
        except GeneratorExit:
            decoder.stop(call)


class _Decoder:
    """A decoder process. When it fails in any way it is ended, and not used again."""

    def __init__(self, hardware: bool) -> None:
        reading, writing = os.pipe()
        slots = Slots.new()
        path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
        folder = None if hardware else room(os.getpid())
        given = map(str, (writing, *slots.descriptors, *(() if folder is None else (folder,))))
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "vidgan.video.decoder", *given],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[writing, *slots.descriptors],
            start_new_session=True,  # Ctrl-C and Ctrl-Z are the parent's, whose end is this one's
            env={**os.environ, **_THREADS, "PYTHONPATH": path, **({"TMPDIR": folder} if folder else {})},
        )
        os.close(writing)
        assert self._process.stdin is not None
        self._wire = Wire(reading, self._process.stdin.fileno(), slots)
        self._started = False

    @property
    def alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, call: _Call) -> None:
        """Begin a call."""
        message, raw = call.message()
        with suppress(BrokenPipeError):  # it has died already; `reply` says how
            self._wire.send(message, raw)

    def reply(self, call: _Call) -> tuple[dict[str, Any], NDArray | None]:
        """The next array with its value, or the end of the call; raises what the function raised."""
        while True:
            try:
                message = self._wire.receive(call.limits.timeout if self._started else _START_S)
            except TimeoutError:
                self.end()
                seconds = f"{call.limits.timeout:g} s"
                raise over(call.where, f"nothing came of decoding it for {seconds}", "timeout") from None
            except EOFError:
                raise self._crashed(call) from None
            self._started = True
            if message.header["kind"] == "error":
                raise _error(message.header)
            if message.header["kind"] != "beat":
                return message.header, message.array

    def stop(self, call: _Call) -> None:
        """Break a call off: what is on its way is thrown away."""
        with suppress(BrokenPipeError, MediaError):
            self._wire.send({"stop": True})
            while self.reply(call)[1] is not None:
                continue

    def end(self) -> None:
        """Kill it."""
        self._process.kill()
        self._process.wait()
        self._wire.close()
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()

    def _crashed(self, call: _Call) -> MediaError:
        code = self._process.wait()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
        advice = "the file is damaged or made to do harm: convert or record it again"
        if not self._started:
            advice = "it has not come to the file: `vidgan doctor` says what is broken"
        if code == -signal.SIGKILL:  # by the system or a person: no fault in a file does it
            advice = "the memory may be full: end other programs, then run the same command again"
        return MediaError(f"{call.where}: its decoder {how}; {advice}")


def _error(header: Mapping[str, Any]) -> Exception:
    known = known_error(header["type"], header["message"])
    error = known or DecoderFault(f"{header['type']}: {header['message']}")
    error.add_note(header["traceback"])
    return error


_idle: list[_Decoder] = []
_lock = threading.Lock()


@contextmanager
def _decoder(hardware: bool) -> Iterator[_Decoder]:
    """A decoder for one call, one that waits or a new one; it waits again when the call ended in good order.

    What a GPU's driver does to a process does not go with the bounds of the next call: for it, always a new one.
    """
    with _lock:
        decoder = _idle.pop() if _idle and not hardware else None
    if decoder is None or not decoder.alive:
        decoder = _Decoder(hardware)
    try:
        yield decoder
    except MediaError:
        _release(decoder, keep=not hardware)
        raise
    except BaseException:
        decoder.end()
        raise
    _release(decoder, keep=not hardware)


def _release(decoder: _Decoder, keep: bool) -> None:
    with _lock:
        keep = keep and decoder.alive and len(_idle) < _MOST_IDLE
        if keep:
            _idle.append(decoder)
    if not keep:
        decoder.end()


@atexit.register
def end_idle() -> None:
    """End the decoders that wait."""
    with _lock:
        decoders, _idle[:] = list(_idle), []
    for decoder in decoders:
        decoder.end()


os.register_at_fork(after_in_child=_idle.clear)  # they are the parent's


# --- Both sides -------------------------------------------------------------------------------------------------------


@cache
def _types(function: Callable[..., Any]) -> dict[str, TypeAdapter]:
    """What checks and writes a function's arguments and its result, by the annotations."""
    hints = get_type_hints(function)
    if inspect.isgeneratorfunction(function):
        del hints["return"]
    return {name: TypeAdapter(hint) for name, hint in hints.items()}


# --- The decoder's side -----------------------------------------------------------------------------------------------

_inside = False


def work(message: Message, wire: Wire, stopped: Callable[[], bool]) -> None:
    """Make one call that was asked for, in the decoder: its arrays, values and errors go back."""
    global _inside
    _inside = True
    header = message.header
    module, _, name = header["function"].partition(":")
    function = inspect.unwrap(getattr(import_module(module), name))
    os.chdir(header["folder"])
    limits = MediaLimits.model_validate(header["limits"])
    types = _types(function)
    given = {name: types[name].validate_python(value) for name, value in header["arguments"].items()}
    if header["raw"]:
        given[header["raw"]] = message.payload
    with limited(limits):
        found = function(**given)
        if not inspect.isgeneratorfunction(function):
            wire.send({"kind": "end", "value": types["return"].dump_python(found, mode="json")})
            return
        for array, value in found:
            if stopped():
                found.close()
                break
            wire.send({"kind": "array", "value": value}, np.ascontiguousarray(array))
        wire.send({"kind": "end"})
