"""People drawn at random, to learn from: body, skin with its marks, hair and clothes of nobody in the cast."""

from __future__ import annotations

import colorsys
from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from vidgan.performers.patterns import (
    Pattern,
    blocks,
    checks,
    denim,
    dots,
    fade,
    flowers,
    patches,
    plain,
    stripes,
)
from vidgan.performers.people import CAST, Bottom, Hair, Person, Print, Shoes, Top

Kind = TypeVar("Kind")

STYLES = ("short", "crop", "curly", "bob", "long", "bun", "tail", "shaved")
HAIRS = ("#17120f", "#2b1c14", "#3b2a1f", "#6a3f22", "#8a5a30", "#b5642b", "#c9a25e", "#e2cf9a", "#bdb9b3", "#7a2230")
EMBLEMS = ("star", "sun", "wave", "bolt", "88", "GO", "NYC", "abc", "7", "love")


def stranger(number: int, without: Sequence[str] = ()) -> Person:
    """A person drawn from `number` alone; bodies are those between two of the cast, but for the names in `without`."""
    rng = np.random.default_rng((number, 20))
    first, second = (pick(rng, [one for one in CAST if one.name not in without]) for _ in range(2))
    share = float(rng.uniform())
    shape = {key: (1 - share) * first.shape[key] + share * second.shape[key] for key in first.shape}
    shape["gender"] = float(rng.integers(2))
    hair = pick(rng, HAIRS)
    skin = _between(first.skin, second.skin, share, rng)
    sleeve = float(rng.choice([0.0, 0.55, 0.62, 0.75, 1.2, 1.8]))
    emblem = Print(pick(rng, EMBLEMS), colour(rng), float(rng.uniform(0.12, 0.24))) if rng.random() < 0.5 else None
    top = Top(
        pattern(rng), sleeve=sleeve, hem=float(rng.uniform(-0.07, 0.06)), neck=pick(rng, ("crew", "scoop", "vee")),
        trim=colour(rng) if rng.random() < 0.3 else None, emblem=emblem, loose=float(rng.uniform(0.004, 0.018)),
        sleeves=pattern(rng) if rng.random() < 0.25 else None,
    )  # fmt: skip
    skirt = bool(shape["gender"]) and rng.random() < 0.3
    hem = -0.36 if skirt else float(rng.choice([-0.80, -0.80, -0.60, -0.36]))
    bottom = Bottom(
        pattern(rng), hem=hem, flare=float(rng.uniform(0.02, 0.05) if skirt else rng.uniform(0.0, 0.03)), skirt=skirt,
        stripe=colour(rng) if rng.random() < 0.3 else None,
    )  # fmt: skip
    beard = float(rng.uniform(0.3, 1)) if shape["gender"] == 0 and rng.random() < 0.6 else 0.0
    return replace(
        first, name=f"stranger {number}", shape=shape, skin=skin, lips=_between(first.lips, second.lips, share, rng),
        eyes=colour(rng, 0.5, 0.6), brows=hair, top=top, bottom=bottom, smile=float(rng.uniform(0, 0.6)),
        hair=Hair(pick(rng, STYLES), hair, float(rng.uniform(0.012, 0.05)), beard), marks=number,
        shoes=Shoes(colour(rng), sole=colour(rng), toe=colour(rng) if rng.random() < 0.4 else None),
    )  # fmt: skip


def pattern(rng: np.random.Generator) -> Pattern:
    """Cloth of random kind, colours and measure."""
    one, two, three, four = (colour(rng) for _ in range(4))
    width, seed = float(rng.uniform(0.03, 0.11)), int(rng.integers(1 << 20))
    kinds = (
        plain(one), denim(one),
        stripes(one, two, width, upright=bool(rng.integers(2)), share=float(rng.uniform(0.2, 0.6))),
        checks(one, two, three, width), dots(one, two, width), patches((one, two, three, four), 1.3 * width, seed),
        flowers(one, (two, three), four, 1.3 * width, seed), fade(one, two, -0.1, 0.45),
        blocks(one, two, float(rng.uniform(0.0, 0.35))),
    )  # fmt: skip
    return pick(rng, kinds)


def colour(rng: np.random.Generator, most: float = 0.95, vivid: float = 0.85) -> str:
    """A hex colour, greys and darks among them."""
    grey = rng.random() < 0.35
    saturation = float(rng.uniform(0, 0.08 if grey else vivid))
    return _hex(colorsys.hsv_to_rgb(float(rng.uniform()), saturation, float(rng.uniform(0.08, most))))


def pick(rng: np.random.Generator, of: Sequence[Kind]) -> Kind:
    """One of them."""
    return of[int(rng.integers(len(of)))]


def _hex(rgb: Sequence[float]) -> str:
    return "#" + "".join(f"{round(255 * min(1.0, max(0.0, value))):02x}" for value in rgb)


def _between(first: str, second: str, share: float, rng: np.random.Generator) -> str:
    parts = [[int(code[i : i + 2], 16) / 255 for i in (1, 3, 5)] for code in (first, second)]
    light = float(rng.uniform(0.85, 1.1))
    return _hex([light * ((1 - share) * a + share * b) for a, b in zip(*parts, strict=True)])
