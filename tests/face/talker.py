"""A film of a talking face made by code: a textured mesh whose mouth opens with the loudness of its own voice."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from tests.face.faces import HEIGHT, WIDTH, open_mouth, pose, track_of
from tests.video.clips import write_clip
from vidgan.face.head import neutral_mesh
from vidgan.face.mesh import closed_triangles, mesh_flow, polygon, pull
from vidgan.face.regions import LIPS_INNER, LIPS_OUTER

RATE = 25
SOUND_RATE = 16_000
LATE = 0.04
"""Seconds by which the mouth follows the voice."""


def loudness(seconds, seed=0):
    """A function of time in [0, 1] that rises and falls a few times a second, with pauses."""
    rng = np.random.default_rng(seed)
    knots = rng.uniform(0, 1, int(seconds * 5) + 4)
    first = 3 * (seed % 2)  # odd ones pause where even ones speak
    knots[first::6] = 0
    knots[first + 1 :: 6] = 0
    return lambda t: np.interp(np.asarray(t), np.arange(len(knots)) / 5, knots)


def voice(seconds, seed=0, level=0.3):
    """A buzz of 140 Hz as loud as `loudness`, and a little hiss: (N,) float32 at 16 kHz."""
    t = np.arange(int(seconds * SOUND_RATE)) / SOUND_RATE
    buzz = sum(np.sin(2 * np.pi * 140 * k * t) / k for k in range(1, 16)) / 2
    hiss = np.random.default_rng(99).normal(0, 0.0005, len(t))
    return (level * loudness(seconds, seed)(t) * buzz + hiss).astype(np.float32)


def talking_track(seconds, seed=0):
    """The face's track over the film, its mouth open as its voice is loud, its head swaying."""
    t = np.arange(int(seconds * RATE)) / RATE
    amounts = 0.22 * loudness(seconds, seed)(np.maximum(0, t - LATE))
    heads = [open_mouth(neutral_mesh(), amount) for amount in amounts]
    degrees = np.stack([6 * np.sin(t), 2 * np.sin(1.7 * t), 0 * t], 1)
    return track_of(heads, pose(degrees, scale=80.0, place=(160.0, 90.0)))


def skin():
    """The texture that the mesh carries, and the neutral face in it."""
    rng = np.random.default_rng(3)
    noise = rng.normal(0, 6, (HEIGHT, WIDTH, 3))
    picture = np.array([205, 160, 140]) + noise + np.linspace(-12, 12, WIDTH)[None, :, None]
    track = track_of([open_mouth(neutral_mesh(), 0.2)], pose([0, 0, 0], scale=80.0, place=(160.0, 90.0)))
    points = track.image[0].astype(np.float64)
    for ring, colour in ((LIPS_OUTER, (190, 70, 80)), (LIPS_INNER, (40, 10, 15))):
        cover = polygon(points[list(ring)], (HEIGHT, WIDTH), 0)[..., None]
        picture = cover * np.array(colour) + (1 - cover) * picture
    return picture.clip(0, 255).astype(np.uint8), points


def frames_of(track):
    """The film's pictures: the mesh over a grey wall."""
    texture, points = skin()
    wall = np.full((HEIGHT, WIDTH, 3), 90, np.uint8) + np.arange(WIDTH, dtype=np.uint8)[None, :, None] // 8
    pictures = []
    for image in track.image:
        flow = mesh_flow(image.astype(np.float64), points, closed_triangles(), (HEIGHT, WIDTH))
        pictures.append(np.where(flow.inside[..., None], pull(texture, flow.where), wall).astype(np.uint8))
    return pictures


def write_film(path, seconds, seed=0, sound=True, pictures=None, track=None):
    """Write the film, 25 frames/s, with its voice; returns its track with the film's own clock."""
    track = track or talking_track(seconds, seed)
    samples = voice(seconds, seed)
    audio = ("aac", SOUND_RATE, samples) if sound else None
    write_clip(
        path, pictures or frames_of(track), rate=Fraction(RATE), time_base=Fraction(1, RATE * 512), audio=audio,
        options={"crf": "12", "preset": "veryfast"},
    )  # fmt: skip
    return track
