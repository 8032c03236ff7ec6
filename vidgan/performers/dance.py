"""Choreography: a seeded dance as smooth channels over time, made from short moves on a beat.

A move sets keys (beat, value) for some channels; a channel nobody asks for goes back to rest. Between keys the value
follows the minimum-jerk curve (Flash and Hogan 1985, equation 3), as reaching movements of people do; footsteps follow
from where the pelvis goes.

Units: seconds, degrees, and leg lengths of a reference person; x to the person's left, y to the back, z up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Keys = dict[str, list[tuple[float, float]]]

ARM = ("elevation", "azimuth", "flexion", "rotation")
ARMS = {
    "rest": (12, 15, 24, 0), "out": (86, 6, 14, 0), "vee": (148, 12, 16, 10), "up": (168, 25, 12, 0),
    "front": (84, 84, 12, 10), "goal": (88, 8, 92, 84), "hip": (44, -32, 92, -42), "cross": (56, 88, 108, 12),
    "low_cross": (34, 84, 34, 0), "across": (68, 112, 24, 0), "head": (128, 14, 128, 78), "point": (132, 18, 8, 0),
    "down_point": (34, 70, 10, 0), "swing_front": (42, 82, 52, 8), "swing_back": (34, -58, 34, 0),
    "clap": (58, 66, 66, 14), "shield": (72, 64, 96, 70), "wing": (70, -8, 84, -40),
}  # fmt: skip
"""Arm poses in degrees: raised from hanging, swung from the side to the front, elbow, upper arm turned outward."""

CHANNELS = {
    "x": 0.0, "y": 0.0, "drop": 0.03, "heading": 0.0, "sway": 0.0, "hip_turn": 0.0, "stance": 0.13, "step_height": 0.09,
    "bend": 3.0, "side": 0.0, "twist": 0.0, "nod": 0.0, "look": 0.0, "tilt": 0.0,
    **{f"{side}_{name}": float(value) for side in ("left", "right")
       for name, value in zip(ARM, ARMS["rest"], strict=True)},
    **{f"{side}_{name}": value for side in ("left", "right")
       for name, value in (("lift", 0.0), ("kick", 0.0), ("fist", 0.35), ("hand", 0.0))},
}  # fmt: skip
"""Every channel and its value at rest."""


@dataclass(frozen=True)
class Dance:
    """A dance sampled at `fps`: `channels` (T,) by name, `feet` {left, right} (T, 4) of x, y, yaw, height, `moves`."""

    channels: dict[str, Array]
    feet: dict[str, Array]
    fps: float
    moves: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.channels["x"])


Move = Callable[[np.random.Generator, int, float], tuple[float, Keys]]


def _arm(side: int, pose: str, beats: tuple[float, ...]) -> Keys:
    name = "left" if side > 0 else "right"
    values = zip(ARM, ARMS[pose], strict=True)
    return {f"{name}_{part}": [(beat, float(value)) for beat in beats] for part, value in values}


def _join(*parts: Keys) -> Keys:
    joined: Keys = {}
    for part in parts:
        for channel, keys in part.items():
            joined[channel] = sorted(joined.get(channel, []) + keys)
    return joined


def _side_name(side: int) -> str:
    return "left" if side > 0 else "right"


def _step_touch(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    far = 0.22 * side * size
    arms = [
        _arm(1, "swing_front" if side > 0 else "out", (1,)),
        _arm(-1, "out" if side > 0 else "swing_front", (1,)),
        _arm(1, "out" if side > 0 else "swing_front", (3,)),
        _arm(-1, "swing_front" if side > 0 else "out", (3,)),
    ]
    body: Keys = {
        "x": [(1, far), (2, far), (3, -far), (4, 0)],
        "drop": [(0.5, 0.09), (1, 0.02), (2.5, 0.09), (3, 0.02)],
        "sway": [(1, 7 * side), (3, -7 * side)],
        "look": [(1, 18 * side), (3, -18 * side)],
    }
    return 4, _join(body, *arms)


def _march(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    first, second = _side_name(side), _side_name(-side)
    body: Keys = {
        f"{first}_lift": [(0.1, 0), (0.5, 0.42 * size), (1, 0), (2, 0), (2.5, 0.42 * size), (3, 0)],
        f"{second}_lift": [(1, 0), (1.5, 0.42 * size), (2, 0), (3, 0), (3.5, 0.42 * size), (4, 0)],
        "drop": [(0.5, 0.02), (1, 0.06), (1.5, 0.02), (2, 0.06), (2.5, 0.02), (3, 0.06)],
    }
    swings = [
        _arm(arm * side, "swing_back" if (beat % 2 < 1) == (arm > 0) else "swing_front", (beat,))
        for beat in (0.5, 1.5, 2.5, 3.5)
        for arm in (1, -1)
    ]
    return 4, _join(body, *swings)


def _squat(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "drop": [(0.3, 0.02), (1.5, 0.36 * size), (2, 0.36 * size), (3.4, 0.03)],
        "bend": [(1.5, 26), (3.4, 2)],
        "stance": [(0, 0.24), (4, 0.2)],
        "nod": [(1.5, -16), (3, 0)],
    }
    pose = ["front", "clap", "goal"][int(rng.integers(3))]
    return 4, _join(
        body, _arm(1, pose, (1.3, 2)), _arm(-1, pose, (1.3, 2)), _arm(1, "vee", (3.2,)), _arm(-1, "vee", (3.2,))
    )


def _raise_both(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "sway": [(1, 6 * side), (2, -6 * side), (3, 6 * side)],
        "nod": [(1.5, -10), (3.5, 0)],
        "drop": [(0.5, 0.08), (1, 0.02), (1.5, 0.08), (2, 0.02), (2.5, 0.08)],
        "side": [(1, 8 * side), (2, -8 * side), (3, 0)],
    }
    return 4, _join(
        body,
        *[_arm(s, "out", (0.7,)) for s in (1, -1)],
        *[_arm(s, "up", (1.5, 2.3)) for s in (1, -1)],
        *[_arm(s, "out", (3.2,)) for s in (1, -1)],
    )


def _disco(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "twist": [(1, -16 * side), (2, 20 * side), (3, -16 * side), (4, 0)],
        "look": [(1, -26 * side), (2, 14 * side), (3, -26 * side)],
        "sway": [(1, -8 * side), (2, 8 * side), (3, -8 * side)],
        "stance": [(0, 0.2)],
        "drop": [(1, 0.03), (1.5, 0.1), (2, 0.04), (2.5, 0.1)],
    }
    return 4, _join(body, _arm(-side, "point", (1, 3)), _arm(-side, "across", (2,)), _arm(side, "hip", (0.8, 3.3)))


def _cross(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "drop": [(1, 0.1), (2, 0.03), (3, 0.1)],
        "bend": [(1, 9), (2, -2), (3, 9)],
        "nod": [(1, 10), (2, -6), (3, 10)],
        "heading": [(1, 12 * side), (2, 0), (3, -12 * side), (4, 0)],
    }
    arms = [_arm(s, pose, (beat,)) for s in (1, -1) for beat, pose in ((1, "cross"), (2, "out"), (3, "low_cross"))]
    return 4, _join(body, *arms)


def _hips(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    beats = (0.5, 1, 1.5, 2, 2.5, 3, 3.5)
    body: Keys = {
        "sway": [(b, 11 * side * (-1) ** i) for i, b in enumerate(beats)],
        "x": [(b, 0.07 * side * (-1) ** i) for i, b in enumerate(beats)] + [(4, 0)],
        "hip_turn": [(b, 9 * side * (-1) ** i) for i, b in enumerate(beats)],
        "stance": [(0, 0.18)],
        "drop": [(0.5, 0.07), (3.5, 0.07)],
        "tilt": [(1, 8 * side), (2.5, -8 * side)],
    }
    pose = ["hip", "head", "wing"][int(rng.integers(3))]
    return 4, _join(body, *[_arm(s, pose, (0.9, 3.1)) for s in (1, -1)])


def _side_turn(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    angle = float(rng.uniform(68, 90)) * side
    body: Keys = {
        "heading": [(0, 0), (1.3, angle), (2.6, angle), (4, 0)],
        "look": [(0.8, 22 * side), (1.6, -14 * side), (3.4, 0)],
        "drop": [(0.6, 0.08), (1.3, 0.03), (2, 0.13), (2.6, 0.03)],
        "bend": [(2, 12), (2.6, 0)],
    }
    return 4, _join(
        body, _arm(side, "front", (1.4, 2.6)), _arm(-side, "swing_back", (1.4,)), _arm(-side, "vee", (2.6,))
    )


def _full_turn(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "heading": [(0, 0), (4.6, 360 * side), (5, 360 * side)],
        "drop": [(1, 0.06), (2.5, 0.03), (4, 0.06)],
        "look": [(0.7, 24 * side), (2.4, 10 * side), (4, 0)],
    }
    return 5, _join(
        body,
        _arm(1, "wing", (0.8,)),
        _arm(-1, "wing", (0.8,)),
        _arm(1, "out", (2.2,)),
        _arm(-1, "out", (2.2,)),
        _arm(side, "head", (3.8,)),
        _arm(-side, "low_cross", (3.8,)),
    )


def _kick(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    leg, other = _side_name(side), _side_name(-side)
    body: Keys = {
        f"{leg}_lift": [(0.3, 0), (1, 0.24 * size), (1.8, 0)],
        f"{leg}_kick": [(0.3, 0), (1, 0.5 * size), (1.8, 0)],
        f"{other}_lift": [(2.2, 0), (3, 0.24 * size), (3.8, 0)],
        f"{other}_kick": [(2.2, 0), (3, 0.5 * size), (3.8, 0)],
        "bend": [(1, -4), (2, 5), (3, -4)],
        "drop": [(1, 0.05), (2, 0.08), (3, 0.05)],
    }
    return 4, _join(
        body,
        _arm(-side, "swing_front", (1,)),
        _arm(side, "out", (1,)),
        _arm(side, "swing_front", (3,)),
        _arm(-side, "out", (3,)),
    )


def _lean(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "side": [(1.2, 24 * side), (2, 24 * side), (3.2, -16 * side), (4, 0)],
        "x": [(1.2, -0.1 * side), (3.2, 0.1 * side), (4, 0)],
        "stance": [(0, 0.25)],
        "tilt": [(1.2, 8 * side), (3.2, -8 * side)],
        "drop": [(1.2, 0.1), (2.2, 0.05), (3.2, 0.1)],
    }
    return 4, _join(
        body,
        _arm(-side, "up", (1.3, 2)),
        _arm(side, "hip", (1.3, 2)),
        _arm(side, "vee", (3.2,)),
        _arm(-side, "hip", (3.2,)),
    )


def _robot(rng: np.random.Generator, side: int, size: float) -> tuple[float, Keys]:
    body: Keys = {
        "twist": [(1, 14 * side), (2, -14 * side), (3, 14 * side)],
        "look": [(1, 30 * side), (2, -30 * side), (3, 0)],
        "drop": [(0.5, 0.07), (1, 0.03), (1.5, 0.07), (2, 0.03), (2.5, 0.07), (3, 0.03)],
    }
    arms = [_arm(side, p, (b,)) for b, p in ((1, "goal"), (2, "shield"), (3, "wing"))]
    others = [_arm(-side, p, (b,)) for b, p in ((1, "wing"), (2, "goal"), (3, "shield"))]
    return 4, _join(body, *arms, *others)


MOVES: Mapping[str, Move] = {
    "step touch": _step_touch, "march": _march, "squat": _squat, "raise": _raise_both, "disco": _disco, "cross": _cross,
    "hips": _hips, "side turn": _side_turn, "full turn": _full_turn, "kick": _kick, "lean": _lean, "robot": _robot,
}  # fmt: skip
"""The moves by name; each gives its length in beats and its keys, for a side and a size."""


def choreograph(
    rng: np.random.Generator, frames: int, fps: float, moves: tuple[str, ...], *, tempo: float | None = None
) -> Dance:
    """Dance the `moves` in order, again from the first while frames are left.

    Args:
        rng: draws sides, sizes, tempo and the small unrest of a living person.
        frames: frames to make.
        fps: frames a second.
        moves: names in `MOVES`.
        tempo: beats a minute; drawn from 118..144 when None.
    """
    tempo = float(rng.uniform(118, 144)) if tempo is None else tempo
    beat = 60 / tempo
    keys: Keys = {name: [(0.0, rest)] for name, rest in CHANNELS.items()}
    start, heading = 0.0, 0.0
    danced: list[str] = []
    while start * beat < frames / fps:
        name = moves[len(danced) % len(moves)]
        length, wanted = MOVES[name](rng, int(rng.choice([-1, 1])), float(rng.uniform(0.8, 1.15)))
        if "turn" not in name and rng.random() < 0.5:
            length, wanted = 2.5, {part: [key for key in keys_ if key[0] <= 2] for part, keys_ in wanted.items()}
        _place(keys, wanted, start, length, heading)
        heading = keys["heading"][-1][1]
        danced.append(name)
        start += length
    times = np.arange(frames) / fps
    channels = {name: follow(keys[name], times / beat) for name in CHANNELS}
    for name in channels:
        channels[name] = channels[name] + _unrest(rng, name, times)
    pulse = np.cos(2 * np.pi * times / beat)
    channels["drop"] = channels["drop"] + 0.012 * (1 - pulse)
    return Dance(channels, _footsteps(channels, times, beat, fps), fps, tuple(danced))


def _place(keys: Keys, wanted: Keys, start: float, length: float, heading: float) -> None:
    for name, rest in CHANNELS.items():
        base = heading if name == "heading" else 0.0
        if name in wanted:
            added = [(start + beat, base + value) for beat, value in wanted[name]]
        else:
            # An unasked channel returns to rest in the first beat or so, and stays.
            added = [(start + 1.2, base + rest)]
        keys[name] += [key for key in added if key[0] > keys[name][-1][0] + 0.05]


def follow(keys: list[tuple[float, float]], beats: Array) -> Array:
    """The minimum-jerk path through the keys."""
    places = np.array([key[0] for key in keys])
    values = np.array([key[1] for key in keys])
    after = np.clip(np.searchsorted(places, beats, side="right"), 1, len(keys) - 1) if len(keys) > 1 else None
    if after is None:
        return np.full(len(beats), values[0])
    span = places[after] - places[after - 1]
    part = np.clip((beats - places[after - 1]) / span, 0, 1)
    ease = part**3 * (10 - 15 * part + 6 * part**2)
    return values[after - 1] + (values[after] - values[after - 1]) * ease


def _unrest(rng: np.random.Generator, channel: str, times: Array) -> Array:
    """Slow noise of a few sines, about 2 degrees on joints; hips and feet have less of it."""
    amount = {"x": 0.008, "y": 0.012, "drop": 0.004, "heading": 2.0, "stance": 0.0, "step_height": 0.0}.get(
        channel, 1.8
    )
    if channel.endswith(("lift", "kick", "fist")):
        amount = 0.0
    rates, phases = rng.uniform(0.15, 0.9, 3), rng.uniform(0, 2 * np.pi, 3)
    waves = np.sin(2 * np.pi * rates[:, None] * times + phases[:, None]).sum(0) / 1.7
    return np.asarray(amount * waves)


def _footsteps(channels: Mapping[str, Array], times: Array, beat: float, fps: float) -> dict[str, Array]:
    """Feet that stay planted and step, by turns on half beats, to where the pelvis is going."""
    feet = {}
    for side, name, offset in ((1, "left", 0.0), (-1, "right", 0.5)):
        place = _stance(channels, 0, side)
        path = np.zeros((len(times), 4))
        path[:, :3] = place
        moment = offset * beat
        while moment < times[-1]:
            end = moment + 0.5 * beat
            goal = _stance(channels, min(int((end + 0.3 * beat) * fps), len(times) - 1), side)
            stride = np.hypot(*(goal - place)[:2])
            if stride > 0.02 or abs(goal[2] - place[2]) > 7:
                path[times >= moment, :3] = goal
                part = np.clip((times - moment) / (end - moment), 0, 1)
                moving = (part > 0) & (part < 1)
                ease = (part**3 * (10 - 15 * part + 6 * part**2))[moving, None]
                path[moving, :3] = place + (goal - place) * ease
                high = channels["step_height"][moving] * min(1.0, 0.35 + stride * 3)
                path[moving, 3] = high * np.sin(np.pi * part[moving]) ** 2
                place = goal
            moment += beat
        feet[name] = path
    return feet


def _stance(channels: Mapping[str, Array], frame: int, side: int) -> Array:
    heading = np.deg2rad(channels["heading"][frame])
    across = channels["stance"][frame] * side
    x = channels["x"][frame] * 0.75 + across * np.cos(heading)
    y = channels["y"][frame] + across * np.sin(heading)
    return np.array([x, y, channels["heading"][frame] + 9 * side])
