"""Real and made videos to tell apart: what the forensic detector is trained and judged on.

    python -m benchmarks.forensic_data FOOTAGE.csv out/forensic --root FOLDER

FOOTAGE.csv lists the footage below FOLDER: file, person, kind (body, face, portrait, speech, strip) and fold (a, b, c);
`benchmarks/forensic_footage.csv` is the one that the shipped detector was made from. Rendered performers are added.
Every made video joins people of one fold alone, so that a network trained on the others has met nobody of it. Faces are
cut out of their films at their own size, since a film that was shrunk has lost what tells.
What is there already is not made again; in the end OUT/bags.npy and OUT/bags.json hold the patches.

Real and made videos have the same history: the footage is written anew by vidgan's encoder, and that is what vidgan is
given; what it makes (by its pipelines up to the encoder, without marks) and the footage are then encoded alike, half of
both with a watermark, at CRF 23, 28 and 33. Films are taken as they were filmed, too, at their own size and from their
own codec: not encoded again (CRF 0 stands for it), and once, at each of these. The small faces in films of bodies are
taken once more by themselves (kind far): real faces are few.
"""

from __future__ import annotations

import csv
import json
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

from benchmarks.common import FILE, FOLDER, part_of, say
from benchmarks.talking_head import Head, acting, film
from vidgan.api import prepare
from vidgan.display import choose_display
from vidgan.errors import VidganError
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.follow import FaceFollower
from vidgan.nets.forensic import GROUND
from vidgan.performers.people import CAST
from vidgan.progress import EventProgress, Silent
from vidgan.runs.folder import open_run
from vidgan.runs.sample import Destination, generate
from vidgan.trust.forensic import NEAR, bags
from vidgan.trust.mark import default_marks, number_of
from vidgan.trust.watermark import Watermark
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

METHODS = ("reanimate", "dub", "transfer draft", "transfer standard", "generate")
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
FOLDS = ("a", "b", "c")
_SIDE = 640
_LONGEST = {"body": 120, "face": 250}
_DRIVING = 50
_PERFORMERS = {"a": ("Ada", "Bruno", "Gita"), "b": ("Dario", "Finn", "Ines"), "c": ("Chie", "Esi", "Hugo", "Jiro")}
_SAMPLES = Path(__file__).parents[1] / "samples"
_STANDARD_STEPS = 100
_GENERATED = 20

Timed = tuple[NDArray[np.uint8], Fraction]
"""A frame (H, W, 3) and its time in seconds."""


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
    """One video to tell: `method` is "" when it is real; `kind` is body, face, small or far; `people` all who are in
    it; `filmed` when it has the history of its camera. The file is below OUT, or below the footage's folder if filmed.
    """

    file: str
    method: str
    kind: str
    fold: str
    people: tuple[str, ...]
    filmed: bool = False


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
    with ClipReader(footage.file, max_side=None if footage.kind == "face" else _SIDE) as clip:
        first = next(iter(clip))
        rows, columns = slice(None), slice(None)
        if footage.kind == "face":
            rows, columns = head_window(first.rgb, footage.file)
        sound = footage.file if clip.info.audio else None
        longest = islice(clip, _LONGEST[footage.kind])
        timed = ((frame.rgb[rows, columns], frame.time - first.time) for frame in longest)
        _write(path, timed, clip.info.rate, 14, sound)
    return path


def head_window(rgb: NDArray[np.uint8], file: Path) -> tuple[slice, slice]:
    """Rows and columns of a square of at most `_SIDE` pixels around the largest face of a film's first frame."""
    with MeshBackend(FaceConfig()) as backend:
        found = backend.faces(rgb)
    if not found:
        raise click.ClickException(f"{file}: no face in its first frame: list it as another kind")
    centre = max(found, key=lambda face: face.area).centre
    starts = [int(np.clip(c - _SIDE / 2, 0, max(0, n - _SIDE))) for c, n in zip(centre, rgb.shape[1::-1], strict=True)]
    ends = [start + min(_SIDE, n) // 2 * 2 for start, n in zip(starts, rgb.shape[1::-1], strict=True)]
    return slice(starts[1], ends[1]), slice(starts[0], ends[0])


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
    frames: Iterator[Timed],
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
    """Performers as footage: the samples, pairs that dance and heads that talk for the other folds, small clips."""
    found = [
        Footage(_SAMPLES / "source.mp4", "Gita", "body", "a"),
        Footage(_SAMPLES / "target.mp4", "Bruno", "body", "a"),
        Footage(_SAMPLES / "faces" / "target.mp4", "Ada", "face", "a"),
        Footage(_SAMPLES / "faces" / "driver.mp4", "Finn", "face", "b"),
        Footage(_SAMPLES / "faces" / "portrait.jpg", "Ines", "portrait", "b"),
    ]
    for number, name in enumerate(("Chie", "Jiro")):
        path = out / "heads" / f"{name}.mp4"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            film(path, Head(name, 7 + number, 384), acting(_DRIVING, 3 + number, 16.0), 384)
        found.append(Footage(path, name, "face", "c"))
    with choose_display() as display:
        progress = EventProgress("performers", display.emit)
        for fold, seed in (("b", _seed("b")), ("c", _seed("c"))):
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

        for file in render_clips(out / "clips", count=24, progress=progress):
            found.append(Footage(file, name := file.stem.split("-")[0], "small", _fold(name)))
    return found


def _fold(performer: str) -> str:
    return next(fold for fold, names in _PERFORMERS.items() if performer in names)


def _seed(fold: str) -> int:
    """The first seed whose two performers are of a fold."""
    pairs = ((seed, np.random.default_rng((seed, 0)).permutation(len(CAST))[:2]) for seed in range(1, 1000))
    return next(seed for seed, pair in pairs if {_fold(CAST[k].name) for k in pair} == {fold})


# --- What vidgan makes of it ------------------------------------------------------------------------------------------


def made(pipeline: str, files: dict[str, Path], options: dict[str, object], output: Path, out: Path) -> bool:
    """Run a pipeline up to its encoder; False, with its own words, when it will not."""
    output.parent.mkdir(parents=True, exist_ok=True)
    quality = "standard" if options else "draft"
    part = part_of(pipeline, ["encode"], out / "pipelines", outputs={"video": "encode/output.*"})
    try:
        prepare(part, files, output, preset=quality, options=options, marked=False, work=out / "work").go()
    except VidganError as error:
        say(f"{output.stem}: not made: {error}")
        return False
    return True


@dataclass(frozen=True)
class Task:
    """A video to make: its pipeline, inputs and settings, and its `turn` among those of method and fold."""

    method: str
    target: Footage
    other: Footage
    turn: int

    @property
    def pipeline(self) -> str:
        """Its name: the method's first word."""
        return self.method.split()[0]

    @property
    def path(self) -> str:
        """Where it goes, below OUT."""
        joined = f"{self.target.fold}-{self.target.file.stem}-{self.other.file.stem}"
        return f"made/{self.method.replace(' ', '-')}-{joined}.mp4"

    @property
    def video(self) -> Video:
        """What it will be."""
        people = tuple(dict.fromkeys(filter(None, (self.target.person, self.other.person))))
        kind = "body" if self.pipeline == "transfer" else "face"
        return Video(self.path, self.method, kind, self.target.fold, people)

    def make(self, out: Path) -> bool:
        """Make it; False when vidgan will not."""
        target, output = prepared(self.target, out), out / self.path
        if self.pipeline == "dub":
            return made("dub", {"film": target, "speech": self.other.file}, {}, output, out)
        options: dict[str, object] = {"train.steps": _STANDARD_STEPS} if self.method == "transfer standard" else {}
        driver = "driving" if self.pipeline == "reanimate" else "source"
        return made(self.pipeline, {"target": target, driver: driving(self.other, out)}, options, output, out)


def plan(footage: list[Footage]) -> list[Task]:
    """All videos to make but those of `generate`, methods and folds in turn."""
    tasks = []
    for fold in FOLDS:
        own = [one for one in footage if one.fold == fold]
        bodies, faces = ([one for one in own if one.kind == kind] for kind in ("body", "face"))
        portraits = [one for one in own if one.kind == "portrait"]
        speeches = [one for one in own if one.kind == "speech"]
        films = [one for one in faces if _has_sound(one.file)]
        pairs = {
            "reanimate": list(_turns(faces + portraits, faces, 3)),
            "dub": [
                (one, speeches[(turn + k) % len(speeches)])
                for k in range(min(2, len(speeches)))
                for turn, one in enumerate(films)
            ],
            "transfer draft": list(_turns(bodies, bodies, 2)),
            "transfer standard": list(_turns(bodies[:1], bodies, 3)),  # one target, since each is trained
        }
        tasks += [Task(method, *pair, turn) for method, some in pairs.items() for turn, pair in enumerate(some)]
    return sorted(tasks, key=lambda task: task.turn)


def make(footage: list[Footage], out: Path, methods: tuple[str, ...], most: int) -> Iterator[Video]:
    """Made videos, one after the other, the first `most` of each method and fold; what vidgan refuses is told and left
    out. Of other than `methods` those that are there.
    """
    for number, fold in enumerate(FOLDS):
        folder = out / "made" / f"generate-{fold}"
        if not folder.exists() and "generate" in methods:
            generate(
                open_run(None, "cpu"), Destination.of(folder, "mp4"), Silent(), count=_GENERATED, seed=1000 * number,
                marks=default_marks(False, False, None, say),
            )  # fmt: skip
        for path in sorted(folder.glob("[0-9]*.mp4"))[:_GENERATED]:
            yield Video(str(path.relative_to(out)), "generate", "small", fold, ())
    for task in plan(footage):
        if task.turn < most and ((out / task.path).exists() or (task.method in methods and task.make(out))):
            say(task.path)
            yield task.video


def _turns(targets: list[Footage], drivers: list[Footage], each: int) -> Iterator[tuple[Footage, Footage]]:
    """Each target with the next few drivers, none with itself; every target once before any comes again."""
    for turn in range(each):
        for number, target in enumerate(targets):
            others = [drivers[(number + k) % len(drivers)] for k in range(len(drivers))]
            others = [one for one in others if one.person != target.person]
            if turn < len(others):
                yield target, others[turn]


def _has_sound(file: Path) -> bool:
    with ClipReader(file) as clip:
        return clip.info.audio is not None


# --- Patches ----------------------------------------------------------------------------------------------------------


def gather(videos: list[Video], out: Path, root: Path) -> None:
    """Encode every segment of every video at all CRFs and keep its bags of patches; then put all into one file."""
    facts: list[dict[str, object]] = []
    kept: list[NDArray[np.uint8]] = []
    for video in videos:
        path = (
            out / "bags" / f"{'far-' * (video.kind == FAR)}{'filmed-' * video.filmed}{video.file.replace('/', '-')}.npz"
        )
        if not path.exists():
            _gather_one(video, (root if video.filmed else out) / video.file, path)
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


def _gather_one(video: Video, file: Path, path: Path) -> None:
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
    path.parent.mkdir(exist_ok=True)
    partial = path.with_suffix(".partial.npz")
    np.savez(partial, **arrays)
    partial.replace(path)


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
        _write(path := Path(folder) / "a.mp4", iter(frames), rate, crf)
        with ClipReader(path) as clip:
            return [(frame.rgb, frame.time) for frame in clip]


@click.command(help=__doc__.split("\n", 1)[0])
@click.argument("table", type=FILE)
@click.argument("out", type=FOLDER)
@click.option("--root", type=FOLDER, required=True, help="The folder of the footage.")
@click.option("--make", "methods", multiple=True, default=METHODS, show_default=True, metavar="METHOD",
              help="Of the other methods only what is there is used.")  # fmt: skip
@click.option("--most", default=5, show_default=True, help="Videos of each method and fold, beside `generate`'s.")
@click.option("--no-more", is_flag=True, help="Make no more videos: gather the bags of those that are there.")
def main(table: Path, out: Path, root: Path, methods: tuple[str, ...], most: int, no_more: bool) -> None:
    """Make all videos, then the bags."""
    given = read_table(table, root)
    footage = given + rendered(out)
    videos = []
    for one in footage:
        if one.kind not in ("portrait", "speech"):
            file = one.file if one.kind == "small" else prepared(one, out)
            kind = one.kind if one.kind in ("body", "face") else "small"
            videos.append(Video(str(file.relative_to(out)), "", kind, one.fold, (one.person,)))
        if one.kind in ("body", "face") and one in given:
            for kind in ("body", FAR) if one.kind == "body" else ("face",):
                videos.append(Video(str(one.file.relative_to(root)), "", kind, one.fold, (one.person,), filmed=True))
    large = [one for one in footage if one.kind not in ("small", "strip")]
    videos += make(large, out, () if no_more else methods, most)
    gather(videos, out, root)


if __name__ == "__main__":
    main()
