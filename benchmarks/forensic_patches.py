"""Patches of the videos of `benchmarks.forensic_data`, kept as long as the same video would give the same."""

from __future__ import annotations

import hashlib
import inspect
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import save_array, say
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.follow import FaceFollower
from vidgan.nets.forensic import GROUND
from vidgan.trust import forensic
from vidgan.trust.forensic import NEAR, bags
from vidgan.trust.mark import number_of
from vidgan.trust.watermark import Watermark
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

CRFS = (23, 28, 33)
AS_IT_IS = 0
"""In place of a CRF: not encoded again."""
_MADE_CRF = 18
"""Of what vidgan writes."""
SEGMENT = 18
"""Frames of a video that are looked at together."""
SEGMENTS = 2
BAGS = 6
"""Of each segment and CRF."""

FAR = "far"
_MADE_BY = "made_by"
_SAMPLES = Path(__file__).parents[1] / "samples"

Timed = tuple[NDArray[np.uint8], Fraction]
"""A frame (H, W, 3) and its time in seconds."""


@dataclass(frozen=True)
class Video:
    """One video to tell: `method` is "" when it is real; `kind` is body, face, small or far; `people` all who are in
    it; `filmed` when it has the history of its camera. The file is below OUT, or below the footage's folder if filmed.
    """

    file: str
    method: str
    kind: str
    fold: str
    people: tuple[str, ...]
    filmed: bool = False


def gather(videos: list[Video], out: Path, root: Path) -> None:
    """Encode every segment of every video at all CRFs and keep its bags of patches; then put all into one file."""
    facts: list[dict[str, object]] = []
    kept: list[NDArray[np.uint8]] = []
    taken_by = rule()
    for video in videos:
        file = (root if video.filmed else out) / video.file
        for name, found in _kept(video, file, out, taken_by).items():
            segment, crf, marked = map(int, name.split("-"))
            kept.append(found)
            known = {"segment": segment, "crf": crf, "marked": bool(marked), "bags": len(found)}
            facts.append(asdict(video) | known)
    listed = out / "bags.json"
    listed.unlink(missing_ok=True)  # so that a list is never beside other patches than its own
    save_array(out / "bags.npy", np.concatenate(kept))
    partial = listed.with_suffix(".partial.json")
    partial.write_text(json.dumps(facts))
    partial.replace(listed)
    say(f"{sum(map(len, kept))} bags of {len(videos)} videos")


def rule() -> str:
    """A hash of what takes patches: the code that says where and how, and what it takes from the samples, since that
    changes with every part and library beneath it that matters.
    """
    code = hashlib.sha256("".join(inspect.getsource(module) for module in (forensic, sys.modules[__name__])).encode())
    for sample, kind in ((_SAMPLES / "truth.mp4", "body"), (_SAMPLES / "faces" / "target.mp4", "face")):
        for name, found in taken(Video(sample.name, "", kind, "a", ()), sample).items():
            code.update(name.encode() + found.tobytes())
    return code.hexdigest()


def _kept(video: Video, file: Path, out: Path, taken_by: str) -> dict[str, NDArray[np.uint8]]:
    """What `taken` gives, kept from an earlier run where it would give the same."""
    name = f"{'far-' * (video.kind == FAR)}{'filmed-' * video.filmed}{video.file.replace('/', '-')}.npz"
    path = out / "bags" / name
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    made_by = np.array(f"{taken_by} {digest}")
    if path.exists():
        with np.load(path, allow_pickle=False) as found:
            if _MADE_BY in found.files and found[_MADE_BY] == made_by:
                return {name: found[name] for name in found.files if name != _MADE_BY}
    arrays = taken(video, file)
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays, **{_MADE_BY: made_by})
    partial.replace(path)
    say(f"bags of {video.file}")
    return arrays


def taken(video: Video, file: Path) -> dict[str, NDArray[np.uint8]]:
    """Bags (N, K, T, S, S) of each segment of a video as each CRF leaves it, by `SEGMENT-CRF-MARKED`."""
    arrays = {}
    with MeshBackend(FaceConfig()) as backend:
        for begin in _segments(file):
            marked = not video.filmed and number_of(f"{video.file} {begin}") % 2 == 0
            for crf, frames in _encoded(video, file, begin, marked):
                found = bags(frames, BAGS, FaceFollower(backend), 0 if video.kind == FAR else NEAR)
                if video.kind == FAR:
                    found = [bag for bag in found if bag[GROUND:].any()]
                if found:
                    arrays[f"{begin}-{crf}-{int(marked)}"] = np.stack(found)
    return arrays


def _segments(file: Path) -> list[int]:
    with ClipReader(file) as clip:
        count = sum(1 for _ in clip)
    last = max(0, count - SEGMENT)
    return sorted({round(k) for k in np.linspace(0, last, min(SEGMENTS, 1 + last // SEGMENT))})


def _encoded(video: Video, file: Path, begin: int, marked: bool) -> Iterator[tuple[int, list[NDArray[np.uint8]]]]:
    """A segment as it looks at each CRF. What is real is encoded once more, as what is made was by vidgan."""
    with ClipReader(file) as clip:
        rate = clip.info.rate
        frames = [(frame.rgb, frame.time) for frame in islice(clip.frames(begin), SEGMENT)]
    if video.filmed:
        yield AS_IT_IS, [rgb for rgb, _ in frames]
    elif not video.method:
        frames = _again(frames, rate, _MADE_CRF)
    if marked:
        mark, start = Watermark(number_of(file.name)), frames[0][1]
        frames = [(mark(rgb, float(at - start)), at) for rgb, at in frames]
    for crf in CRFS:
        yield crf, [rgb for rgb, _ in _again(frames, rate, crf)]


def _again(frames: list[Timed], rate: Fraction, crf: int) -> list[Timed]:
    """Frames as H.264 brings them back."""
    with TemporaryDirectory() as folder:
        write(path := Path(folder) / "a.mp4", iter(frames), rate, crf)
        with ClipReader(path) as clip:
            return [(frame.rgb, frame.time) for frame in clip]


def write(
    path: Path,
    frames: Iterator[Timed],
    rate: Fraction,
    crf: int,
    audio: Path | None = None,
) -> None:
    """A film of frames, with the sound of the file `audio`; times count from the first frame's."""
    first, start = next(frames)
    clock = Fraction(1, 90_000)
    with ClipWriter(path, first.shape[1], first.shape[0], rate, crf=crf, time_base=clock, audio=audio) as writer:
        writer.write(first, Fraction(0))
        for rgb, at in frames:
            writer.write(rgb, at - start)
