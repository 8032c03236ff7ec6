"""Every reader of a file that a user can hand over, each with a good file to start from.

    python -m tests.fuzz.readers [--count 10000] [READER...]

A mutated file may be read or refused with one of our errors. Anything else is a fault: another exception, a crash, or
longer than `LIMIT` seconds. `make fuzz` runs 10,000 of each; the tests a few.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
import traceback
import zlib
from collections.abc import Callable
from contextlib import contextmanager
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from tests.fuzz.mutate import mutated
from tests.metrics.people import standing_track
from tests.trust.made import textured, write
from tests.video.clips import numbered_frame, write_clip
from vidgan.audio.sound import read_sound
from vidgan.config import load_config
from vidgan.errors import VidganError
from vidgan.face.motion import FaceMotion
from vidgan.face.mouths import SIZE, Mouths
from vidgan.face.regions import LANDMARKS as FACE
from vidgan.face.regions import LIPS_INNER
from vidgan.face.track import FaceTrack
from vidgan.pose.precomputed import load_people
from vidgan.runs.folder import ClipFacts, RunFacts
from vidgan.stages.manifest import Manifest
from vidgan.stages.pipeline import Pipeline
from vidgan.train.checkpoint import load_checkpoint, read_network, save_checkpoint, save_network
from vidgan.trust.credentials import Ingredient, Statement, read_credentials, sign
from vidgan.trust.keys import load_identity, new_keys, own_files
from vidgan.video.limits import MediaLimits
from vidgan.video.read import ClipReader

LIMIT = 20
"""Seconds that one file may take."""

HERE = MediaLimits(isolated=False)
"""A crash of a decoder must end the search, not become one of our errors."""

Read = Callable[[Path], object]


def _frames(path: Path) -> None:
    with ClipReader(path, limits=HERE) as clip:
        for _ in islice(clip, 20):
            pass


def _folder(path: Path) -> RunFacts:
    return RunFacts.load(path.parent)


def _video(path: Path) -> None:
    write(path, textured(seconds=0.5, width=64, height=48))


def _film(path: Path) -> None:
    write_clip(path, map(numbered_frame, range(5)), audio=("aac", 16000, np.sin(np.arange(8000) / 5) / 2))


def _signed(path: Path) -> None:
    clip = path.with_name("clip.mp4")
    _video(clip)
    identity = load_identity(*new_keys(path.parent / "keys"))
    sign(clip, path, Statement("a.mp4", 1, run={"consent": None}), [Ingredient("source", clip)], identity)


def _sidecar(path: Path) -> None:
    video = path.with_suffix("")
    _signed(path.with_name("signed.mp4"))
    identity = load_identity(path.parent / "keys" / "chain.pem", path.parent / "keys" / "private-key.pem")
    sign(path.with_name("clip.mp4"), video, Statement("a.mkv", 1), [], identity)


def _openpose(path: Path) -> None:
    people = [{"pose_keypoints_2d": [1.5] * 75, "hand_left_keypoints_2d": [0.5] * 63}]
    path.write_text(json.dumps({"version": 1.3, "people": people}))


def _landmarks(path: Path) -> None:
    frames = np.random.default_rng(0).random((2, 33, 4)).round(2).tolist()
    path.write_text(json.dumps({"width": 64, "height": 48, "frames": [*frames, None]}))


def _manifest(path: Path) -> None:
    Manifest(instance="a", stage="b", version=1, key="k", family="f", config={"x": [1]}, inputs={}).write(path.parent)


def _motion(path: Path) -> None:
    """A face at rest for three frames."""
    image = np.random.default_rng(0).random((3, FACE, 2), np.float32) * 100
    seen = np.ones(3, np.bool_)
    track = FaceTrack(image, image[..., 0], seen, np.arange(3), Fraction(1, 25), 100, 100, "made")
    pictures = np.full((3, *SIZE, 3), 90, np.uint8)
    rings = np.zeros((3, len(LIPS_INNER), 2), np.float32)
    FaceMotion(track, 1, Mouths(pictures, rings, np.zeros((3, 3), np.float32))).save(path)


def _face_track(path: Path) -> None:
    _motion(path)
    FaceMotion.load(path).track.save(path)


def _aliases(path: Path) -> None:
    path.write_text(_PIPELINE.replace("20}", "&crf 20, audio: *crf}") + "presets: &a a\npreset: *a\n")


def _chain(path: Path) -> None:
    new_keys(path.parent)


def _picture(path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (24, 32, 3), np.uint8)
    Image.fromarray(pixels).save(path)


READERS: dict[str, tuple[str, Callable[[Path], object], Read]] = {
    "video": ("a.mp4", _video, _frames),
    "matroska": ("a.mkv", _video, _frames),
    "sound": ("a.mp4", _film, lambda path: read_sound(path, limits=HERE)),
    "credentials": ("a.mp4", _signed, read_credentials),
    "sidecar": ("a.mkv.c2pa", _sidecar, lambda path: read_credentials(path.with_suffix(""))),
    "track": ("a.npz", lambda path: standing_track(2, 64, 48).save(path), load_people),
    "landmarks": ("a.json", _landmarks, load_people),
    "openpose": ("a.json", _openpose, load_people),
    "motion": ("a.npz", _motion, FaceMotion.load),
    "face": ("a.npz", _face_track, FaceTrack.load),
    "chain": ("chain.pem", _chain, lambda path: load_identity(*own_files(path.parent))),
    "key": ("private-key.pem", _chain, lambda path: load_identity(*own_files(path.parent))),
    "png": ("a.png", _picture, _frames),
    "jpeg": ("a.jpg", _picture, _frames),
    "aliases": ("a.yaml", _aliases, lambda path: load_config(Pipeline, path)),
    "settings": ("a.yaml", lambda path: path.write_text(_PIPELINE), lambda path: load_config(Pipeline, path)),
    "checkpoint": ("a.pt", lambda path: save_checkpoint(path, {"step": 1, "w": torch.ones(4)}), load_checkpoint),
    "network": ("a.safetensors", lambda path: save_network(path, torch.nn.Linear(2, 2), {"f": 1}), read_network),
    "manifest": ("manifest.json", _manifest, lambda path: Manifest.read(path.parent)),
    "run": ("run.json", lambda path: RunFacts(config={}, clips=_CLIPS, seed=0).save(path.parent), _folder),
}
"""By name: the file's name, what makes a good one, what reads it."""

_CLIPS = ClipFacts(source="a", digest="b", count=1)
_PIPELINE = """name: a
inputs: [film]
stages:
  - {name: one, stage: encode, inputs: {frames: film}, set: {crf: 20}}
outputs: {video: one/output.*}
"""


class Late(BaseException):
    """A reader took too long. No reader may take it for an error of the file's, as it would a TimeoutError."""


@contextmanager
def _limited():
    def late(number, frame):
        raise Late(f"longer than {LIMIT} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def faults(name: str, numbers: range, folder: Path) -> list[str]:
    """What goes wrong when the mutations with these numbers are read, a line for each."""
    file, make, read = READERS[name]
    path = folder / file
    make(path)
    read(path)  # the good one must be read
    good, salt, found = path.read_bytes(), zlib.crc32(name.encode()), []
    for number in numbers:
        path.write_bytes(mutated(good, salt + number))
        try:
            with _limited():
                read(path)
        except VidganError as error:
            if len(str(error).splitlines()) != 1:
                found.append(f"{name} {number}: more than one line: {error}")
        except (Exception, Late):
            found.append(f"{name} {number}: {traceback.format_exc(limit=-3)}")
    return found


def main() -> int:
    """Fuzz the readers that are named, or all."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("readers", nargs="*", choices=[[], *READERS])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    given = parser.parse_args()
    found = []
    for name in given.readers or READERS:
        with TemporaryDirectory() as folder:
            new = faults(name, range(given.first, given.first + given.count), Path(folder))
        print(f"{name}: {given.count} files, {len(new)} faults", *new, sep="\n", flush=True)
        found += new
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
