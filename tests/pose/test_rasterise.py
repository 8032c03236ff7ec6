from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.pose.skeletons import figure
from vidgan.pose.body import PART, PARTS, point
from vidgan.pose.rasterise import MAPS, POINTS, draw_pose, pose_maps
from vidgan.pose.track import JOINT


def batch(*figures):
    return torch.tensor(np.stack(figures), dtype=torch.float32)


def distance_to_segment(x, y, start, end):
    along = end - start
    share = np.clip(np.dot([x - start[0], y - start[1]], along) / max(np.dot(along, along), 1e-9), 0, 1)
    return math.dist((x, y), start + share * along)


def test_maps_are_gaussians_of_the_distance_to_the_limb():
    image = figure(90.0, (60.0, 110.0), arms=(1.0, 0.3))
    maps = pose_maps(batch(image), torch.ones(1, 33), (120, 128), 3.0)[0]
    assert maps.shape == (MAPS, 120, 128)
    mean = sum(part.radius for part in PARTS) / len(PARTS)
    for part in PARTS:
        start, end = point(image, part.start), point(image, part.end)
        spread = 3.0 * part.radius / mean
        for row, column in ((30, 60), (58, 77), (100, 66), (5, 5)):
            expected = math.exp(-0.5 * (distance_to_segment(column + 0.5, row + 0.5, start, end) / spread) ** 2)
            assert maps[PART[part.name], row, column].item() == pytest.approx(expected, abs=1e-4)


def test_points_have_their_own_channels():
    image = figure(90.0, (60.0, 110.0))
    maps = pose_maps(batch(image), torch.ones(1, 33), (120, 128), 3.0)[0]
    for index, name in enumerate(POINTS):
        row, column = divmod(int(maps[len(PARTS) + index].argmax()), 128)
        assert math.dist((column + 0.5, row + 0.5), image[JOINT[name]]) < 1


def test_visibility_dims_and_missing_people_are_empty():
    image = batch(figure(90.0, (60.0, 110.0)), figure(90.0, (60.0, 110.0)), np.full((33, 2), np.nan))
    seen = torch.ones(3, 33)
    seen[1, JOINT["left_elbow"]] = 0.25
    maps = pose_maps(image, seen, (120, 128), 3.0)
    arm, leg = PART["left_upper_arm"], PART["left_thigh"]
    torch.testing.assert_close(maps[1, arm], 0.25 * maps[0, arm])
    torch.testing.assert_close(maps[1, leg], maps[0, leg])
    assert maps[2].abs().max() == 0
    assert not maps.isnan().any()


def test_a_batch_is_its_frames_one_by_one():
    figures = [figure(80.0, (50.0 + 5 * i, 110.0), arms=(0.2 * i, 1.0)) for i in range(3)]
    together = pose_maps(batch(*figures), torch.ones(3, 33), (64, 72), 2.0)
    apart = torch.cat([pose_maps(batch(one), torch.ones(1, 33), (64, 72), 2.0) for one in figures])
    torch.testing.assert_close(together, apart)


def test_half_precision_keeps_places():
    image = batch(figure(180.0, (201.3, 240.0)))
    full = pose_maps(image, torch.ones(1, 33), (256, 256), 3.0)
    half = pose_maps(image.half(), torch.ones(1, 33).half(), (256, 256), 3.0)
    assert half.dtype == torch.float16
    assert (full - half.float()).abs().max() < 0.05


@pytest.mark.parametrize("canvas", [(120, 128), np.full((120, 128, 3), 50, np.uint8)])
def test_drawing_leaves_the_canvas_alone_and_marks_the_skeleton(canvas):
    image = figure(90.0, (60.0, 110.0))
    picture = draw_pose(canvas, image, np.ones(33))
    assert picture.shape == (120, 128, 3)
    knee = image[JOINT["left_knee"]].astype(int)
    assert picture[knee[1], knee[0]].max() > 150
    assert picture[2, 2].max() <= 50
    if not isinstance(canvas, tuple):
        assert (canvas == 50).all()


def test_nobody_draws_nothing():
    assert draw_pose((20, 20), np.full((33, 2), np.nan)).max() == 0
