"""The libraries that vidgan stands on: which of them failed when an import did, and what to do about it.

`python -m vidgan.libraries MODULE...` tries to import each and says how it went, one JSON array a line.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import traceback
from collections.abc import Iterator, Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

from vidgan.errors import DependencyError, VidganError

NEEDED = {
    "numpy": "numpy",
    "opencv-contrib-python": "cv2",
    "torch": "torch",
    "torchvision": "torchvision",
    "lightning-fabric": "lightning_fabric",
    "safetensors": "safetensors.torch",
    "tensorboard": "torch.utils.tensorboard",
    "mediapipe": "mediapipe.python.solutions.pose",
    "av": "av",
    "c2pa-python": "c2pa",
    "click": "click",
    "cryptography": "cryptography.x509",
    "einops": "einops",
    "jinja2": "jinja2",
    "pillow": "PIL.Image",
    "psutil": "psutil",
    "pydantic": "pydantic",
    "pyyaml": "yaml",
    "tqdm": "tqdm",
}
"""What the commands import, by package, those that others stand on first. Matplotlib's font and EfficientNet's weights
are read as files."""

_PACKAGES = {"cv2": "opencv-contrib-python", "PIL": "pillow", "yaml": "pyyaml"}  # also where it is not installed
_OWN = frozenset({"vidgan", "__main__"}) | sys.stdlib_module_names
_BUILD = "it was built without: install Python anew, from its site or your system's packages"
_OF_THE_SYSTEM = ("libGL", "libgthread", "libglib")  # what OpenCV takes from it
_SAID = 300  # characters of a library's message
_PATIENCE_S = 300.0


def explained(error: Exception) -> Exception:
    """An error that comes from a library that is missing or broken, as the one line for the user; any other as it is.

    Broken is a library that fails while it is imported, by whatever error, or lacks what it should have.
    """
    if isinstance(error, VidganError):
        return error
    chain = _imports(error)
    inner = _top(error.name) if isinstance(error, ImportError) else _lacking(error)
    if isinstance(error, ModuleNotFoundError) and inner in sys.stdlib_module_names:
        return DependencyError(f"this Python has no {inner}, which {_BUILD}")
    if inner in _OWN or (inner is None and not chain):
        return error
    if isinstance(error, ModuleNotFoundError) and inner and inner not in chain:
        user = f"{chain[-1]} needs {inner}, which" if chain else f"the library {inner}"
        return DependencyError(f"{user} is not installed: pip install {_requirement(inner)}")
    names = list(dict.fromkeys([*chain[:1], *chain[-1:], *([inner] if inner else [])]))
    return DependencyError(f"the library {names[0]} does not work: {_said(error, names)}; {_advice(error, names)}")


def trials(modules: Sequence[str]) -> Iterator[tuple[str, str | None]]:
    """Each module with what is wrong about it, or None, imported in a process of its own, which may crash."""
    import subprocess

    left = list(modules)
    path = os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)
    while left:
        command = [sys.executable, "-P", "-W", "ignore", "-m", "vidgan.libraries", *left]
        try:
            done = subprocess.run(
                command,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_PATIENCE_S,
                env={**os.environ, "PYTHONPATH": path},
            )
            said, code = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            said, code = late.stdout or b"", None
        for line in said.splitlines():
            module, fault = json.loads(line)
            left.remove(module)
            yield module, fault
        if left:
            name = _top(left[0]) or left[0]
            yield left.pop(0), f"the library {name} does not work: {_ended(code)}; {_reinstall([name])}"


def _ended(code: int | None) -> str:
    if code is None:
        return f"its import does not end within {_PATIENCE_S:g} s"
    how = f"is killed by {signal.Signals(-code).name}" if code < 0 else f"ends with exit code {code}"
    return f"the process that imports it {how}"


def _imports(error: Exception) -> list[str]:
    """The libraries in whose import an error was raised, the one that vidgan asked for first."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    found = [frame for frame in frames if frame.f_code.co_name == "<module>"]
    names = [_top(frame.f_globals.get("__name__")) for frame in found if _installed(frame.f_code.co_filename)]
    return [name for name in names if name is not None and name not in _OWN]


def _installed(file: str) -> bool:
    return not {"site-packages", "dist-packages"}.isdisjoint(Path(file).parts)


def _lacking(error: Exception) -> str | None:
    """The library of which an attribute is asked that it lacks."""
    asked = error.obj if isinstance(error, AttributeError) else None
    return _top(asked.__name__) if isinstance(asked, ModuleType) else None


def _top(module: str | None) -> str | None:
    return module.partition(".")[0] if module else None


def _said(error: Exception, names: Sequence[str]) -> str:
    text = " ".join(f"{type(error).__name__}: {error}".split())
    where = f" (in {' and '.join(names[1:])})" if names[1:] else ""
    return f"{text[:_SAID]}{'...' * (len(text) > _SAID)}{where}"


def _advice(error: Exception, names: Sequence[str]) -> str:
    if "cannot open shared object file" in str(error) and str(error).startswith(_OF_THE_SYSTEM):
        return "install the system's libraries: apt-get install libgl1 libglib2.0-0"
    return _reinstall(names)


def _reinstall(names: Sequence[str]) -> str:
    return f"reinstall with: pip install --force-reinstall {' '.join(map(_requirement, names))}"


def _requirement(module: str) -> str:
    """What pip is to be asked for, as vidgan asks for it."""
    from importlib.metadata import PackageNotFoundError, packages_distributions, requires

    package = _PACKAGES.get(module) or packages_distributions().get(module, [module])[0]
    try:
        asked = [it.partition(";")[0].strip() for it in requires("vidgan") or []]
    except PackageNotFoundError:  # run from its source
        asked = []
    same = [it for it in asked if _plain(re.split(r"[^\w.-]", it)[0]) == _plain(package)]
    wanted = same[0] if same else package
    return f"'{wanted}'" if re.search(r"[<>]", wanted) else wanted


def _plain(package: str) -> str:
    return re.sub(r"[-_.]+", "-", package).lower()


def _main(modules: Sequence[str]) -> None:
    with os.fdopen(os.dup(1), "w") as found:  # what libraries say, in Python or in C, goes to stderr
        os.dup2(2, 1)
        for module in modules:
            fault = None
            try:
                import_module(module)
            except Exception as error:
                fault = str(explained(error))
            print(json.dumps([module, fault]), file=found, flush=True)


if __name__ == "__main__":
    _main(sys.argv[1:])
