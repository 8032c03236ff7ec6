"""A performer: the body of one person dressed, as one mesh of layers that a motion can bend.

Legend: n vertices and F triangles of all layers together, B bones, T frames.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.performers import garments
from vidgan.performers.body import Body, skin
from vidgan.performers.hairdress import hair_layers
from vidgan.performers.layers import Layer
from vidgan.performers.people import Person
from vidgan.performers.rig import Motion

Array = NDArray[np.float32]

EXPRESSIONS = (
    "eyeBlinkLeft", "eyeBlinkRight", "mouthSmileLeft", "mouthSmileRight", "jawOpen", "browInnerUp", "browDownLeft",
    "browDownRight", "mouthPucker", "mouthFunnel", "mouthUpperUpLeft", "mouthUpperUpRight", "eyeLookInLeft",
    "eyeLookOutLeft", "eyeLookInRight", "eyeLookOutRight",
)  # fmt: skip
"""The facial actions of which performers are capable."""


class Performer:
    """One person of the cast, ready to pose."""

    def __init__(self, person: Person) -> None:
        self.person = person
        self.body = Body(person.shape, EXPRESSIONS)
        self.layers = _dress(person, self.body)
        counts = np.cumsum([0, *(len(layer.points) for layer in self.layers)])
        self.points: Array = np.concatenate([layer.points for layer in self.layers])
        self.weights: Array = np.concatenate([layer.weights for layer in self.layers])
        self.faces: NDArray[np.int32] = np.concatenate(
            [layer.faces + start for layer, start in zip(self.layers, counts[:-1], strict=True)]
        ).astype(np.int32)
        self.source = np.concatenate([layer.source for layer in self.layers])
        self._soles = np.flatnonzero(self.points[:, 2] < self.points[:, 2].min() + 0.06)

    def expression(self, weights: dict[str, float]) -> Array:
        """The reference points with a facial expression."""
        moved = np.zeros_like(self.body.reference)
        for action, amount in weights.items():
            moved += amount * self.body.expressions[action]
        followed = self.source >= 0
        points = self.points.copy()
        points[followed] += moved[self.source[followed]]
        return points

    def place(self, motion: Motion) -> NDArray[np.float64]:
        """The root's place (T, 3) so that the lowest sole of each frame touches the floor."""
        maps = self.body.transforms(motion.rotations)
        lowest = [skin(self.points[self._soles], self.weights[self._soles], frame)[:, 2].min() for frame in maps]
        return np.concatenate([motion.path * self.body.leg, -np.array(lowest)[:, None]], -1)

    def pose(self, maps: Array, root: NDArray[np.floating[Any]], face: dict[str, float]) -> Array:
        """All points (n, 3) in the room under bone `maps` (B, 4, 4)."""
        return (skin(self.expression(face), self.weights, maps) + np.asarray(root, np.float32)).astype(np.float32)


def _dress(person: Person, body: Body) -> list[Layer]:
    layers = [garments.skin(person, body), *garments.eyes(person, body), *garments.shoes(person, body),
              garments.bottom(person, body), garments.top(person, body)]  # fmt: skip
    if person.bottom.skirt:
        layers.append(garments.skirt(person, body))
    return layers + hair_layers(person, body)


def face_track(person: Person, frames: int, fps: float, rng: np.random.Generator) -> list[dict[str, float]]:
    """A living face: the person's smile, blinks every few seconds, the mouth a little open now and then."""
    times = np.arange(frames) / fps
    blink = np.zeros(frames)
    moment = float(rng.uniform(0.5, 2.5))
    while moment < times[-1]:
        blink = np.maximum(blink, np.exp(-(((times - moment) / 0.06) ** 2)))
        moment += float(rng.uniform(1.8, 4.5))
    wave = np.sin(2 * np.pi * rng.uniform(0.2, 0.5) * times + rng.uniform(0, 6))
    smile = np.clip(person.smile * (1 + 0.5 * wave), 0, 1)
    open_mouth = 0.12 * np.clip(np.sin(2 * np.pi * rng.uniform(0.3, 0.7) * times), 0, 1)
    return [
        {"eyeBlinkLeft": float(b), "eyeBlinkRight": float(b), "mouthSmileLeft": float(s), "mouthSmileRight": float(s),
         "jawOpen": float(m), "browInnerUp": float(0.3 * s)}
        for b, s, m in zip(blink, smile, open_mouth, strict=True)
    ]  # fmt: skip
