"""How well the forensic detector tells what vidgan made from footage, on people that it never met.

    python -m benchmarks.forensic out/forensic                # the tables; `benchmarks.forensic_data` makes the data
    python -m benchmarks.forensic out/forensic --ship FILE    # and the network that ships, trained on all people
    python -m benchmarks.forensic out/forensic --beside out/before  # and what networks trained on other videos say

The folds of people take turns: a network trained on the others is judged on one. The score of a segment of a video is
the mean logit of its moments. AUC is the chance that a made segment scores above a real one of its own kind (bodies,
faces, 64-pixel clips), the mean of the folds with half their range; `last fold` is that of the fold that the detector
was not built by. `all but it` never saw the method. Training goes on where it was, for the
same data, settings and code.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn

from benchmarks.common import FILE, FOLDER, JSON_OPTION, Row, finish, only_one, save_array, say
from benchmarks.forensic_data import FOLDS, read_table
from benchmarks.forensic_patches import AS_IT_IS, CRFS, FAR
from vidgan.display import choose_display
from vidgan.metrics.auc import auc
from vidgan.nets.forensic import FACE, GROUND, TraceDetector
from vidgan.progress import EventProgress
from vidgan.tasks.forensic import Attack, Bags, ForensicConfig, ForensicTask, statistics
from vidgan.train.engine import launch
from vidgan.train.loop import train
from vidgan.trust.forensic import MADE, judge

METHODS = {
    "transfer": ("transfer draft", "transfer standard"),
    "reanimate": ("reanimate",),
    "dub": ("dub",),
    "generate": ("generate",),
}
"""What is left out, or trained on, together: the two qualities of transfer share their draft."""
EVERY = tuple(name for names in METHODS.values() for name in names)
_GROUPS = {name: together for together, names in METHODS.items() for name in names}
_FILMS = frozenset(EVERY) - {"generate"}
"""What can be taken for a film; generated clips are too small."""
LAST = FOLDS[-1]
KINDS = ("body", "face", "small")
"""As the detector counts them."""
HIGHEST = (0.7, 0.7, 0.35)
"""What no real segment of people never met may score more than, by the calibration of each of `KINDS`. Less of small
ones: they are small recordings, and real films that are made so small score higher (0.98 where 0.7 was allowed).
"""
DARK = {
    "nothing": [],
    "ground that does not move": [*range(GROUND // 2, GROUND)],
    "all ground": [*range(GROUND)],
    "collar": [GROUND + FACE - 1],
    "hair and collar": [GROUND, GROUND + FACE - 1],
}
"""Patches that may be too dark to be looked at."""
STEPS = 600


@dataclass(frozen=True)
class Unit:
    """A segment of a video at one CRF: where its bags are, and what is known of it."""

    rows: NDArray[np.int64]
    file: str
    method: str
    kind: str
    fold: str
    people: tuple[str, ...]
    crf: int
    marked: bool
    filmed: bool = False


@dataclass(frozen=True)
class Data:
    """All bags (M, K, T, S, S), their statistics (M, K, D) and their units."""

    patches: NDArray[np.uint8]
    statistics: NDArray[np.float32]
    units: list[Unit]

    @classmethod
    def load(cls, folder: Path) -> Data:
        """What `benchmarks.forensic_data` left; the statistics are kept beside it.

        Raises:
            ClickException: there is nothing, or it was not finished.
        """
        if not (folder / "bags.json").exists():
            raise click.ClickException(f"{folder}: no patches: run benchmarks.forensic_data, to its end")
        facts = json.loads((folder / "bags.json").read_text())
        starts = np.cumsum([0, *(one["bags"] for one in facts)])
        names = ("file", "method", "kind", "fold", "crf", "marked", "filmed")
        units = [
            Unit(np.arange(a, b), people=tuple(one["people"]), **{name: one[name] for name in names})
            for one, a, b in zip(facts, starts, starts[1:], strict=False)
        ]
        patches = np.load(folder / "bags.npy", mmap_mode="r", allow_pickle=False)
        kept = folder / "statistics.npy"
        sources = (folder / "bags.npy", Path(inspect.getfile(TraceDetector)))
        if not kept.exists() or kept.stat().st_mtime < max(source.stat().st_mtime for source in sources):
            save_array(kept, statistics(TraceDetector(), patches).numpy())
        return cls(patches, np.load(kept, allow_pickle=False), units)

    @cached_property
    def digest(self) -> bytes:
        """Of all that is learnt from."""
        return hashlib.sha256(repr(self.units).encode() + self.statistics.tobytes()).digest()

    def bags(self, wanted: Callable[[Unit], bool]) -> Bags:
        """Units to train on. Real ones are drawn by kind and history, made ones by what makes them (`METHODS`), each
        alike.
        """
        units = [unit for unit in self.units if wanted(unit)]
        video = np.full(len(self.patches), -1)
        for number, unit in enumerate(units):
            video[unit.rows] = number
        groups = tuple(_GROUPS.get(it.method, f"{it.kind}{' filmed' * it.filmed}") for it in units)
        return Bags(self.patches, video, tuple(it.method for it in units), groups, self.statistics)


def fit(
    data: Data,
    folder: Path,
    folds: Iterable[str],
    methods: Iterable[str],
    config: ForensicConfig,
    attack: Attack | None = None,
    start: nn.Module | None = None,
    device: str = "cpu",
) -> TraceDetector:
    """The averaged network after training on some folds and methods; one that is finished is read.

    It is kept in a folder beside `folder`, whose name tells data, settings and code apart.
    """
    folds, methods = tuple(folds), ("", *methods)
    key = hashlib.sha256(data.digest + f"{sorted(folds)} {sorted(methods)} {config!r}".encode())
    for part in (TraceDetector, ForensicTask, attack):
        key.update(Path(inspect.getfile(part)).read_bytes() if part else b"")
    for value in start.state_dict().values() if start else ():
        key.update(value.cpu().numpy().tobytes())
    folder = folder.with_name(f"{folder.name}-{key.hexdigest()[:12]}")
    bags = data.bags(lambda unit: unit.fold in folds and unit.method in methods and _taught(unit))
    task = ForensicTask(bags, config, launch(device, "32-true"), 0, attack)
    if start is not None:
        task.start_from(start.state_dict())
    with choose_display() as display:
        _, best = train(task, config, folder, EventProgress(folder.name, display.emit))
    task.average.load_state_dict(best["ema"])
    return task.average


def _taught(unit: Unit) -> bool:
    """Films as they were filmed are learnt from as they are alone, but for the small faces in them: encoded once, they
    made the network less sure of what was encoded twice.
    """
    return not unit.filmed or unit.crf == AS_IT_IS or unit.kind == FAR


@torch.inference_mode()
def unit_scores(network: TraceDetector, data: Data, units: Sequence[Unit]) -> NDArray[np.float64]:
    """The mean logit of each unit."""
    return np.array([float(network.judge(torch.from_numpy(data.statistics[unit.rows])).mean()) for unit in units])


# --- Tables -----------------------------------------------------------------------------------------------------------

Scored = dict[str, list[tuple[Unit, float]]]
"""The units of each fold with the scores of a network that never met its people."""


def judged(
    data: Data,
    folder: Path,
    name: str,
    methods: Iterable[str],
    config: ForensicConfig,
    wanted: Callable[[Unit], bool] = lambda unit: True,
    taught: Data | None = None,
) -> Scored:
    """Train without each fold, on the data `taught` if it is another's; score the data's units that are wanted."""
    methods = tuple(methods)
    found: Scored = {}
    for fold in FOLDS:
        network = fit(
            taught or data, folder / f"{name}-without-{fold}", [it for it in FOLDS if it != fold], methods, config
        )
        units = [unit for unit in data.units if unit.fold == fold and unit.kind != FAR and wanted(unit)]
        found[fold] = list(zip(units, unit_scores(network, data, units).tolist(), strict=True))
    return found


def fold_aucs(
    scored: Scored, methods: Iterable[str], made: Callable[[Unit], bool], real: Callable[[Unit], bool]
) -> list[float]:
    """The AUC of each fold, over the units that are wanted; the real ones of the kinds that the made ones have. A fold
    that has not both gives none.
    """
    values = []
    for units in scored.values():
        high = [(unit, score) for unit, score in units if unit.method in methods and made(unit)]
        kinds = {unit.kind for unit, _ in high}
        low = [score for unit, score in units if not unit.method and unit.kind in kinds and real(unit)]
        if high and low:
            values.append(auc([score for _, score in high], low))
    return values


def spread(values: Sequence[float]) -> str:
    """Mean and half the range."""
    if not values:
        return "-"
    return f"{np.mean(values):.3f} ± {(max(values) - min(values)) / 2:.3f}"


def by_crf(scored: Scored) -> list[Row]:
    """A row for each method, and for all."""
    rows = []
    for name, methods in [*((it, (it,)) for it in EVERY), ("all", EVERY)]:
        row: Row = {"method": name}
        units = [unit for units in scored.values() for unit, _ in units if unit.method in methods]
        row["videos"] = str(len({unit.file for unit in units}))
        row["people"] = str(len({person for unit in units for person in unit.people}) or "-")
        for crf in sorted({unit.crf for unit in units}):
            row[f"CRF {crf}"] = spread(fold_aucs(scored, methods, _at(crf), _at(crf)))
            row[f"{crf}, last fold"] = spread(fold_aucs({LAST: scored[LAST]}, methods, _at(crf), _at(crf))).split()[0]
        rows.append(row)
    return rows


def by_history(scored: Scored) -> list[Row]:
    """What the pipelines make against films as they were filmed: as these are (what is made then at `CRFS[0]`), and
    encoded once, both alike.
    """
    rows = []
    for name, methods in [*((it, (it,)) for it in EVERY if it in _FILMS), ("all", _FILMS)]:
        row: Row = {"method": name}
        for crf in (AS_IT_IS, *CRFS):
            of_film = fold_aucs(scored, methods, _at(crf or CRFS[0]), _at(crf, filmed=True))
            row[f"CRF {crf}" if crf else "as it is"] = spread(of_film)
        rows.append(row)
    return rows


def _at(crf: int, filmed: bool = False) -> Callable[[Unit], bool]:
    return lambda unit: unit.crf == crf and unit.filmed == filmed


def by_marks(scored: Scored) -> list[Row]:
    """Whether the watermark is what is seen: it must not matter who carries one."""
    rows = []
    for made in (False, True):
        for real in (False, True):
            values = fold_aucs(
                scored, EVERY, lambda it, m=made: it.marked == m, lambda it, m=real: it.marked == m and not it.filmed
            )  # type: ignore[misc]
            rows.append({"made": _marked(made), "real": _marked(real), "AUC": spread(values)})
    return rows


def _marked(marked: bool) -> str:
    return "watermarked" if marked else "plain"


def across(data: Data, folder: Path, whole: Scored, config: ForensicConfig) -> list[Row]:
    """Each method at CRF 28 by networks that saw all, whose scores `whole` holds, and all but it."""
    rows = []
    for name, methods in METHODS.items():
        without = judged(data, folder, f"no-{name}", [it for it in EVERY if it not in methods], config, _at(28))
        row: Row = {"method": name}
        for title, scored in (("all", whole), ("all but it", without)):
            row[title] = spread(fold_aucs(scored, methods, _at(28), _at(28)))
        rows.append(row)
    return rows


def beside(whole: Scored, other: Scored) -> list[Row]:
    """The same videos by networks that were trained on them, but for their people, and by those of `other`."""
    rows = []
    for name, methods in [*((it, (it,)) for it in EVERY), ("all", EVERY)]:
        row: Row = {"method": name}
        for crf in CRFS:
            for title, scored in ((f"CRF {crf}", whole), (f"{crf}, others'", other)):
                row[title] = spread(fold_aucs(scored, methods, _at(crf), _at(crf)))
        for title, scored in (("as filmed", whole), ("as filmed, others'", other)):
            row[title] = spread(fold_aucs(scored, _FILMS & {*methods}, _at(CRFS[0]), _at(AS_IT_IS, filmed=True)))
        rows.append(row)
    return rows


# --- What ships -------------------------------------------------------------------------------------------------------


Calibration = list[tuple[float, float]]
"""Scale and offset of each of `KINDS`."""


def calibrated(scored: Scored) -> Calibration:
    """The scales and offsets of the logits by which they are the log odds on people never met, but lower where a real
    segment would score more than `HIGHEST`. A kind that has not both real and made ones keeps its logits.
    """
    found = []
    for kind, highest in zip(KINDS, HIGHEST, strict=True):
        units = [it for units in scored.values() for it in units if it[0].kind == kind]
        logits, made = np.array([score for _, score in units]), np.array([bool(unit.method) for unit, _ in units])
        if made.all() or not made.any():
            found.append((1.0, 0.0))
            continue
        scale, offset = log_odds(logits, made)
        found.append((scale, min(offset, float(np.log(highest / (1 - highest)) - (scale * logits[~made]).max()))))
    return found


def log_odds(logits: NDArray[np.float64], made: NDArray[np.bool_]) -> tuple[float, float]:
    """Scale and offset by which logits (N,) are log odds, real and made alike likely (Platt 1999; Newton's method on
    the weighted logistic loss).
    """
    weights = np.where(made, 0.5 / made.sum(), 0.5 / (~made).sum())
    middle, unit = float(logits.mean()), float(logits.std()) + 1e-9
    inputs, fitted = np.stack([(logits - middle) / unit, np.ones_like(logits)], 1), np.zeros(2)
    for _ in range(50):
        likely = 1 / (1 + np.exp(-inputs @ fitted))
        gradient = inputs.T @ (weights * (likely - made)) + 1e-3 * fitted * [1, 0]
        curvature = (inputs * (weights * likely * (1 - likely))[:, None]).T @ inputs + np.diag([1e-3, 0])
        step = np.linalg.solve(curvature, gradient)
        fitted -= step / max(1.0, float(np.abs(step).max()))
    scale = fitted[0] / unit
    return float(scale), float(fitted[1] - scale * middle)


def errors(scored: Scored, calibration: Calibration) -> list[Row]:
    """How people never met score, by kind and method, and how many look made from `MADE` on."""
    rows = []
    of_kind = dict(zip(KINDS, calibration, strict=True))
    for name, wanted in [
        *((f"real, {kind}", _real(kind)) for kind in KINDS),
        *((f"real, {kind}, as filmed", _real(kind, filmed=True)) for kind in ("body", "face")),
        *((method, _of(method)) for method in EVERY),
    ]:
        found = [(score, *of_kind[unit.kind]) for units in scored.values() for unit, score in units if wanted(unit)]
        if found:
            logits, scale, offset = np.array(found).T
            scores = 1 / (1 + np.exp(-scale * logits - offset))
            row: Row = {"videos": name, "segments": str(len(found)), "up to 0.1": float(np.mean(scores <= 0.1))}
            row |= {"median": float(np.median(scores)), "highest": float(scores.max())}
            rows.append(row | {"look made": float(np.mean(scores >= MADE))})
    return rows


def in_the_dark(data: Data, folder: Path, config: ForensicConfig, calibration: Calibration) -> list[Row]:
    """How segments of faces score when some of their patches were black, as before a dark wall or in a black suit."""
    rows = []
    for name, patches in DARK.items():
        known = data.statistics.copy()
        known[:, patches] = 0
        scored = judged(
            replace(data, statistics=known), folder, "all", EVERY, config, lambda it: it.kind == "face", taught=data
        )
        rows += [{"dark": name, **row} for row in errors(scored, calibration)]
    return rows


def _real(kind: str, filmed: bool = False) -> Callable[[Unit], bool]:
    return lambda unit: (unit.method, unit.kind, unit.filmed) == ("", kind, filmed)


def _of(method: str) -> Callable[[Unit], bool]:
    return lambda unit: unit.method == method


def as_filmed(
    data: Data, folder: Path, table: Path, root: Path, config: ForensicConfig, calibration: Calibration
) -> list[Row]:
    """Footage of the table as it is, at its own size and codec, judged by networks that never met its people."""
    networks = {}
    for fold in FOLDS:
        networks[fold] = fit(data, folder / f"all-without-{fold}", [it for it in FOLDS if it != fold], EVERY, config)
        networks[fold].calibration.copy_(torch.tensor(calibration))
    rows = []
    for one in read_table(table, root):
        if one.kind in ("body", "face"):
            score = judge(one.file, networks[one.fold].eval()).score
            rows.append({"footage": one.file.name, "score": score})
            say(str(rows[-1]))
    return rows


def ship(data: Data, folder: Path, scored: Scored, config: ForensicConfig, file: Path) -> None:
    """The network trained on all folds, with its calibration, as safetensors."""
    network = fit(data, folder / "shipped", FOLDS, EVERY, config)
    network.calibration.copy_(torch.tensor(calibrated(scored)))
    save_file({name: value.contiguous() for name, value in network.state_dict().items()}, file)
    say(f"{file}: {file.stat().st_size / 1000:.0f} kB")


@click.command(help=__doc__.split("\n", 1)[0])
@click.argument("folder", type=FOLDER)
@click.option("--steps", default=STEPS, show_default=True, help="Of each training.")
@click.option("--across", "others", is_flag=True, help="Leave out each method in turn, too.")
@click.option("--beside", "before", type=FOLDER, help="A folder like FOLDER with other videos, to compare.")
@click.option("--table", type=FILE, help="The footage, to judge it as it is, too.")
@click.option("--root", type=FOLDER, default=Path(), help="The folder of the footage.")
@click.option("--ship", "file", type=click.Path(path_type=Path), metavar="FILE", help="Train what ships, too.")
@JSON_OPTION
def main(
    folder: Path,
    steps: int,
    others: bool,
    before: Path | None,
    table: Path | None,
    root: Path,
    file: Path | None,
    json_file: Path | None,
) -> None:
    """Train, measure, print the tables."""
    for one in {it.resolve() for it in (folder, before) if it}:
        click.get_current_context().with_resource(only_one(one))
    data, config = Data.load(folder), ForensicConfig(steps=steps)
    runs = folder / f"runs-{steps}"
    whole = judged(data, runs, "all", EVERY, config)
    tables: dict[str, Any] = {"by CRF": by_crf(whole), "history": by_history(whole), "marks": by_marks(whole)}
    calibration = calibrated(whole)
    tables["errors"] = errors(whole, calibration)
    tables["dark"] = in_the_dark(data, runs, config, calibration)
    if table:
        tables["as filmed"] = as_filmed(data, runs, table, root, config, calibration)
    if before:
        scored = judged(data, before / runs.name, "all", EVERY, config, taught=Data.load(before))
        tables["beside"] = beside(whole, scored)
        tables["errors of others"] = errors(scored, calibrated(scored))
    if others:
        tables["across"] = across(data, runs, whole, config)
    finish("AUC by method and CRF, people held out", tables["by CRF"], {}, json_file, calibration=calibration, **tables)
    finish("AUC against films as they were filmed", tables["history"], {}, None)
    finish("AUC by who carries a watermark", tables["marks"], {}, None)
    finish(f"Share that scores {MADE} or more", tables["errors"], {}, None)
    finish("Of faces, where patches are too dark to be looked at", tables["dark"], {}, None)
    if table:
        finish("Footage as it is", tables["as filmed"], {}, None)
    if before:
        finish("AUC beside that of networks trained on other videos", tables["beside"], {}, None)
        finish(f"Share that scores {MADE} or more by these", tables["errors of others"], {}, None)
    if others:
        finish("AUC across methods, CRF 28", tables["across"], {}, None)
    if file:
        ship(data, runs, whole, config, file)


if __name__ == "__main__":
    main()
