"""Rigs: how landmarks carry pixels, and how a face is shown to a network."""

from __future__ import annotations

import numpy as np
import torch

from vidgan.face.head import neutral_mesh
from vidgan.face.rasterise import FEATURES, MAPS, face_maps
from vidgan.face.regions import LANDMARKS, LIPS, LIPS_INNER
from vidgan.subject.rig import BODY, FACE

HEIGHT = torch.tensor([0.9])
MATTE = torch.ones(1, 1, 8, 8)


def face(scale=0.4, shift=(0.5, 0.5)):
    """The neutral face about the middle of a window: (1, J, 2)."""
    mesh = neutral_mesh()
    points = np.zeros((LANDMARKS, 2), np.float32)
    points[: len(mesh)] = mesh[:, :2]
    return torch.from_numpy(points * scale)[None] + torch.tensor(shift)


def test_a_still_face_moves_nothing():
    flow = FACE.flow(face(), face()[:, None], HEIGHT, HEIGHT[:, None], MATTE, 16, slice(0, 16))
    centres = (torch.arange(16) + 0.5) / 16
    torch.testing.assert_close(flow.where[0, 0, :, :, 0], centres.expand(16, 16))
    torch.testing.assert_close(flow.where[0, 0, :, :, 1], centres[:, None].expand(16, 16))
    assert flow.confidence[0, 0, 8, 8] == 1


def test_a_shifted_face_is_pulled_from_where_it_was():
    flow = FACE.flow(face(shift=(0.55, 0.48)), face()[:, None], HEIGHT, HEIGHT[:, None], MATTE, 16, slice(0, 16))
    centres = (torch.arange(16) + 0.5) / 16
    torch.testing.assert_close(flow.where[0, 0, :, :, 0], (centres - 0.05).expand(16, 16), atol=1e-5, rtol=0)
    torch.testing.assert_close(flow.where[0, 0, :, :, 1], (centres + 0.02)[:, None].expand(16, 16), atol=1e-5, rtol=0)


def test_only_pixels_about_what_moved_move():
    driving = face()
    driving[:, list(LIPS), 1] += 0.03
    flow = FACE.flow(driving, face()[:, None], HEIGHT, HEIGHT[:, None], MATTE, 64, slice(0, 64))
    moved = flow.where[0, 0, :, :, 1] - ((torch.arange(64) + 0.5) / 64)[:, None]
    mouth = (driving[0, list(LIPS_INNER)].mean(0) * 64).long()
    assert moved[mouth[1], mouth[0]] < -0.015
    assert moved[: mouth[1] // 2].abs().max() < 1e-3


def test_far_from_the_face_nothing_is_known():
    small = face(scale=0.08, shift=(0.2, 0.2))
    flow = FACE.flow(small, small[:, None], HEIGHT / 5, HEIGHT[:, None] / 5, MATTE, 32, slice(0, 32))
    confidence = flow.confidence[0, 0]
    assert confidence[-1, -1] == 0
    assert confidence[6, 6] == 1


def test_a_map_is_one_at_its_landmarks_and_falls_as_a_gaussian():
    points = torch.full((1, LANDMARKS, 2), -1000.0)
    points[0, LIPS_INNER[0]] = torch.tensor([10.5, 6.5])
    maps = face_maps(points, (16, 24), sigma=2.0)
    assert maps.shape == (1, MAPS, 16, 24)
    inner = maps[0, FEATURES.index(LIPS_INNER)]
    assert inner[6, 10] == 1
    torch.testing.assert_close(inner[6, 13], torch.tensor(np.exp(-9 / 8), dtype=torch.float32))
    torch.testing.assert_close(inner[7, 12], torch.tensor(np.exp(-5 / 8), dtype=torch.float32))
    assert maps[0, FEATURES.index(LIPS_INNER) + 1 :].max() < 1e-6


def test_a_rig_says_how_many_maps_it_draws():
    seen = torch.ones(1, LANDMARKS)
    assert FACE.conditioning(face(), seen, 32).shape == (1, FACE.maps, 16, 16)
    assert BODY.conditioning(torch.rand(1, 33, 2), torch.ones(1, 33), 32).shape == (1, BODY.maps, 16, 16)


def test_a_face_fills_its_window_and_a_body_its_columns():
    assert FACE.columns(face(), 64) == slice(0, 64)
    inner = BODY.columns(torch.tensor([[[0.45, 0.2], [0.55, 0.9]]]), 256)
    assert inner.start > 0
    assert inner.start + inner.stop == 256


def test_the_flow_of_some_columns_is_that_of_the_window_in_them():
    poses = (face(shift=(0.55, 0.48)), face()[:, None], HEIGHT, HEIGHT[:, None], MATTE, 16)
    whole, some = FACE.flow(*poses, slice(0, 16)), FACE.flow(*poses, slice(3, 9))
    torch.testing.assert_close(some.where, whole.where[:, :, :, 3:9])
    torch.testing.assert_close(some.confidence, whole.confidence[..., 3:9])
