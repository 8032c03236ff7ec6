"""The cast: distinct people by body, skin, face, hair and clothes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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


@dataclass(frozen=True)
class Hair:
    """style: "short", "crop", "curly", "bob", "long", "bun", "tail" or "shaved"; colour as hex; puff in metres."""

    style: str
    colour: str
    puff: float = 0.018
    beard: float = 0.0


@dataclass(frozen=True)
class Print:
    """An emblem on the chest: what (see `patterns.emblem`), colour, width in metres, height of its centre."""

    kind: str
    colour: str
    width: float = 0.17
    height: float = 0.30


@dataclass(frozen=True)
class Top:
    """sleeve: 0 none, 1 to the elbow, 2 to the wrist; hem: height (hip joints at 0); neck "crew", "scoop" or "vee"."""

    pattern: Pattern
    sleeve: float = 0.55
    hem: float = -0.02
    neck: str = "crew"
    trim: str | None = None
    emblem: Print | None = None
    loose: float = 0.010
    sleeves: Pattern | None = None


@dataclass(frozen=True)
class Bottom:
    """hem: height of the lower edge; flare: metres wider there; skirt: a skirt instead of legs."""

    pattern: Pattern
    hem: float = -0.80
    flare: float = 0.012
    skirt: bool = False
    stripe: str | None = None


@dataclass(frozen=True)
class Shoes:
    """upper, sole and toe colours; top: height of the collar."""

    upper: str
    sole: str = "#f2efe6"
    toe: str | None = None
    top: float = -0.775


@dataclass(frozen=True)
class Person:
    """One performer. `shape` is what `Body` takes; skin, lips and eyes are hex colours.

    marks: seed of what a skin has that nobody could guess: spots, lines, stains and make-up. None leaves it smooth.
    """

    name: str
    shape: Mapping[str, float]
    skin: str
    lips: str
    eyes: str
    brows: str
    hair: Hair
    top: Top
    bottom: Bottom
    shoes: Shoes
    smile: float = 0.35
    face: Mapping[str, float] = field(default_factory=dict)
    marks: int | None = None


CAST: tuple[Person, ...] = (
    Person(
        "Ada", {"gender": 1, "age": 0.66, "muscle": 0.55, "weight": 0.42, "height": 0.44, "proportions": 0.75,
                "african": 0.1, "asian": 0.1, "caucasian": 0.8},
        "#e3b394", "#b5544f", "#4a7090", "#5b3a22", Hair("tail", "#6a3f22"),
        Top(stripes("#f3efe4", "#23355f", 0.055), sleeve=0.62, neck="scoop"),
        Bottom(denim("#3f5f8f"), flare=0.006), Shoes("#d8473c", toe="#f4f0e6"),
    ),
    Person(
        "Bruno", {"gender": 0, "age": 0.70, "muscle": 0.72, "weight": 0.55, "height": 0.47, "proportions": 0.7,
                  "african": 0.9, "asian": 0.05, "caucasian": 0.05},
        "#7a4b30", "#6d352c", "#2b1a10", "#15100d", Hair("crop", "#17120f", 0.012, beard=0.5),
        Top(plain("#f0b323"), sleeve=0.6, emblem=Print("star", "#5a1f6e", 0.20)),
        Bottom(plain("#23262c"), flare=0.014, stripe="#f0b323"), Shoes("#f2f2f2", sole="#dadada"),
    ),
    Person(
        "Chie", {"gender": 1, "age": 0.64, "muscle": 0.45, "weight": 0.36, "height": 0.33, "proportions": 0.7,
                 "african": 0.05, "asian": 0.9, "caucasian": 0.05},
        "#ecc7a4", "#c0565c", "#35231a", "#1d1512", Hair("bob", "#1d1716", 0.020),
        Top(dots("#c6304c", "#fbf3e6", 0.062), sleeve=0.5, neck="vee", hem=0.06, loose=0.004),
        Bottom(plain("#1f2a44"), hem=-0.36, flare=0.05, skirt=True), Shoes("#1c1c22", sole="#1c1c22", top=-0.74),
    ),
    Person(
        "Dario", {"gender": 0, "age": 0.78, "muscle": 0.5, "weight": 0.72, "height": 0.36, "proportions": 0.5,
                  "african": 0.1, "asian": 0.05, "caucasian": 0.85},
        "#d9a27d", "#a25a4a", "#5b4527", "#3a2a1e", Hair("short", "#3b2a1f", 0.020, beard=0.9),
        Top(checks("#c8553d", "#3a2a28", "#f1d9a0", 0.09), sleeve=1.75, neck="vee", hem=-0.07, loose=0.013),
        Bottom(plain("#b49a6c"), flare=0.018), Shoes("#6b4a2e", sole="#3a2a1c", top=-0.72),
    ),
    Person(
        "Esi", {"gender": 1, "age": 0.68, "muscle": 0.6, "weight": 0.5, "height": 0.50, "proportions": 0.8,
                "african": 0.95, "asian": 0.0, "caucasian": 0.05},
        "#5c3823", "#7d3235", "#20140d", "#120d0a", Hair("curly", "#221712", 0.055),
        Top(flowers("#0f7f83", ("#f9d04e", "#f28c54", "#fbeee0"), "#7a2048", 0.085, 3), sleeve=0.0, neck="scoop"),
        Bottom(plain("#f2e9da"), flare=0.030), Shoes("#e9b44c", sole="#f7f3ea"),
    ),
    Person(
        "Finn", {"gender": 0, "age": 0.62, "muscle": 0.48, "weight": 0.34, "height": 0.50, "proportions": 0.8,
                 "african": 0.0, "asian": 0.05, "caucasian": 0.95},
        "#efc4a8", "#bf6a60", "#3e7c74", "#a0622e", Hair("short", "#b5642b", 0.030),
        Top(patches(("#5d6b3f", "#2f3a26", "#98905e", "#1d2119"), 0.09, 5), sleeve=0.62, loose=0.014),
        Bottom(plain("#30333b"), hem=-0.36, flare=0.03), Shoes("#2d5fa8", toe="#2d5fa8"),
    ),
    Person(
        "Gita", {"gender": 1, "age": 0.72, "muscle": 0.45, "weight": 0.6, "height": 0.38, "proportions": 0.55,
                 "african": 0.15, "asian": 0.35, "caucasian": 0.5},
        "#b57e57", "#983f47", "#2d1c12", "#1a1210", Hair("long", "#1f1614", 0.020),
        Top(blocks("#e5679b", "#6b2d8c", 0.24), sleeve=1.8, neck="crew", hem=-0.05),
        Bottom(plain("#2a2438"), flare=0.004), Shoes("#f5f5f5", sole="#e5679b"),
    ),
    Person(
        "Hugo", {"gender": 0, "age": 0.9, "muscle": 0.5, "weight": 0.5, "height": 0.40, "proportions": 0.6,
                 "african": 0.05, "asian": 0.25, "caucasian": 0.7},
        "#dcae8c", "#a8665a", "#5d7385", "#b8b4ae", Hair("short", "#bdb9b3", 0.016, beard=0.35),
        Top(stripes("#2c6e63", "#e9e4d4", 0.075, upright=True, share=0.35), sleeve=0.75, neck="vee"),
        Bottom(denim("#2a3142"), flare=0.014), Shoes("#7c2f2b", sole="#efe9da"),
    ),
    Person(
        "Ines", {"gender": 1, "age": 0.62, "muscle": 0.7, "weight": 0.4, "height": 0.46, "proportions": 0.9,
                 "african": 0.35, "asian": 0.05, "caucasian": 0.6},
        "#a9714c", "#8f3d3c", "#3a2415", "#20150f", Hair("bun", "#2b1c14", 0.014),
        Top(fade("#ff8a3c", "#d7263d", 0.05, 0.42), sleeve=0.0, hem=0.05, neck="scoop",
            emblem=Print("sun", "#fff1d0", 0.14, 0.27)),
        Bottom(plain("#15171d"), flare=0.002, stripe="#ff8a3c"), Shoes("#19d3c5", sole="#ffffff"),
    ),
    Person(
        "Jiro", {"gender": 0, "age": 0.66, "muscle": 0.6, "weight": 0.45, "height": 0.36, "proportions": 0.65,
                 "african": 0.0, "asian": 0.95, "caucasian": 0.05},
        "#dcb087", "#ad6558", "#2a1b13", "#17110e", Hair("short", "#191516", 0.026),
        Top(plain("#e9e9ec"), sleeve=1.85, hem=-0.06, emblem=Print("88", "#d42a2a", 0.2, 0.28), loose=0.018,
            sleeves=plain("#d42a2a")),
        Bottom(plain("#5a5f68"), flare=0.016, stripe="#ffffff"), Shoes("#101114", sole="#f4f4f4"),
    ),
)  # fmt: skip
"""Ten people; a benchmark pair takes two of them."""
