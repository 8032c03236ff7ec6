"""Faces made by code: the neutral mesh as somebody's, in pixels, with an expression and a head pose."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from vidgan.face import regions as at
from vidgan.face.head import HeadPose, from_head, neutral_mesh, rotation_of
from vidgan.face.track import FaceTrack

WIDTH, HEIGHT = 320, 240


def open_mouth(head, amount):
    """The head-frame landmarks with the lower lip and what is below it moved down by `amount`."""
    moved = np.array(head, np.float64)
    upper, lower = np.array(at.LIP_PAIRS).T
    start = (moved[..., upper, 1] + moved[..., lower, 1]).mean() / 2
    ring = list(at.LIPS_INNER[1:10]) + list(at.LIPS_OUTER[1:10])
    below = moved[:, 1] > start + 0.005
    moved[below, 1] += amount
    moved[ring, 1] = np.where(below[ring], moved[ring, 1], moved[ring, 1] + amount)
    return moved


def lids(head, factor):
    """The head-frame landmarks with the lids' gaps times `factor`."""
    moved = np.array(head, np.float64)
    for ring in (at.LEFT_EYE, at.RIGHT_EYE):
        lower, upper = list(ring[1:8]), list(ring[:8:-1])
        middle = (moved[lower] + moved[upper]) / 2
        moved[lower], moved[upper] = (
            middle + factor * (moved[lower] - middle),
            middle + factor * (moved[upper] - middle),
        )
    return moved


def pose(degrees, scale=60.0, place=(160.0, 120.0)):
    """A head pose for each row of (yaw, pitch, roll)."""
    degrees = np.atleast_2d(np.asarray(degrees, np.float64))
    count = len(degrees)
    return HeadPose(rotation_of(degrees), np.full(count, scale), np.tile([*place, 0.0], (count, 1)))


def track_of(heads, poses, rate=25):
    """A track of head-frame landmarks (T, J, 3) in given poses."""
    points = from_head(np.asarray(heads, np.float64), poses)
    count = len(points)
    return FaceTrack(
        points[..., :2].astype(np.float32), points[..., 2].astype(np.float32), np.ones(count, bool),
        np.arange(count, dtype=np.int64), Fraction(1, rate), WIDTH, HEIGHT, "made",
    )  # fmt: skip


def talking(count=20, reach=20.0):
    """A track that turns its head from side to side, opens its mouth and blinks; and its mouth's amounts."""
    time = np.linspace(0, 2 * np.pi, count)
    amounts = 0.15 * (1 - np.cos(2 * time)) / 2
    shut = 1 - 0.8 * np.exp(-((time - 4) ** 2) / 0.05)
    heads = [lids(open_mouth(neutral_mesh(), a), s) for a, s in zip(amounts, shut, strict=True)]
    degrees = np.stack([reach * np.sin(time), 0.3 * reach * np.sin(2 * time), 0 * time], 1)
    return track_of(heads, pose(degrees)), amounts
