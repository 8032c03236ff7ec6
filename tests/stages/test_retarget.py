from __future__ import annotations

import json

import numpy as np
import pytest

from tests.pose.skeletons import dance
from vidgan.pose.retarget import RetargetConfig
from vidgan.pose.track import PoseTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.retarget import RetargetStage


@pytest.fixture
def context(tmp_path):
    for name, track in (("driving", dance()), ("target", dance(height=300, place=(200, 330), size=(400, 360)))):
        (tmp_path / name).mkdir()
        track.save(tmp_path / name / "track.npz")
    (tmp_path / "out").mkdir()
    inputs = {"driving": tmp_path / "driving", "target": tmp_path / "target", "subject": tmp_path}
    return StageContext(tmp_path / "out", inputs, "cpu", 0, Silent())


def test_the_stage_writes_the_driving_motion_in_the_targets_frame(context):
    facts = RetargetStage(RetargetConfig()).run(context)
    track, driving = (PoseTrack.load(folder / "track.npz") for folder in (context.dir, context.input("driving")))
    assert (track.width, track.height) == (400, 360)
    np.testing.assert_array_equal(track.pts, driving.pts)
    assert facts["scale"] == pytest.approx(0.75, rel=0.01)
    assert json.loads(json.dumps(facts)) == facts == track.facts["retarget"]


def test_what_is_reduced_is_said(context):
    dance(step=1.0, size=(1280, 480), place=(640, 450)).save(context.input("driving") / "track.npz")
    RetargetStage(RetargetConfig()).run(context)
    assert any("sideways reduced to" in note for note in context.progress.notes)
