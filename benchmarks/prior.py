"""What a repair generator knows before it has seen a subject: trained on rendered people, shipped with the package.

    python -m benchmarks.prior out/prior --ship vidgan/models/repair.safetensors
    python -m benchmarks.prior out/heads --kind face --films 20 --steps 2600 --until 600 \
        --ship vidgan/models/repair-face.safetensors

Films strangers as dancers, prepares each as the target of a transfer, and trains one generator on all of them, as
`vidgan transfer` does on one. With `--kind face` their heads are filmed, and prepared as targets of a reanimation, as
films and as pictures. A step takes 2 sequences on a CPU, where what is shipped for bodies was made, and 8 on a GPU,
where what is shipped for faces was. Nobody of `samples/` and no target of `benchmarks.transfer` has a share in them.
Films are kept in the folder by their numbers, and a training by its options, so the same command goes on: give another
folder when people, films or training should be those of another version. Several `--until` ship as many networks.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch

from benchmarks import prior_faces
from benchmarks.common import FOLDER, only_one, run_stages
from benchmarks.company import Company
from benchmarks.strangers import stranger
from vidgan.display import choose_display
from vidgan.errors import Interrupted
from vidgan.performers.dance import MOVES, choreograph
from vidgan.performers.pair import Setting, film
from vidgan.performers.performer import Performer, face_track
from vidgan.performers.rig import Rig
from vidgan.progress import EventProgress, Progress
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig, Footage
from vidgan.subject.model import Subject
from vidgan.subject.references import ReferenceConfig
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.checkpoint import load_checkpoint, save_network
from vidgan.train.engine import choose_precision, launch
from vidgan.train.loop import train

HELD_OUT = ("Gita", "Esi", "Bruno")
"""Targets of `benchmarks.transfer` (seeds 0 and 1) and of `samples/`."""

RATES = (12, 16, 25)
FRAMES, SIZE = 200, 320
HELD_SHARE = 0.15


def film_dancer(number: int, path: Path, progress: Progress) -> None:
    """A stranger, a dance and a room of their own, drawn from `number` alone; a third of them from near."""
    from vidgan.performers import chart

    rng = np.random.default_rng((number, 21))
    performer, fps = Performer(stranger(number, HELD_OUT)), RATES[number % len(RATES)]
    moves = tuple(map(str, rng.permutation(list(MOVES))))
    motion = Rig(chart.reference()).motion(choreograph(rng, FRAMES, fps, moves))
    setting = Setting((number, 22), performer.body.height)
    if number % 3 == 2:
        closer = float(rng.uniform(1.3, 1.7))
        camera, tall = setting.camera, performer.body.height
        setting.camera = replace(camera, focal=closer * camera.focal, aim=0.95 * tall - 0.5 * 1.2 * tall / closer)
    part = path.with_name(f"part-{path.name}")
    film(part, performer, motion, setting, face_track(performer.person, len(motion), fps, rng), SIZE, fps, progress)
    part.replace(path)


def prepare(path: Path, work: Path) -> list[Path]:
    """The subject stage's folder of a film."""
    return [run_stages(["subject"], {"target": path}, work)["subject"].dir]


def body_footage(folder: Path, device: str) -> BodyFootage:
    """A dancer's footage."""
    return BodyFootage(Subject.load(folder), HELD_SHARE, ReferenceConfig(), ExampleConfig(), device)


@dataclass(frozen=True)
class Kind:
    """What of people is filmed and learnt.

    film: films the person of a number; prepare: makes the folders to learn from, of a film in a work folder; footage:
    opens such a folder; settings: of the training.
    """

    film: Callable[[int, Path, Progress], None]
    prepare: Callable[[Path, Path], list[Path]]
    footage: Callable[[Path, str], Footage]
    settings: Mapping[str, Any] = field(default_factory=dict)


KINDS = {
    "body": Kind(film_dancer, prepare, body_footage, {"adversarial_weight": 0.0, "matching_weight": 0.0}),
    "face": Kind(prior_faces.film_head, prior_faces.prepare, prior_faces.footage, prior_faces.SETTINGS),
}


def company(prepared: Sequence[Sequence[Path]], kind: Kind, light: float, device: str) -> Company:
    """All but the last person to learn from, and the last to judge on, in the first of their folders."""
    parts = [kind.footage(folder, device) for folders in prepared[:-1] for folder in folders]
    return Company(parts, kind.footage(prepared[-1][0], device), light)


def prepare_all(kind: Kind, films: Sequence[Path], work: Path, workers: int, progress: Progress) -> list[list[Path]]:
    """The folders of every film's person, of nobody who was not found."""
    progress.start("prepare", len(films), "films")
    prepared = []
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        for folders in pool.map(kind.prepare, films, [work / path.stem for path in films]):
            prepared += [folders] if folders else []
            progress.advance()
    progress.note(f"{len(prepared)} of {len(films)} people were found in their films")
    return prepared


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--kind", "name", type=click.Choice(list(KINDS)), default="body", show_default=True, help="What to learn."
)
@click.option(
    "--films", type=click.IntRange(2), default=36, show_default=True,
    help="People, each in one film; the last one is judged on.",
)  # fmt: skip
@click.option("--steps", default=3600, show_default=True, help="Steps of training, as planned.")
@click.option(
    "--until", "stops", type=click.IntRange(1), default=(3600,), show_default=True, multiple=True,
    help="Stop after so many of them; may be repeated.",
)  # fmt: skip
@click.option("--light", default=0.4, show_default=True, help="How far colours are changed, in logarithms.")
@click.option("--workers", type=click.IntRange(1), default=1, show_default=True, help="Films prepared at once.")
@click.option(
    "--ship", type=click.Path(path_type=Path, dir_okay=False),
    help="Write the network here, in halves; of several, each with its step in its name.",
)  # fmt: skip
def main(
    folder: Path, name: str, films: int, steps: int, stops: tuple[int, ...], light: float, workers: int,
    ship: Path | None,
) -> None:  # fmt: skip
    """Train a generator on rendered people in FOLDER."""
    click.get_current_context().with_resource(only_one(folder))
    kind = KINDS[name]
    with choose_display() as display:
        progress = EventProgress("prior", display.emit)
        paths = [folder / f"{number:02d}.mp4" for number in range(films)]
        for number, path in enumerate(paths):
            if not path.exists():
                kind.film(number, path, progress)
        prepared = prepare_all(kind, paths, folder / "work", workers, progress)
        config = RepairConfig(steps=steps, evaluations=10, **kind.settings)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        fabric = launch(device, choose_precision("auto", device)[0])
        task = RepairTask(company(prepared, kind, light, device), config, fabric, 0)
        for last in sorted(stops):
            done = train_until(last, task, config, folder / f"train-{name}-{films}-{steps}-{light:g}", progress)
            if ship:
                ship_network(ship.with_stem(f"{ship.stem}-{done}") if len(stops) > 1 else ship, task, done)


def train_until(last: int, task: RepairTask, config: RepairConfig, folder: Path, progress: Progress) -> int:
    """Train up to step `last` of the run that `config` plans: later these people are learnt, and others suffer.

    Returns the step that the task is at: a later one when the folder's training was further.
    """
    path = folder / "checkpoint.pt"
    done = load_checkpoint(path)["run"]["step"] if path.exists() else 0
    steps = count(done + 1)
    if done < last:
        with suppress(Interrupted):
            train(task, config, folder, progress, stop=lambda: next(steps) >= last)
    found = load_checkpoint(path)
    task.load_state(found["task"])
    return int(found["run"]["step"])


def ship_network(path: Path, task: RepairTask, steps: int) -> None:
    """Write the averaged generator in 16-bit floats, with its shape."""
    config = task.config
    facts = {
        "network": config.network, "maps": task.rig.maps, "references": task.footage.references,
        "width": config.width, "depth": config.depth, "steps": steps,
        "learnt_from": "performers rendered by vidgan",
    }  # fmt: skip
    save_network(path, deepcopy(task.ema.network).half(), facts)


if __name__ == "__main__":
    main()
