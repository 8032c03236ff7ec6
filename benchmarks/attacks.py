"""How well the forensic detector stands against somebody who wants to be taken for real.

    python -m benchmarks.attacks out/forensic      # after `python -m benchmarks.forensic out/forensic`

Every attack changes the patches of made videos that the detector looks at, so that their logits fall, and the AUC is
taken against real ones that nobody touched, on people never met. The attacker has the network (white box) and hands
over the frames as they are, or, in the rows with H.264, encodes them again. `hardened` networks were trained on for
some steps with half of each batch attacked by PGD. PSNR is that of the patches that are there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.common import FOLDER, JSON_OPTION, Row, finish, only_one, say
from benchmarks.forensic import EVERY, STEPS, Data, Unit, fit, spread
from benchmarks.forensic_data import FOLDS
from benchmarks.forensic_patches import CRFS
from vidgan.metrics.auc import auc
from vidgan.nets.forensic import GROUND, TraceDetector
from vidgan.tasks.forensic import ForensicConfig, scores
from vidgan.train.randomness import generator
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

Change = Callable[[nn.Module, Tensor, Tensor], Tensor]
"""From a network, bags (B, K, T, S, S) in whole grey levels and labels (B,), 1 for made, to bags in whole grey levels.
It raises the loss; an attack on what is made lowers its logits."""


def tied(changed: Tensor, bags: Tensor) -> Tensor:
    """Changed bags (B, K, T, S, S), whose patches of the ground are still one where they were in `bags`: those of a
    picture that has room for one patch.
    """
    alone = (bags[:, :GROUND] == bags[:, :1]).flatten(1).all(1)[:, None, None, None, None]
    return torch.cat([torch.where(alone, changed[:, :1], changed[:, :GROUND]), changed[:, GROUND:]], 1)


class Tied(nn.Module):
    """A network that sees changed bags `tied` as they were."""

    def __init__(self, network: nn.Module, bags: Tensor) -> None:
        super().__init__()
        self.network, self.bags = network, bags

    def forward(self, changed: Tensor) -> Tensor:
        """The logits (B,)."""
        return torch.as_tensor(self.network(tied(changed, self.bags)))


# --- Attacks that know the network ------------------------------------------------------------------------------------


def uphill(network: nn.Module, bags: Tensor, labels: Tensor) -> Tensor:
    """The gradient of the summed loss by the pixels."""
    with torch.enable_grad():
        seen = bags.detach().clone().requires_grad_(True)
        loss = F.binary_cross_entropy_with_logits(network(seen), labels, reduction="sum")
        return torch.autograd.grad(loss, seen)[0]


def fgsm(network: nn.Module, bags: Tensor, labels: Tensor, levels: float) -> Tensor:
    """One step of `levels` grey levels along the gradient's sign (Goodfellow et al. 2015, section 4)."""
    return (bags + levels * uphill(network, bags, labels).sign()).round().clamp(0, 255)


def pgd(network: nn.Module, bags: Tensor, labels: Tensor, levels: float, steps: int = 5) -> Tensor:
    """Steps of half the bound, each put back into it (Madry et al. 2018, section 2.1), begun at the bags themselves; of
    all that was passed, FGSM's among it, what has the highest loss. Rounding keeps the bound where `levels` is whole.
    """
    best = fgsm(network, bags, labels, levels)
    highest, current = _losses(network, best, labels), bags
    for _ in range(steps):
        current = current + 0.5 * levels * uphill(network, current, labels).sign()
        current = (bags + (current - bags).clamp(-levels, levels)).clamp(0, 255)
        shown = current.round()
        losses = _losses(network, shown, labels)
        better = losses > highest
        best = torch.where(better[:, None, None, None, None], shown, best)
        highest = torch.maximum(highest, losses)
    return best


@torch.no_grad()
def _losses(network: nn.Module, bags: Tensor, labels: Tensor) -> Tensor:
    return F.binary_cross_entropy_with_logits(network(bags), labels, reduction="none")


def few_pixels(network: nn.Module, bags: Tensor, labels: Tensor, count: int, tries: int = 8) -> Tensor:
    """`count` pixels of each frame of each patch set to black or white (one-pixel attack, Su et al. 2019; by gradient
    and greedy, not by evolution): those where the gradient promises most, kept where the loss rises, `tries` times.
    """
    changed = bags.clone()
    flat = changed.view(*bags.shape[:3], -1)
    used = torch.zeros_like(flat, dtype=torch.bool)
    for _ in range(min(tries, count)):
        gradient = uphill(network, changed, labels).flatten(3)
        wanted = torch.where(gradient > 0, 255.0, 0.0)
        gain = (gradient * (wanted - flat)).masked_fill(used, -torch.inf)
        best = gain.topk(max(1, count // tries), dim=3).indices
        trial = flat.scatter(3, best, wanted.gather(3, best)).view_as(bags)
        better = _losses(network, trial, labels) > _losses(network, changed, labels)
        changed = torch.where(better[:, None, None, None, None], trial, changed)
        flat = changed.view(*bags.shape[:3], -1)
        used = used.scatter(3, best, True)
    return changed


def sticker(network: nn.Module, bags: Tensor, labels: Tensor, side: int = 12, steps: int = 8) -> Tensor:
    """A square of `side` pixels in the middle of every patch and frame painted at will (Brown et al. 2017, "Adversarial
    Patch", here made for each video): ascent by signs, 24 grey levels a step, the best of the way.
    """
    room = slice((bags.shape[-1] - side) // 2, (bags.shape[-1] + side) // 2)
    current, best = bags.clone(), bags
    highest = _losses(network, bags, labels)
    for _ in range(steps):
        step = 24 * uphill(network, current, labels)[..., room, room].sign()
        current[..., room, room] = (current[..., room, room] + step).clamp(0, 255)
        losses = _losses(network, current, labels)
        best = torch.where((losses > highest)[:, None, None, None, None], current, best)
        highest = torch.maximum(highest, losses)
    return best


# --- Changes that know nothing ----------------------------------------------------------------------------------------


def each_frame(function: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> Change:
    """A change of every frame of every patch by itself."""

    def change(network: nn.Module, bags: Tensor, labels: Tensor) -> Tensor:
        frames = rearrange(bags, "b k t h w -> (b k t) h w").cpu().numpy()
        changed = np.stack([function(frame) for frame in frames])
        return torch.from_numpy(changed).view_as(bags).to(bags.device).round().clamp(0, 255)

    return change


def blurred(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """By a Gaussian of 0.7 pixels."""
    return np.asarray(cv2.GaussianBlur(frame, (0, 0), 0.7))


def resized(frame: NDArray[np.float32]) -> NDArray[np.float32]:
    """To three quarters and back."""
    small = cv2.resize(frame, None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.resize(small, frame.shape[::-1], interpolation=cv2.INTER_CUBIC))


def noisy(network: nn.Module, bags: Tensor, labels: Tensor) -> Tensor:
    """Gaussian noise of 2 grey levels, new in every frame."""
    noise = torch.randn(bags.shape, generator=generator("noise", *bags.shape)) * 2
    return (bags + noise.to(bags.device)).round().clamp(0, 255)


def encoded(bags: Tensor, crf: int) -> Tensor:
    """As H.264 brings them back: all patches side by side in one video of T frames, each on whole macroblocks."""
    wide = 16
    tiles = rearrange(bags, "b k t h w -> (b k) t h w")
    blank = (-len(tiles)) % wide
    padded = torch.cat([tiles, tiles[-1:].expand(blank, -1, -1, -1)])
    grey = rearrange(padded, "(r c) t h w -> t (r h) (c w)", c=wide).to(torch.uint8).numpy()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "a.mp4"
        with ClipWriter(path, grey.shape[2], grey.shape[1], Fraction(25), crf=crf) as writer:
            for number, frame in enumerate(grey):
                writer.write(np.repeat(frame[..., None], 3, 2), Fraction(number, 25))
        with ClipReader(path) as clip:
            shown = np.stack([frame.rgb[..., 1] for frame in clip])
    back = rearrange(torch.from_numpy(shown), "t (r h) (c w) -> (r c) t h w", c=wide, r=len(padded) // wide)
    return tied(back[: len(tiles)].reshape(bags.shape).float(), bags)


ATTACKS: dict[str, tuple[Change, int | None]] = {
    "none": (lambda network, bags, labels: bags, None),
    "FGSM, 1/255": (lambda *on: fgsm(*on, 1), None),
    "FGSM, 2/255": (lambda *on: fgsm(*on, 2), None),
    "PGD, 1/255": (lambda *on: pgd(*on, 1), None),
    "PGD, 2/255": (lambda *on: pgd(*on, 2), None),
    "1 pixel a frame": (lambda *on: few_pixels(*on, 1), None),
    "16 pixels a frame": (lambda *on: few_pixels(*on, 16), None),
    "12x12 sticker": (sticker, None),
    "noise of 2 levels": (noisy, None),
    "blur of 0.7 pixels": (each_frame(blurred), None),
    "3/4 of the size and back": (each_frame(resized), None),
    "H.264, CRF 23": (lambda network, bags, labels: bags, 23),
    "H.264, CRF 33": (lambda network, bags, labels: bags, 33),
    "PGD, 2/255, then H.264, CRF 23": (lambda *on: pgd(*on, 2), 23),
}
"""Each with the CRF of what follows; real videos are encoded alike in those rows. Black patches, where there is no
face, stay too dark to be looked at."""


def attacked(network: nn.Module, bags: Tensor, label: float, attack: str, at_once: int = 64) -> Tensor:
    """Bags after an attack by its name; it is computed where the network is."""
    change, crf = ATTACKS[attack]
    device = next(network.parameters()).device
    labels = torch.full((len(bags),), label, device=device)
    parts = zip(bags.to(device).split(at_once), labels.split(at_once), strict=True)
    changed = torch.cat([change(Tied(network, part), part, own).cpu() for part, own in parts])
    changed = tied(changed, bags)
    return changed if crf is None else encoded(changed, crf)


# --- The table --------------------------------------------------------------------------------------------------------


def chosen(data: Data, fold: str, crf: int, each: int) -> tuple[list[Unit], list[Unit]]:
    """Made and real segments of a fold at a CRF, at most `each` of a method or kind, spread over all.

    Raises:
        ClickException: there are none of either.
    """
    units = [unit for unit in data.units if unit.fold == fold and unit.crf == crf and not unit.filmed]
    made = [[unit for unit in units if unit.method == method] for method in EVERY]
    real = [[unit for unit in units if not unit.method and unit.kind == kind] for kind in ("body", "face", "small")]
    some = [it for them in made for it in _some(them, each)], [it for them in real for it in _some(them, 2 * each)]
    for what, found in zip(("made", "real"), some, strict=True):
        if not found:
            raise click.ClickException(
                f"fold {fold} has no {what} video at CRF {crf}: choose another --fold, or make some by forensic_data"
            )
    return some


def _some(units: Sequence[Unit], most: int) -> list[Unit]:
    if len(units) <= most:
        return list(units)
    return [units[int(k)] for k in np.linspace(0, len(units) - 1, most)]


MOMENTS = 2
"""Of each segment are attacked."""


def bags_of(data: Data, units: Sequence[Unit]) -> Tensor:
    """Bags (B, K, T, S, S) of units, `MOMENTS` of each."""
    rows = np.concatenate([np.resize(unit.rows, MOMENTS) for unit in units])
    return torch.from_numpy(data.patches[rows]).float()


def means(logits: NDArray[np.float64]) -> list[float]:
    """The mean logit of each unit."""
    return [float(part) for part in logits.reshape(-1, MOMENTS).mean(1)]


def attack_fold(data: Data, network: TraceDetector, fold: str, attack: str, each: int) -> tuple[float, float | None]:
    """The AUC after an attack, and its PSNR in dB."""
    made, real = chosen(data, fold, CRFS[0], each)
    before, untouched = bags_of(data, made), bags_of(data, real)
    after = attacked(network, before, 1.0, attack)
    crf = ATTACKS[attack][1]
    others = untouched if crf is None else encoded(untouched, crf)
    there = before.mean((2, 3, 4)) > 0
    error = float((after - before)[there].square().mean())
    high, low = (means(scores(network, bags.numpy())) for bags in (after, others))
    return auc(high, low), 10 * float(np.log10(255**2 / error)) if error else None


def table(data: Data, networks: dict[str, dict[str, TraceDetector]], each: int) -> list[Row]:
    """A row for each attack, a column for each kind of network."""
    rows = []
    for attack in ATTACKS:
        row: Row = {"attack on what is made": attack}
        for name, of_fold in networks.items():
            found = [attack_fold(data, network, fold, attack, each) for fold, network in of_fold.items()]
            row[f"AUC, {name}"] = spread([value for value, _ in found])
            quality = [value for _, value in found if value is not None]
            row.setdefault("PSNR, dB", float(np.mean(quality)) if quality else None)
        say(str(row))
        rows.append(row)
    return rows


@click.command(help=__doc__.split("\n", 1)[0])
@click.argument("folder", type=FOLDER)
@click.option("--steps", default=STEPS, show_default=True, help="Of the networks that are attacked.")
@click.option("--hardening", default=60, show_default=True, help="Steps of training on attacked bags.")
@click.option("--each", default=6, show_default=True, help="Segments of each method.")
@click.option(
    "--fold",
    "folds",
    multiple=True,
    type=click.Choice(FOLDS),
    default=FOLDS,
    show_default=True,
    help="Whose people are judged.",
)
@click.option("--device", default="cpu", show_default=True, help="cpu, cuda or cuda:N.")
@JSON_OPTION
def main(
    folder: Path, steps: int, hardening: int, each: int, folds: tuple[str, ...], device: str, json_file: Path | None
) -> None:
    """Attack, harden, attack again."""
    click.get_current_context().with_resource(only_one(folder))
    data, runs = Data.load(folder), folder / f"runs-{steps}"
    for fold in folds:
        chosen(data, fold, CRFS[0], each)  # before hours of training
    plain, hard = {}, {}
    config = ForensicConfig(steps=hardening, learning_rate=1e-3, batch=32)
    for fold in folds:
        others = [it for it in FOLDS if it != fold]
        plain[fold] = fit(data, runs / f"all-without-{fold}", others, EVERY, ForensicConfig(steps=steps), device=device)
        name = runs / f"hardened-{hardening}-without-{fold}"
        hard[fold] = fit(data, name, others, EVERY, config, training_attack, plain[fold], device)
    title = f"AUC after attacks, people held out, CRF {CRFS[0]}"
    rows = table(data, {"as trained": plain, "hardened": hard}, each)
    finish(title, rows, {"PSNR, dB": 1}, json_file, steps=steps, hardening=hardening, folds=folds)


def training_attack(network: nn.Module, bags: Tensor, labels: Tensor, rng: torch.Generator) -> Tensor:
    """PGD of two steps by 1 or 2 grey levels."""
    levels = 1 + int(torch.randint(2, (1,), generator=rng))
    return tied(pgd(Tied(network, bags), bags, labels, float(levels), steps=2), bags)


if __name__ == "__main__":
    main()
