"""Real and made videos to tell apart: what the forensic detector is trained and judged on.

    python -m benchmarks.forensic_data FOOTAGE.csv out/forensic --root FOLDER

FOOTAGE.csv lists the footage below FOLDER: file, person, kind (body, face, portrait, speech, strip) and fold (a or b);
`benchmarks/forensic_footage.csv` is the one that the shipped detector was made from. Rendered performers are added.
Every made video joins people of one fold alone, so that a network trained on one fold has met nobody of the other.
What is there already is not made again; in the end OUT/bags.npy and OUT/bags.json hold the patches.

Real and made videos have the same history: the footage is written anew by vidgan's encoder, and that is what vidgan is
given; what it makes (with --no-mark) and the footage are then encoded alike, half of both with a watermark, at CRF 18
and from there at 23, 28 and 33.
"""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import FILE, FOLDER, say
from vidgan.display import choose_display
from vidgan.performers.people import CAST
from vidgan.progress import EventProgress
from vidgan.trust.forensic import bags
from vidgan.trust.mark import number_of
from vidgan.trust.watermark import Watermark
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

CRFS = (18, 23, 28, 33)
SEGMENT = 24
"""Frames of a video that are looked at together."""
SEGMENTS = 2
BAGS = 8
"""Of each segment and CRF."""

_SIDE = 640
_LONGEST = {"body": 120, "face": 250}
_DRIVING = 50
_PERFORMERS_A = ("Ada", "Bruno", "Chie", "Esi", "Gita")
_SAMPLES = Path(__file__).parents[1] / "samples"
_STANDARD_STEPS = 100
_GENERATED = 20


@dataclass(frozen=True)
class Footage:
    """A file that is real, or rendered, and who is in it."""

    file: Path
    person: str
    kind: str
    fold: str

    @property
    def name(self) -> str:
        """Of what is made from it."""
        return f"{self.fold}-{self.kind}-{self.file.stem}"


@dataclass(frozen=True)
class Video:
    """One video to tell: `method` is "" when it is real; `kind` is body, face or small; `people` all who are in it."""

    file: str
    method: str
    kind: str
    fold: str
    people: tuple[str, ...]


def read_table(table: Path, root: Path) -> list[Footage]:
    """The footage of a table."""
    with table.open(newline="") as file:
        return [Footage(root / row["file"], row["person"], row["kind"], row["fold"]) for row in csv.DictReader(file)]


# --- Footage ----------------------------------------------------------------------------------------------------------


def prepared(footage: Footage, out: Path) -> Path:
    """The footage as vidgan's encoder writes it, small and short: what is compared, and what vidgan is given."""
    if footage.kind in ("portrait", "speech"):
        return footage.file
    path = out / "real" / f"{footage.name}.mp4"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    if footage.kind == "strip":
        strip = cv2.cvtColor(cv2.imread(str(footage.file)), cv2.COLOR_BGR2RGB)
        frames = np.split(strip, strip.shape[1] // strip.shape[0], axis=1)
        _write(path, ((frame, Fraction(k, 25)) for k, frame in enumerate(frames)), Fraction(25), 12)
        return path
    with ClipReader(footage.file, max_side=_SIDE) as clip:
        start = next(iter(clip)).time
        sound = footage.file if clip.info.audio else None
        timed = ((frame.rgb, frame.time - start) for frame in islice(clip, _LONGEST[footage.kind]))
        _write(path, timed, clip.info.rate, 14, sound)
    return path


def driving(footage: Footage, out: Path) -> Path:
    """The first seconds of it, to drive others with."""
    path = out / "drive" / f"{footage.name}.mp4"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        with ClipReader(prepared(footage, out)) as clip:
            timed = ((frame.rgb, frame.time) for frame in islice(clip, _DRIVING))
            _write(path, timed, clip.info.rate, 14)
    return path


def _write(
    path: Path,
    frames: Iterator[tuple[NDArray[np.uint8], Fraction]],
    rate: Fraction,
    crf: int,
    audio: Path | None = None,
) -> None:
    first, start = next(frames)
    clock = Fraction(1, 90_000)
    with ClipWriter(path, first.shape[1], first.shape[0], rate, crf=crf, time_base=clock, audio=audio) as writer:
        writer.write(first, Fraction(0))
        for rgb, at in frames:
            writer.write(rgb, at - start)


def rendered(out: Path) -> list[Footage]:
    """Performers as footage: the samples, one pair more of their fold, two of the other, small clips of all."""
    found = [
        Footage(_SAMPLES / "source.mp4", "Gita", "body", "a"),
        Footage(_SAMPLES / "target.mp4", "Bruno", "body", "a"),
        Footage(_SAMPLES / "faces" / "target.mp4", "Ada", "face", "a"),
        Footage(_SAMPLES / "faces" / "driver.mp4", "Finn", "face", "b"),
        Footage(_SAMPLES / "faces" / "portrait.jpg", "Ines", "portrait", "b"),
    ]
    with choose_display() as display:
        progress = EventProgress("performers", display.emit)
        for fold, seed in [("a", _seeds("a", 1)[0]), *(("b", seed) for seed in _seeds("b", 2))]:
            folder = out / f"pair-{seed}"
            if not (folder / "meta.json").exists():
                from vidgan.performers.pair import render_pair

                render_pair(folder, seed=seed, frames=_DRIVING, size=320, progress=progress)
            people = json.loads((folder / "meta.json").read_text())["people"]
            for role in ("source", "target"):
                link = folder / f"{role}-{seed}.mp4"
                if not link.exists():
                    link.hardlink_to(folder / f"{role}.mp4")
                found.append(Footage(link, people[role]["name"], "body", fold))
        from vidgan.performers.clips import render_clips

        for file in render_clips(out / "clips", count=60, progress=progress):
            found.append(Footage(file, name := file.stem.split("-")[0], "small", _fold(name)))
    return found


def _fold(performer: str) -> str:
    return "a" if performer in _PERFORMERS_A else "b"


def _seeds(fold: str, count: int) -> list[int]:
    """The first seeds whose two performers are of a fold."""
    pairs = ((seed, np.random.default_rng((seed, 0)).permutation(len(CAST))[:2]) for seed in range(1, 1000))
    return list(islice((seed for seed, pair in pairs if {_fold(CAST[k].name) for k in pair} == {fold}), count))


# --- What vidgan makes of it ------------------------------------------------------------------------------------------


def _vidgan(*words: str | Path, output: Path, work: Path | None) -> bool:
    """Run a command of vidgan; False, with its own words, when it will not."""
    output.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "vidgan.cli.main", *map(str, words), "--no-mark", "--quiet", "-o", str(output)]
    done = subprocess.run(command + (["--work", str(work)] if work else []), capture_output=True, text=True)
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        say(f"{output.stem}: not made: {lines[-1] if lines else done.returncode}")
    return done.returncode == 0


@dataclass(frozen=True)
class Task:
    """A video to make: the words of its command without the output, and its `turn` among those of method and fold."""

    method: str
    target: Footage
    other: Footage
    words: tuple[str | Path, ...]
    turn: int

    @property
    def path(self) -> str:
        """Where it goes, below OUT."""
        joined = f"{self.target.fold}-{self.target.file.stem}-{self.other.file.stem}"
        return f"made/{self.method.replace(' ', '-')}-{joined}.mp4"

    @property
    def video(self) -> Video:
        """What it will be."""
        people = tuple(dict.fromkeys(filter(None, (self.target.person, self.other.person))))
        kind = "body" if self.words[0] == "transfer" else "face"
        return Video(self.path, self.method, kind, self.target.fold, people)


def plan(footage: list[Footage], out: Path) -> list[Task]:
    """All videos to make but those of `generate`, methods and folds in turn."""
    tasks = []
    for fold in ("a", "b"):
        own = [one for one in footage if one.fold == fold]
        bodies, faces = ([one for one in own if one.kind == kind] for kind in ("body", "face"))
        portraits = [one for one in own if one.kind == "portrait"]
        speeches = [one for one in own if one.kind == "speech"]
        for turn, (target, driver) in enumerate(_turns(faces + portraits, faces, 2)):
            tasks.append(
                Task("reanimate", target, driver, ("reanimate", prepared(target, out), driving(driver, out)), turn)
            )
        for turn, film in enumerate(one for one in faces if _has_sound(one.file)):
            speech = speeches[turn % len(speeches)]
            tasks.append(Task("dub", film, speech, ("dub", prepared(film, out), speech.file, "--fit", "film"), turn))
        for turn, (target, driver) in enumerate(_turns(bodies, bodies, 2)):
            words = ("transfer", driving(driver, out), prepared(target, out), "--quality", "draft")
            tasks.append(Task("transfer draft", target, driver, words, turn))
        for turn, (target, driver) in enumerate(_turns(bodies[:1], bodies, 3)):  # one target, since each is trained
            words = ("transfer", driving(driver, out), prepared(target, out), "--quality", "standard", "--set",
                     f"train.steps={_STANDARD_STEPS}")  # fmt: skip
            tasks.append(Task("transfer standard", target, driver, words, turn))
    return sorted(tasks, key=lambda task: task.turn)


def make(footage: list[Footage], out: Path, more: bool) -> Iterator[Video]:
    """All made videos, one after the other; what vidgan refuses is told and left out. Without `more` those that are
    there.
    """
    for fold, seed in (("a", 0), ("b", 1000)):
        folder = out / "made" / f"generate-{fold}"
        if folder.exists() or (
            more and _vidgan("generate", "-n", str(_GENERATED), "--seed", str(seed), output=folder, work=None)
        ):
            for path in sorted(folder.glob("[0-9]*.mp4"))[:_GENERATED]:
                yield Video(str(path.relative_to(out)), "generate", "small", fold, ())
    for task in plan(footage, out):
        path = out / task.path
        if path.exists() or (more and _vidgan(*task.words, output=path, work=out / "work")):
            say(path.name)
            yield task.video


def _turns(targets: list[Footage], drivers: list[Footage], each: int) -> Iterator[tuple[Footage, Footage]]:
    """Each target with the next few drivers, none with itself."""
    for number, target in enumerate(targets):
        turned = [drivers[(number + k) % len(drivers)] for k in range(len(drivers))]
        for driver in [one for one in turned if one.person != target.person][:each]:
            yield target, driver


def _has_sound(file: Path) -> bool:
    with ClipReader(file) as clip:
        return clip.info.audio is not None


# --- Patches ----------------------------------------------------------------------------------------------------------


def gather(videos: list[Video], out: Path) -> None:
    """Encode every segment of every video at all CRFs and keep its bags of patches; then put all into one file."""
    facts: list[dict[str, object]] = []
    kept: list[NDArray[np.uint8]] = []
    for video in videos:
        path = out / "bags" / f"{video.file.replace('/', '-')}.npz"
        if not path.exists():
            _gather_one(video, out, path)
            say(f"bags of {video.file}")
        with np.load(path, allow_pickle=False) as found:
            for name in found.files:
                segment, crf, marked = map(int, name.split("-"))
                kept.append(found[name])
                known = {"segment": segment, "crf": crf, "marked": bool(marked), "bags": len(kept[-1])}
                facts.append(asdict(video) | known)
    np.save(out / "bags.npy", np.concatenate(kept))
    (out / "bags.json").write_text(json.dumps(facts))
    say(f"{sum(map(len, kept))} bags of {len(videos)} videos")


def _gather_one(video: Video, out: Path, path: Path) -> None:
    arrays = {}
    for begin in _segments(out / video.file):
        marked = number_of(f"{video.file} {begin}") % 2 == 0
        for crf, found in _encoded(out / video.file, begin, marked, bool(video.method)):
            arrays[f"{begin}-{crf}-{int(marked)}"] = found
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


def _segments(file: Path) -> list[int]:
    with ClipReader(file) as clip:
        count = sum(1 for _ in clip)
    last = max(0, count - SEGMENT)
    return sorted({round(k) for k in np.linspace(0, last, min(SEGMENTS, 1 + last // SEGMENT))})


def _encoded(file: Path, begin: int, marked: bool, made: bool) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    """The bags of a segment at each CRF. What is real is encoded once more, as what is made was by vidgan."""
    with ClipReader(file) as clip:
        rate = clip.info.rate
        frames = [(frame.rgb, frame.time) for frame in islice(clip.frames(begin), SEGMENT)]
    mark = Watermark(number_of(file.name))
    start = frames[0][1]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"

        def again(current: list[tuple[NDArray[np.uint8], Fraction]], crf: int) -> list:
            _write(path, iter(current), rate, crf)
            with ClipReader(path) as clip:
                return [(frame.rgb, frame.time) for frame in clip]

        if not made:
            frames = again(frames, CRFS[0])
        if marked:
            frames = [(mark(rgb, float(at - start)), at) for rgb, at in frames]
        frames = again(frames, CRFS[0])
        for crf in CRFS:
            shown = frames if crf == CRFS[0] else again(frames, crf)
            yield crf, np.stack(bags((rgb for rgb, _ in shown), BAGS))


@click.command(help=__doc__.split("\n", 1)[0])
@click.argument("table", type=FILE)
@click.argument("out", type=FOLDER)
@click.option("--root", type=FOLDER, required=True, help="The folder of the footage.")
@click.option("--no-more", is_flag=True, help="Make no more videos: gather the bags of those that are there.")
def main(table: Path, out: Path, root: Path, no_more: bool) -> None:
    """Make all videos, then the bags."""
    footage = read_table(table, root) + rendered(out)
    videos = []
    for one in footage:
        if one.kind not in ("portrait", "speech"):
            file = one.file if one.kind == "small" else prepared(one, out)
            kind = one.kind if one.kind in ("body", "face") else "small"
            videos.append(Video(str(file.relative_to(out)), "", kind, one.fold, (one.person,)))
    videos += make([one for one in footage if one.kind not in ("small", "strip")], out, not no_more)
    gather(videos, out)


if __name__ == "__main__":
    main()
