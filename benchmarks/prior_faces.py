"""Faces for `benchmarks.prior`: heads of strangers filmed as they talk and look about, and drafts of them to mend."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import run_stages
from benchmarks.strangers import stranger
from benchmarks.talking_head import FPS, Act, Head, film
from vidgan.errors import PersonError
from vidgan.progress import Progress
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.takes import TakeFootage, Takes
from vidgan.video.read import ClipReader

HELD_OUT = ("Ada", "Finn", "Ines")
"""Those of `samples/faces`: nobody has a share of their bodies."""

FRAMES, SIZE = 112, 256

SETTINGS = {"own_weight": 1.0, "choose_after": 1.0, "discriminator_frames": 3}
"""Of the training, as at `standard` of `reanimate` and `dub`."""


def film_head(number: int, path: Path, progress: Progress) -> None:
    """A stranger who turns, talks, blinks and looks about in a room of their own, drawn from `number` alone."""
    rng = np.random.default_rng((number, 31))
    head = Head(stranger(number, HELD_OUT), number, SIZE, float(rng.uniform(0.25, 0.31)))
    acts = living(rng, FRAMES)
    part = path.with_name(f"part-{path.name}")
    film(part, head, acts, SIZE, crf=int(rng.integers(16, 27)), progress=progress)
    part.replace(path)


def living(rng: np.random.Generator, frames: int) -> list[Act]:
    """What a head does, at rest in its first frame; how far it turns, how fast it speaks and the rest are drawn."""
    time = np.arange(frames) / FPS
    rest = np.clip(time / 0.6, 0, 1)

    def wave(slow: float, fast: float) -> NDArray[np.float64]:
        """A motion between -1 and 1 that seldom repeats."""
        rates, phases = rng.uniform(slow, fast, 2), rng.uniform(0, 6.3, 2)
        return rest * np.sin(2 * np.pi * rates[:, None] * time + phases[:, None]).mean(0)

    yaw, pitch, roll = (reach * wave(0.1, 0.45) for reach in rng.uniform((12, 5, 2), (34, 14, 10)))
    blink, moment = np.zeros(frames), float(rng.uniform(0.8, 2.0))
    while moment < time[-1]:
        blink = np.maximum(blink, np.exp(-(((time - moment) / 0.07) ** 2)))
        moment += float(rng.uniform(0.7, 2.5))
    look = wave(0.2, 0.8)
    amounts = {
        ("jawOpen",): 0.75 * np.clip(wave(1.2, 2.6), 0, 1) * np.clip(1.5 + 2 * wave(0.2, 0.6), 0, 1),
        ("mouthPucker",): rng.uniform(0.3, 1) * np.clip(wave(0.6, 1.8), 0, 1),
        ("mouthFunnel",): rng.uniform(0.2, 0.8) * np.clip(wave(0.8, 2.0), 0, 1),
        ("mouthUpperUpLeft", "mouthUpperUpRight"): rng.uniform(0, 0.6) * np.clip(wave(0.5, 1.5), 0, 1),
        ("mouthSmileLeft", "mouthSmileRight"): rng.uniform(0.3, 1) * np.clip(wave(0.15, 0.5), 0, 1),
        ("browInnerUp",): rng.uniform(0.3, 1) * np.clip(wave(0.2, 0.8), 0, 1),
        ("browDownLeft", "browDownRight"): rng.uniform(0.2, 1) * np.clip(wave(0.2, 0.6), 0, 1),
        ("eyeLookInLeft", "eyeLookOutRight"): np.clip(look, 0, 1),
        ("eyeLookOutLeft", "eyeLookInRight"): np.clip(-look, 0, 1),
        ("eyeBlinkLeft", "eyeBlinkRight"): blink,
    }
    faces = [{name: float(value[t]) for names, value in amounts.items() for name in names} for t in range(frames)]
    return [(float(y), float(p), float(r), face) for y, p, r, face in zip(yaw, pitch, roll, faces, strict=True)]


def prepare(path: Path, work: Path) -> list[Path]:
    """The takes of a head that is reanimated by its own film: of the film, and of its first frame as a picture.

    One that the face mesh does not find, painted and dark as some are, is left out.
    """
    picture = work / f"{path.stem}.png"
    work.mkdir(parents=True, exist_ok=True)
    with ClipReader(path) as clip:
        cv2.imwrite(str(picture), next(iter(clip)).rgb[..., ::-1])
    folders = []
    for target in (path, picture):
        files = {"target": target, "driving": path}
        with suppress(PersonError):
            stages = run_stages(["takes"], files, work, pipeline="reanimate", preset="standard", device="cpu")
            folders.append(stages["takes"].dir)
    return folders


def footage(folder: Path, device: str) -> TakeFootage:
    """A head's drafts beside what was filmed."""
    return TakeFootage(Takes.load(folder), ExampleConfig(), device)
