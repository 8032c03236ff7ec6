from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pose.skeletons import figure
from vidgan.pose.track import JOINT
from vidgan.subject.heads import SCALES, faces, head_distances, heads_alike
from vidgan.subject.parts import FACE

HEIGHT = 0.7


def turned(degrees, roll=0.0, scale=1.0, shift=0.0):
    """Somebody whose head is turned to a side, its nose before its ears, and then rolled, in degrees: (J, 2)."""
    points = figure(HEIGHT, (0.5, 0.9))
    face = [JOINT[name] for name in FACE]
    x, y = (points[face] - points[face].mean(0)).T
    depth = np.array([0.0 if name.endswith("ear") else 0.05 * HEIGHT for name in FACE])
    yaw, tilt = np.deg2rad([degrees, roll])
    flat = (x * np.cos(yaw) + depth * np.sin(yaw)) + 1j * y
    flat = scale * flat * np.exp(1j * tilt)
    points[face] = points[face].mean(0) + shift + np.stack([flat.real, flat.imag], -1)
    return points


def face_of(points, height=HEIGHT):
    return faces(torch.tensor(points, dtype=torch.float32)[None], torch.tensor([height], dtype=torch.float32))


def apart(one, other, scale=1.0):
    """How far the head of a person is turned from that of another, `scale` times as high, in heights."""
    return head_distances(face_of(one), face_of(other, scale * HEIGHT)).sqrt().item()


@settings(max_examples=40, deadline=None)
@given(
    degrees=st.floats(-60, 60), roll=st.floats(-40, 40), scale=st.floats(0.5, 2), shift=st.floats(-1, 1),
)  # fmt: skip
def test_neither_place_nor_size_nor_roll_of_a_head_counts(degrees, roll, scale, shift):
    assert apart(turned(degrees), turned(degrees, roll, scale, shift), scale) < 5e-5


def test_the_farther_a_head_is_turned_away_the_farther_it_is_apart():
    found = [apart(turned(0), turned(degrees)) for degrees in (0, 3, 6, 12, 24)]
    assert found == sorted(found)
    assert found[0] < 5e-5
    assert found[-1] > 0.005


def test_how_far_heads_are_apart_follows_from_the_best_similarity():
    """Found anew by trying rolls and scales."""
    one, other = turned(0), turned(5, roll=20, scale=1.1)
    a, b = (face_of(points)[0].numpy() for points in (one, other))
    rolls, scales = np.deg2rad(np.linspace(-40, 0, 401)), np.linspace(*SCALES, 226)
    tried = scales[:, None, None] * np.exp(-1j * rolls)[:, None] * a - b
    wanted = np.sqrt((np.abs(tried) ** 2).mean(-1).min())
    assert wanted > 0.001
    assert apart(one, other) == pytest.approx(wanted, rel=1e-2)


def test_a_face_of_another_size_for_its_height_is_apart():
    assert apart(turned(0), turned(0, scale=1.2)) < 5e-5
    assert apart(turned(0), turned(0, scale=1.5)) > 0.004


def test_every_head_is_compared_with_every_other():
    some = torch.cat([face_of(turned(degrees)) for degrees in (-20, 0, 5)])
    found = head_distances(some[:2], some)
    assert found.shape == (2, 3)
    for i in range(2):
        for k in range(3):
            assert found[i, k] == pytest.approx(head_distances(some[i : i + 1], some[k : k + 1]).item(), abs=1e-9)


def test_heads_are_as_alike_as_they_come_near_the_nearest():
    """However far that one is, as between people whose faces differ."""
    known = torch.cat([face_of(turned(degrees)) for degrees in (10, 14, 40)])
    driving = torch.cat([face_of(turned(degrees)) for degrees in (10, 0)])
    squared = head_distances(driving, known)
    found = heads_alike(driving, known, 0.002)
    torch.testing.assert_close(found[:, 0], torch.ones(2))
    wanted = torch.exp(-(squared[:, 1] - squared[:, 0]) / (2 * 0.002**2))
    torch.testing.assert_close(found[:, 1], wanted)
    assert (found[:, 2] < 0.05).all()
