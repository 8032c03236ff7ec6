"""What a repair generator knows before it has seen a subject: trained on rendered dancers, shipped with the package.

    python -m benchmarks.prior out/prior --films 20 --steps 2600 --until 520 --ship vidgan/models/repair.safetensors

Films dancers (bodies, clothes and hair of the cast mixed, those held out left out), prepares each as the target of a
transfer, and trains one generator on all of them, as `vidgan transfer` does on one. The targets of `samples/` and of
`benchmarks.transfer` are held out. Films are kept in the folder by their numbers, and a training by its options, so the
same command goes on: give another folder when dancers, films or training should be those of another version.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import fields, replace
from itertools import count
from pathlib import Path

import click
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.common import FOLDER, only_one, run_stages
from benchmarks.strangers import stranger
from vidgan.display import choose_display
from vidgan.errors import Interrupted
from vidgan.performers.dance import MOVES, choreograph
from vidgan.performers.pair import Setting, film
from vidgan.performers.performer import Performer, face_track
from vidgan.performers.rig import Rig
from vidgan.progress import EventProgress, Progress
from vidgan.subject.examples import BodyFootage, BodySequences
from vidgan.subject.footage import ExampleConfig, Footage, Picture, Positions, relit
from vidgan.subject.model import Subject
from vidgan.subject.references import ReferenceConfig
from vidgan.subject.rig import BODY
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


class Company(Footage):
    """The footage of several people as one; `judged` is a further one's, on which training is watched."""

    rig = BODY

    def __init__(self, parts: Sequence[BodyFootage], judged: BodyFootage, light: float) -> None:
        self.parts, self.judged, self.light = parts, judged, light
        self.size, self.references = judged.size, judged.references
        self.first = np.cumsum([0, *(len(part.frames) for part in parts)])
        span = 2 + max(int(part.frames[-1]) for part in parts)  # nobody's frames follow another's
        self.frames = np.concatenate([part.frames + k * span for k, part in enumerate(parts)])
        self.train = np.concatenate([part.train + first for part, first in zip(parts, self.first[:-1], strict=True)])
        self.held = judged.held

    def draw(self, starts: Positions, rollout: int, rng: torch.Generator) -> BodySequences:
        """See `Footage.draw`: each sequence in a light of its own."""
        drawn = []
        for start in starts:
            k = int(np.searchsorted(self.first, start, "right")) - 1
            drawn.append(self.parts[k].draw(np.array([start - self.first[k]]), rollout, rng))
        batch = BodySequences(*(torch.cat([getattr(one, f.name) for one in drawn]) for f in fields(BodySequences)))
        light = torch.exp(self.light * (2 * torch.rand((len(starts), 3), generator=rng) - 1)).to(batch.light.device)
        colours, mattes = batch.references.split([3, 1], 3)
        return replace(
            batch, light=light, picture=relit(batch.picture, light[:, None]), plate=relit(batch.plate, light[:, None]),
            references=torch.cat([relit(colours, light[:, None, None]), mattes], 3),
        )  # fmt: skip

    def truth(self, positions: Positions) -> NDArray[np.uint8]:
        """See `Footage.truth`."""
        return self.judged.truth(positions)

    def make(self, generator: nn.Module | None, held: Positions) -> Iterator[Picture]:
        """See `Footage.make`."""
        return self.judged.make(generator, held)


def prepare(path: Path, work: Path) -> Path:
    """The subject stage's folder of a film."""
    return run_stages(["subject"], {"target": path}, work)["subject"].dir


def company(subjects: Sequence[Path], light: float, device: str) -> Company:
    """All but the last subject to learn from, and the last to judge on."""
    given = HELD_SHARE, ReferenceConfig(), ExampleConfig(), device
    parts = [BodyFootage(Subject.load(one), *given) for one in subjects]
    return Company(parts[:-1], parts[-1], light)


@click.command()
@click.argument("folder", type=FOLDER)
@click.option(
    "--films", type=click.IntRange(2), default=20, show_default=True,
    help="Dancers, each in one film; the last one is judged on.",
)  # fmt: skip
@click.option("--steps", default=2600, show_default=True, help="Steps of training, as planned.")
@click.option("--until", default=520, show_default=True, help="Stop after so many of them.")
@click.option("--light", default=0.4, show_default=True, help="How far colours are changed, in logarithms.")
@click.option("--ship", type=click.Path(path_type=Path, dir_okay=False), help="Write the network here, in halves.")
def main(folder: Path, films: int, steps: int, until: int, light: float, ship: Path | None) -> None:
    """Train a generator on rendered dancers in FOLDER."""
    click.get_current_context().with_resource(only_one(folder))
    with choose_display() as display:
        progress, subjects = EventProgress("prior", display.emit), []
        for number in range(films):
            path = folder / f"{number:02d}.mp4"
            if not path.exists():
                film_dancer(number, path, progress)
            subjects.append(prepare(path, folder / "work"))
        config = RepairConfig(steps=steps, evaluations=10)
        device = "cuda" if torch.cuda.is_available() else "cpu"
        fabric = launch(device, choose_precision("auto", device)[0])
        task = RepairTask(company(subjects, light, device), config, fabric, 0)
        done = train_until(until, task, config, folder / f"train-{films}-{steps}-{light:g}", progress)
    if ship:
        ship_network(ship, task, done)


def train_until(last: int, task: RepairTask, config: RepairConfig, folder: Path, progress: Progress) -> int:
    """Train up to step `last` of the run that `config` plans: later the dancers are learnt, and others suffer.

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
    save_network(path, task.ema.network.half(), facts)


if __name__ == "__main__":
    main()
