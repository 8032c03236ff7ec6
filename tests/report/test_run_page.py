from __future__ import annotations

import re

import numpy as np
import pytest

from tests.report.test_page import HOSTILE, Page
from vidgan.report.curves import line_chart
from vidgan.report.run_data import ClassScores, Evaluation, Neighbour, Score, Side
from vidgan.report.run_page import Material, Shown, render_run_page, text_table, value


def score(key, number=1.0, **more):
    given = {"title": key.replace("_", " "), "better": "lower", "clips": 16, "real": 2.0, "shuffled": 30.0, **more}
    return Score(key=key, value=number, **given)


def evaluation(name="people", **more):
    given = {
        "vidgan": "1.2", "run": name, "feature_network": "efficientnet-lite0", "clips": 16, "frames": 8, "size": 32,
        "seed": 3, "truncation": 0.7,
        "train": Side(source="training clips", clips=20, groups=5, windows=192),
        "held": Side(source="held-out clips", clips=8, groups=2, windows=16),
        "scores": (
            score("motion_frechet", 12.5, network="efficientnet-lite0", meaning="Against held-out clips."),
            score("change", 3.14159, better="real"),
            score("class_accuracy", None, better="higher"),
        ),
        "classes": (ClassScores(name="wave", change=2.0, real_change=2.5, accuracy=0.875, clips=8),),
        "colour": {"samples": {1: 0.9, 2: 0.8}, "held out": {1: 0.95, 2: 0.9}},
        "neighbours": (Neighbour(sample=0, clip="a.png", start=4, distance=7.0),),
        "notes": ("a note",), "warnings": ("a warning",),
        **more,
    }  # fmt: skip
    return Evaluation(**given)


def material(text="words"):
    picture = Shown.of(np.full((8, 12, 3), 50, np.uint8), text)
    chart = line_chart(text, {"loss": [(0, 1.0), (1, 2.0)]}, "step")
    return Material(
        videos={"samples": "data:video/mp4;base64,AAAA"}, slices=[picture], neighbours=[picture, picture],
        curves=[chart], settings={"optimiser.generator_rate": 0.0004, "widths": [1, 2]},
    )  # fmt: skip


def test_page_names_no_address_outside_itself_and_runs_nothing():
    page = Page(render_run_page(evaluation(), material()))
    addresses = [text for _, attributes in page.tags for key, text in attributes.items() if key in ("src", "href")]
    assert len(addresses) == 4
    assert all(address.startswith("data:") for address in addresses)
    assert not any(tag in ("script", "link", "iframe", "object") for tag, _ in page.tags)
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)


def test_names_from_outside_are_text_and_nothing_else():
    data = evaluation(
        HOSTILE, notes=(HOSTILE,), warnings=(HOSTILE,), colour={HOSTILE: {1: 0.5}},
        classes=(ClassScores(name=HOSTILE, change=1.0, real_change=None, accuracy=None, clips=1),),
    )  # fmt: skip
    shown = material(HOSTILE)
    page = Page(
        render_run_page(data, Material(shown.videos, shown.slices, shown.neighbours, shown.curves, {HOSTILE: HOSTILE}))
    )
    assert not any(tag == "script" for tag, _ in page.tags)
    assert not any(key.startswith("on") for _, attributes in page.tags for key in attributes)
    assert HOSTILE in page.text


def test_scores_stand_beside_their_controls_with_the_number_of_clips():
    text = Page(render_run_page(evaluation(), material())).text
    assert "motion frechet Against held-out clips. efficientnet-lite0. 12.5 2 30 6.25 16 ↓" in text
    assert "change 3.14 2 30 1.57 16 as real" in text
    assert "class accuracy – 2 30 – 16 ↑" in text
    assert "wave 2 2.5 0.8 0.875 8" in text
    for expected in ("a note", "a warning", "16 samples of 8 frames", "seed 3", "truncated at 0.7", "not FID or FVD"):
        assert expected in text


def test_curves_are_drawn_in_the_page():
    page = Page(render_run_page(evaluation(), material()))
    assert [tag for tag, _ in page.tags].count("svg") == 2
    assert [tag for tag, _ in page.tags].count("polyline") == 3


def test_what_is_not_there_leaves_nothing_behind():
    data = evaluation(classes=(), notes=(), warnings=(), colour={}, truncation=None)
    text = Page(render_run_page(data, Material())).text
    for heading in ("Classes", "Slices", "Nearest", "truncated", "None"):
        assert heading not in text


def test_page_closes_what_it_opens():
    html = render_run_page(evaluation(), material())
    for tag in ("div", "section", "table", "tr", "td", "th", "ul", "li", "figure", "main", "tbody", "thead", "svg"):
        assert len(re.findall(f"<{tag}[ >]", html)) == html.count(f"</{tag}>"), tag


def test_text_table_has_columns():
    lines = text_table(evaluation())
    assert lines[0].split() == ["samples", "real", "shuffled", "better"]
    assert lines[1].split() == ["motion", "frechet", "12.5", "2", "30", "↓"]
    assert lines[3].split() == ["class", "accuracy", "–", "2", "30", "↑"]
    assert any(line.split() == ["wave", "2", "2.5", "0.8", "0.875"] for line in lines)
    assert all(line.isprintable() for line in lines)


def test_numbers_that_were_not_measured_are_null():
    assert score("x", float("nan"), real=float("inf")).value is None
    assert score("x", float("nan"), real=float("inf")).real is None


@pytest.mark.parametrize(
    ("number", "text"), [(None, "–"), (0.123456, "0.123"), (12.34, "12.3"), (1234.5, "1234"), (0.0, "0")]
)
def test_values_have_three_digits(number, text):
    assert value(number) == text
