from __future__ import annotations

import json
import math
import xml.etree.ElementTree as ElementTree

import pytest

from vidgan.report.curves import HEIGHT, LEFT, RIGHT, TOP, WIDTH, learning_curves, line_chart, read_statistics


def drawn(chart):
    """The chart as XML, which a wrong escape would break."""
    return ElementTree.fromstring(str(chart.svg))


def points(chart, kind="polyline"):
    return [
        [tuple(map(float, place.split(","))) for place in line.attrib["points"].split()]
        for line in drawn(chart).iter(kind)
    ]


def test_a_line_goes_from_corner_to_corner():
    chart = line_chart("loss", {"loss": [(0, 1.0), (5, 2.0), (10, 3.0)]}, "step")
    (line,) = points(chart)
    assert line[0][0] == LEFT
    assert line[2] == (WIDTH - RIGHT, TOP)
    assert line[1] == ((LEFT + WIDTH - RIGHT) / 2, pytest.approx((line[0][1] + line[2][1]) / 2))
    assert 0 < line[0][1] < HEIGHT


def test_points_are_joined_in_the_order_of_x():
    chart = line_chart("loss", {"loss": [(10, 1.0), (0, 2.0)]}, "step")
    assert points(chart)[0][0][0] < points(chart)[0][1][0]


def test_values_that_are_no_numbers_are_left_out():
    chart = line_chart("loss", {"loss": [(0, math.nan), (1, 2.0), (2, 3.0), (3, math.inf)]}, "step")
    assert len(points(chart)[0]) == 2
    assert line_chart("loss", {"loss": [(0, math.nan)]}, "step") is None


def test_a_single_point_is_a_dot_and_a_level_line_lies_in_the_middle():
    assert len(list(drawn(line_chart("x", {"x": [(3, 4.0)]}, "step")).iter("circle"))) == 1
    level = points(line_chart("x", {"x": [(0, 4.0), (1, 4.0)]}, "step"))[0]
    assert level[0][1] == level[1][1]


def test_a_wide_span_is_drawn_by_logarithm_and_said():
    chart = line_chart("distance", {"distance": [(0, 1.0), (1, 100.0), (2, 10_000.0)]}, "step")
    heights = [y for _, y in points(chart)[0]]
    assert heights[0] - heights[1] == pytest.approx(heights[1] - heights[2])
    assert "logarithmic" in chart.title
    assert "logarithmic" not in line_chart("x", {"x": [(0, -1.0), (1, 100.0)]}, "step").title


def test_names_cannot_break_out():
    hostile = '"><script>alert(1)</script>'
    chart = line_chart(hostile, {hostile: [(0, 1.0)], "b": [(0, 2.0)]}, hostile)
    assert "<script" not in str(chart.svg)
    assert {element.tag for element in drawn(chart).iter()} <= {"svg", "path", "text", "circle", "polyline", "line"}


def test_statistics_are_read_past_a_torn_line(tmp_path):
    path = tmp_path / "stats.jsonl"
    path.write_text(json.dumps({"step": 1, "loss": 2.0, "name": "x"}) + '\n[1]\n{"step": 2, "lo')
    assert read_statistics(path) == [{"step": 1.0, "loss": 2.0}]
    assert read_statistics(tmp_path / "none.jsonl") == []


def test_held_out_scores_come_first_and_the_best_state_is_marked():
    rows = [{"step": s, "loss": s, "heldout_motion_frechet": 9 - s, "heldout_score": 9 - s} for s in (1.0, 2.0, 3.0)]
    charts = learning_curves(rows, best_step=2)
    assert [chart.title for chart in charts] == ["held-out motion Fréchet distance", "loss"]
    marks = [line for line in drawn(charts[0]).iter("line") if line.attrib["class"] == "mark"]
    assert float(marks[0].attrib["x1"]) == pytest.approx((LEFT + WIDTH - RIGHT) / 2)
