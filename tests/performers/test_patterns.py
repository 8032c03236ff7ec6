from __future__ import annotations

import numpy as np
import pytest

from vidgan.performers import patterns

U, V = np.meshgrid(np.linspace(-0.3, 0.3, 120, dtype=np.float32), np.linspace(-0.3, 0.3, 120, dtype=np.float32))

PAINTS = {
    "plain": patterns.plain("#336699"),
    "stripes": patterns.stripes("#000000", "#ffffff", 0.05),
    "checks": patterns.checks("#aa3322", "#223344", "#ffffff", 0.09),
    "dots": patterns.dots("#aa0000", "#ffffff", 0.06),
    "patches": patterns.patches(("#556633", "#222211", "#998855"), 0.09, 1),
    "flowers": patterns.flowers("#118888", ("#ffcc44", "#ffffff"), "#772244", 0.08, 1),
    "denim": patterns.denim("#33557f"),
    "fade": patterns.fade("#ff8800", "#dd2233", -0.1, 0.2),
    "blocks": patterns.blocks("#ee66aa", "#662288", 0.0),
}


@pytest.mark.parametrize("name", PAINTS)
def test_patterns_are_colours(name):
    colour = PAINTS[name](U, V)
    assert colour.shape == (*U.shape, 3)
    assert colour.min() >= 0
    assert colour.max() <= 1


def test_stripes_repeat_along_v_only():
    colour = PAINTS["stripes"](U, V)
    assert colour.mean(1).std() > 5 * colour.mean(0).std()


def test_hex_codes():
    assert patterns.rgb("#ff8000") == pytest.approx([1, 128 / 255, 0])


def test_stamp_covers_its_place_only():
    cover = patterns.stamp(np.ones((16, 16), np.float32), U, V, (0.1, 0.1), 0.1)
    inside = (np.abs(U - 0.1) < 0.04) & (np.abs(V - 0.1) < 0.04)
    assert (cover[inside] == 1).all()


@pytest.mark.parametrize("kind", ["star", "sun", "wave", "bolt", "88"])
def test_emblems_leave_the_edge_free(kind):
    picture = patterns.emblem(kind)
    assert 0.05 < picture.mean() < 0.7
    assert picture[0].max() == picture[-1].max() == 0
