from __future__ import annotations

import numpy as np
import pytest

from vidgan.performers import raster
from vidgan.performers.chart import soften, vertex_normals
from vidgan.performers.room import make_camera, make_light, make_room
from vidgan.performers.stage import Stage, mip_chain


def rasterised(points, size=32):
    """One white triangle: (depth, hit) of a rasteriser run; points are x, y in samples and depth."""
    import warp as wp

    from vidgan.performers.body import library

    library()
    device = raster.device()
    screen = np.array([[x, y, 1 / z] for x, y, z in points], np.float32)
    texture = raster.Texture()
    texture.start, texture.side, texture.levels = 0, 1, 0
    depth = wp.full((size, size), raster.FAR, dtype=float, device=device)
    hit = wp.full((size, size), -1, dtype=int, device=device)
    weights = wp.zeros((size, size), dtype=wp.vec2, device=device)
    make = lambda values, kind: wp.array(values, dtype=kind, device=device)  # noqa: E731
    wp.launch(
        raster.rasterise, dim=1, device=device,
        inputs=[make(screen, wp.vec3), make(np.array([[0, 1, 2]], np.int32), int),
                make(np.zeros((1, 3, 2), np.float32), wp.vec2), make(np.zeros(1, np.int32), int),
                wp.array([texture], dtype=raster.Texture, device=device), make(np.zeros(1, np.int32), int),
                make(np.full((1, 4), 255, np.uint8), wp.vec4ub), depth, hit, weights],
    )  # fmt: skip
    return depth.numpy(), hit.numpy(), weights.numpy()


def test_triangle_covers_its_area():
    _, hit, _ = rasterised([(2, 2, 1), (30, 2, 1), (2, 30, 1)])
    assert (hit == 0).sum() == pytest.approx(28 * 28 / 2, rel=0.05)


def test_depth_is_perspective_correct():
    # 1 / depth is linear on the screen: half-way between depths 1 and 3 lies 1.5.
    depth, _, weights = rasterised([(0, 0, 1), (32, 0, 3), (0, 64, 1)])
    assert depth[0, 15] == pytest.approx(1 / (0.5 * (1 + 1 / 3)), rel=0.05)
    assert weights[0, 15, 0] == pytest.approx(0.25, abs=0.02)  # a quarter of the way in space


def test_winding_does_not_matter():
    a, b, c = (2.2, 2.1, 1), (29.7, 2.4, 2), (2.4, 30.3, 1)
    one, two = rasterised([a, b, c]), rasterised([a, c, b])
    assert np.array_equal(one[1], two[1])


def test_mips_keep_the_mean():
    picture = np.random.default_rng(0).integers(0, 256, (64, 64, 4)).astype(np.uint8)
    chain = mip_chain(picture, 3)
    assert [level.shape[0] for level in chain] == [64, 32, 16, 8]
    assert chain[-1].mean() == pytest.approx(picture.mean(), abs=1)


def test_normals_of_a_tetrahedron_point_outward():
    points = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]], np.int32)
    normals = vertex_normals(points, faces)
    assert np.linalg.norm(normals, axis=1) == pytest.approx(1)
    assert (normals * (points - points.mean(0))).sum(1).min() > 0


def test_soften_shrinks_a_spike_and_leaves_other_vertices():
    points = np.array([[0, 0, 0], [1, 0, 0], [0.5, 0.5, 3], [9, 9, 9]], np.float32)
    softened = soften(points, np.array([[0, 1, 2]], np.int32), 3)
    assert softened[2, 2] < 2
    assert softened[3] == pytest.approx(points[3])


def test_mask_agrees_with_the_picture(plan, driver):
    rng = np.random.default_rng(3)
    stage = Stage(driver, make_room(rng), make_light(rng), 64)
    camera = make_camera(rng, driver.body.height, moving=False)
    maps, roots = driver.body.transforms(plan.driving.rotations[:1]), driver.place(plan.driving)
    points = driver.pose(maps[0], roots[0], {})
    rgb, mask, depth = stage.draw(points, camera, 0)
    empty, nobody, _ = stage.draw(points - np.float32([0, 50, 0]), camera, 0)  # behind the camera
    assert nobody.max() == 0
    changed = np.abs(rgb.astype(int) - empty).max(-1) > 40
    assert (changed & (mask > 0)).sum() / changed.sum() > 0.75  # the rest is shadow
    assert ((mask > 0) == (depth < raster.FAR).reshape(64, 2, 64, 2).any((1, 3))).all()
    assert 0.03 < (mask > 127).mean() < 0.3


def test_a_still_camera_stays_and_a_moving_one_moves():
    for moving in (False, True):
        camera = make_camera(np.random.default_rng(1), 1.7, moving=moving)
        origin, axes = camera.at(0.0)
        later, turned = camera.at(1.7)
        assert axes @ axes.T == pytest.approx(np.eye(3), abs=1e-5)
        assert (np.abs(later - origin).max() > 1e-3) == moving
        assert (np.abs(turned - axes).max() > 1e-4) == moving


def test_rooms_differ_and_repeat():
    one, again, other = (make_room(np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.back, again.back)
    assert not np.array_equal(one.back, other.back)
