from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import cv2
import numpy as np
import pytest

from tests.metrics.people import standing_track
from vidgan.errors import CacheError
from vidgan.pose.backend import BackendConfig
from vidgan.pose.track import PoseTrack
from vidgan.progress import Silent
from vidgan.report.data import ReportData
from vidgan.stages.base import StageContext
from vidgan.stages.manifest import Manifest
from vidgan.stages.report import ReportConfig, ReportStage
from vidgan.video.write import ClipWriter

FRAMES, WIDTH, HEIGHT = 24, 200, 400
HELDOUT = {"draft": {"perceptual": 2.5, "ssim": 0.7, "psnr": 19.0, "flicker": 4.0}}


def write_clip(path, flicker=0):
    """A grey room with a bright person-sized block that steps to the right, flickering by `flicker` grey levels."""
    with ClipWriter(path, WIDTH, HEIGHT, Fraction(25), crf=4) as writer:
        for index in range(FRAMES):
            frame = np.full((HEIGHT, WIDTH, 3), 60, np.uint8)
            level = 180 + flicker * (index % 2)
            cv2.rectangle(frame, (70 + index, 30), (120 + index, 350), (level, 120, 100), -1)
            writer.write(frame, Fraction(index, 25))


def write_stage(folder, instance, facts=None, warnings=(), config=None, files=None):
    folder.mkdir(exist_ok=True)
    Manifest(
        instance=instance, stage=instance, version=1, key="k", family="f", config=config or {}, inputs={},
        facts=facts or {}, warnings=list(warnings), seconds=2.5, memory_mb=300, device="cpu",
        files=files or {},
    ).write(folder)  # fmt: skip


@pytest.fixture
def inputs(tmp_path):
    """A finished transfer in which the output's pose is the asked one, two frames without a person."""
    walking = standing_track(FRAMES, WIDTH, HEIGHT)
    image = walking.image + np.arange(FRAMES, dtype=np.float32)[:, None, None] * [1, 0]
    track = replace(walking, image=image.astype(np.float32), facts={"missing": [[5, 6]], "filled": [[8, 10]]})
    track.present[5:7] = False
    track.image[5:7] = np.nan
    folders = {
        name: tmp_path / name
        for name in ("source_pose", "target_pose", "subject", "motion", "model", "frames", "video")
    }
    write_stage(folders["source_pose"], "source_pose", warnings=["no person in 2 of 24 frames"])
    write_stage(folders["target_pose"], "target_pose", {"people": 1})
    write_stage(folders["subject"], "subject")
    write_stage(folders["motion"], "retarget", {"scale": 0.9, "limbs": {"thigh": 1.1}})
    write_stage(folders["model"], "train", {"heldout": HELDOUT, "feature_network": "efficientnet-lite0", "steps": 9})
    write_stage(folders["frames"], "render")
    sync = {"output": 0.0, "origin": 0.0, "shift": 0.0, "frames": 0.0, "in_sync": True}
    write_stage(folders["video"], "encode", {"encoder": "libx264", "audio": "sound copied", "av_sync": sync})
    for name in ("source_pose", "target_pose", "motion"):
        track.save(folders[name] / "track.npz")
    write_clip(folders["video"] / "output.mp4")
    for name in ("source", "target"):
        write_clip(tmp_path / f"{name} <b>.mp4")
        folders[name] = tmp_path / f"{name} <b>.mp4"
    return folders


@pytest.fixture
def report(tmp_path, inputs):
    """Runs the stage; the pose that it finds in the output is the saved track of `found`."""

    def run(found=None, **settings):
        backend = BackendConfig(backend="precomputed", precomputed=found or inputs["motion"] / "track.npz")
        folder = tmp_path / "report"
        folder.mkdir()
        config = ReportConfig(**({"pose": backend, "stills": 2, "clip_height": 64} | settings))
        facts = ReportStage(config).run(StageContext(folder, inputs, "cpu", 0, Silent()))
        data = ReportData.model_validate_json((folder / "report.json").read_text(encoding="utf-8"))
        return folder, facts, data

    return run


def test_report_says_what_was_made_and_how_well(report):
    folder, facts, data = report()
    assert data.pose.mean_percent == pytest.approx(0, abs=0.01)
    assert (data.pose.pck_005, data.pose.checked, data.pose.missed) == (1, 22, 0)
    assert data.heldout == HELDOUT
    assert data.feature_network == "efficientnet-lite0"
    assert data.retarget == {"scale": 0.9, "limbs.thigh": 1.1}
    assert data.training == {"feature_network": "efficientnet-lite0", "steps": 9}
    assert [stage.name for stage in data.stages] == [
        "source_pose", "target_pose", "subject", "retarget", "train", "render", "encode",
    ]  # fmt: skip
    assert {stage.seconds for stage in data.stages} == {2.5}
    assert [(message.stage, message.text) for message in data.warnings] == [
        ("source_pose", "no person in 2 of 24 frames")
    ]
    presence = data.presence[0]
    assert (presence.missing, presence.filled, presence.spans) == (2, 3, [(0.2, 0.24)])
    assert data.av_sync["in_sync"]
    assert facts["pose"]["pck_005"] == 1
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]


def test_page_shows_moments_and_the_clip(report):
    folder, _, _ = report()
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert page.count("data:video/mp4;base64,") == 1
    assert page.count("data:image/jpeg;base64,") >= 6
    assert "source &lt;b&gt;.mp4" in page
    assert "<b>.mp4" not in page


def test_equal_videos_are_equally_steady(report):
    _, _, data = report()
    assert data.steadiness.person == pytest.approx(data.steadiness.person_in_source, rel=0.02)
    assert data.steadiness.background < 0.5
    assert data.identity.output == pytest.approx(data.identity.driver, abs=0.02)


def test_flicker_of_the_output_is_seen(report, inputs):
    write_clip(inputs["video"] / "output.mp4", flicker=30)
    _, _, data = report()
    assert data.steadiness.person > 1.2 * data.steadiness.person_in_source
    assert any("flickers" in line for line in data.advice)


def test_wrong_pose_is_told(report, inputs, tmp_path):
    track = PoseTrack.load(inputs["motion"] / "track.npz")
    replace(track, image=track.image + np.float32(20)).save(tmp_path / "found.npz")
    _, _, data = report(tmp_path / "found.npz")
    assert data.pose.mean_percent > 5
    assert data.pose.pck_005 == 0
    assert any("off the asked pose" in line for line in data.advice)


def test_draft_without_a_model_and_without_stills_or_clip(report, inputs):
    inputs["model"] = None
    folder, _, data = report(stills=0, clip_seconds=0, frames=10)
    assert data.heldout == {}
    assert data.training == {}
    assert data.pose.checked == 8
    assert "data:video" not in (folder / "report.html").read_text(encoding="utf-8")


def test_same_inputs_give_the_same_data(report, tmp_path):
    folder, _, _ = report()
    first = json.loads((folder / "report.json").read_text())
    folder.rename(tmp_path / "earlier")
    folder, _, _ = report()
    assert json.loads((folder / "report.json").read_text()) == first


def test_encode_directory_without_a_video_says_what_to_do(report, inputs):
    (inputs["video"] / "output.mp4").unlink()
    with pytest.raises(CacheError, match="remove it and run again"):
        report()


def test_marks_and_consent_are_shown_and_escaped(report, inputs, tmp_path):
    mark = {"watermark": "cafe1234", "key": "public", "label": "AI generated", "why": None}
    write_stage(inputs["video"], "encode", {"mark": mark})
    inputs["signed"] = tmp_path / "signed"
    consent = {"statement": "<i>Alice</i> agreed"}
    write_stage(inputs["signed"], "sign", {"credentials": "embedded", "signer": "Studio", "consent": consent})
    folder, _, data = report(stills=0, clip_seconds=0, frames=10)
    assert (data.marks.watermark, data.marks.signer, data.marks.consent) == ("cafe1234", "Studio", consent)
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "&lt;i&gt;Alice&lt;/i&gt; agreed" in page
    assert "<i>Alice" not in page
    assert "cafe1234" in page


def test_a_video_that_is_not_marked_says_why(report, inputs):
    mark = {"watermark": None, "key": "public", "label": None, "why": "switched off with --no-mark"}
    write_stage(inputs["video"], "encode", {"mark": mark})
    folder, _, _ = report(stills=0, clip_seconds=0, frames=10)
    assert "not marked: switched off with --no-mark" in (folder / "report.html").read_text(encoding="utf-8")
