from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.metrics.people import standing_track
from tests.report.made import HELDOUT, report_data
from vidgan.pose.body import person_height
from vidgan.pose.track import JOINT
from vidgan.report.advice import Footage, advise, footage_of
from vidgan.report.data import PoseScores, Steadiness

GOOD = Footage(seconds=90, person_height=600, feet=1.0, head=0.9, luma=110)


def test_good_footage_and_result_need_no_advice():
    assert advise(report_data(), GOOD) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"seconds": 6.2}, "only 6 s"),
        ({"feet": 0.4}, "cut off or hidden in 60%"),
        ({"head": 0.0}, "face"),
        ({"person_height": 120.0}, "120 pixels tall"),
        ({"luma": 30.0}, "dark"),
    ],
)
def test_each_fault_of_the_footage_has_its_advice(change, word):
    (line,) = advise(report_data(), replace(GOOD, **change))
    assert word in line


def pose(**changes):
    return PoseScores(mean_percent=1.5, median_percent=1, pck_005=1, checked=50, missed=0, backend="").model_copy(
        update=changes
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"pose": pose(missed=10)}, "10 of 50"),
        ({"pose": pose(mean_percent=6.1)}, "6.1 %"),
        ({"heldout": HELDOUT | {"standard": HELDOUT["nearest-pose frame"]}}, "no better than the draft"),
        (
            {"steadiness": Steadiness(person=1.6, person_in_source=1.0, background=0, background_in_source=0)},
            "flickers",
        ),
        ({"av_sync": {"shift": 0.2, "in_sync": False}}, "half a frame"),
    ],
)
def test_each_fault_of_the_result_has_its_advice(change, word):
    (line,) = advise(report_data(**change), GOOD)
    assert word in line


def test_footage_is_read_from_the_track():
    track = standing_track(51)
    for name in ("left_ankle", "right_ankle"):
        track.image[:20, JOINT[name], 1] = 230
    track.visibility[:, JOINT["nose"]] = 0.1
    track.present[:10] = False
    track.image[:10] = np.nan
    footage = footage_of(track, 80.0)
    assert footage.seconds == pytest.approx(2.0 * 41 / 51)
    assert footage.feet == pytest.approx(31 / 41)
    assert footage.head == 0
    assert footage.person_height == pytest.approx(person_height(track))
