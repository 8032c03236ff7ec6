"""Real and made videos to tell apart: what the forensic detector is trained and judged on.

    python -m benchmarks.forensic_data FOOTAGE.csv out/forensic --root FOLDER

FOOTAGE.csv lists the footage below FOLDER: file, person, kind (body, face, portrait, speech, strip) and fold (a, b, c);
`benchmarks/forensic_footage.csv` is the one that the shipped detector was made from. Rendered performers are added.
Every made video joins people of one fold alone, so that a network trained on the others has met nobody of it. Faces are
cut out of their films at their own size, since a film that was shrunk has lost what tells.
Videos that are there are not made again: remove those that another version should make. Patches are taken anew where
the video, or what takes patches (`benchmarks.forensic_patches`), has changed; in the end
OUT/bags.npy and OUT/bags.json hold them.

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
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import FILE, FOLDER, only_one, part_of, say
from benchmarks.forensic_patches import FAR, Video, gather, write
from benchmarks.talking_head import Head, acting, film, of_cast
from vidgan.api import prepare
from vidgan.display import choose_display
from vidgan.errors import VidganError
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.performers.people import CAST
from vidgan.progress import EventProgress, Silent
from vidgan.runs.folder import open_run
from vidgan.runs.sample import Destination, generate
from vidgan.trust.mark import default_marks
from vidgan.video.read import ClipReader

METHODS = ("reanimate", "dub", "transfer draft", "transfer standard", "generate")
FOLDS = ("a", "b", "c")
_SIDE = 640
_LONGEST = {"body": 120, "face": 250}
_DRIVING = 50
_PERFORMERS = {"a": ("Ada", "Bruno", "Gita"), "b": ("Dario", "Finn", "Ines"), "c": ("Chie", "Esi", "Hugo", "Jiro")}
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
        write(path, ((frame, Fraction(k, 25)) for k, frame in enumerate(frames)), Fraction(25), 12)
        return path
    with ClipReader(footage.file, max_side=None if footage.kind == "face" else _SIDE) as clip:
        first = next(iter(clip))
        rows, columns = slice(None), slice(None)
        if footage.kind == "face":
            rows, columns = head_window(first.rgb, footage.file)
        sound = footage.file if clip.info.audio else None
        longest = islice(clip, _LONGEST[footage.kind])
        timed = ((frame.rgb[rows, columns], frame.time - first.time) for frame in longest)
        write(path, timed, clip.info.rate, 14, sound)
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
            write(path, timed, clip.info.rate, 14)
    return path


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
            film(path, Head(of_cast(name), 7 + number, 384), acting(_DRIVING, 3 + number, 16.0), 384)
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
    click.get_current_context().with_resource(only_one(out))
    methods = () if no_more else methods
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
    videos += make(large, out, methods, most)
    gather(videos, out, root)


if __name__ == "__main__":
    main()
