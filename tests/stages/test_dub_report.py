from __future__ import annotations

import json
from types import SimpleNamespace

import numpy as np
import pytest

from benchmarks.dub import beside_others
from tests.face.talker import write_film
from tests.stages.test_dub import QUICK, SECONDS, face_dir, run, speech
from tests.stages.test_report import write_stage
from vidgan.report.dub import DubReportData
from vidgan.stages.dub import DubConfig, DubStage
from vidgan.stages.dub_report import DubReportConfig, DubReportStage
from vidgan.stages.encode import EncodeConfig, EncodeStage
from vidgan.stages.face import FaceStage
from vidgan.stages.mouths import MouthsConfig, MouthsStage
from vidgan.stages.speak import Shown, SpeakConfig, SpeakStage
from vidgan.stages.voice import VoiceStage

SMALL = DubReportConfig(mouths=6, rows=2, slice_frames=40, clip_seconds=0.4, clip_height=64, outside=3)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A whole dub of a film made by code, up to the finished video, with a name that means something in HTML."""
    folder = tmp_path_factory.mktemp("report")
    film = folder / "a<b>.mp4"
    face = face_dir(folder / "face", film, write_film(film, SECONDS))
    said = speech(folder / "speech.wav", seconds=4.0)
    inputs = {"face": face, "voice": folder / "voice", "speech": said}
    run(VoiceStage(QUICK), folder / "voice", film=film, face=face)
    run(MouthsStage(MouthsConfig()), folder / "mouths", film=film, face=face, voice=folder / "voice")
    run(SpeakStage(SpeakConfig()), folder / "speak", **inputs)
    stages = {name: folder / name for name in ("voice", "speak", "mouths")}
    run(DubStage(DubConfig()), folder / "dub", film=film, **stages)
    run(EncodeStage(EncodeConfig()), folder / "encode", frames=folder / "dub", source=said, target=film, film=film)
    return inputs | stages | {"film": film, "frames": folder / "dub", "video": folder / "encode"}


def report(finished, folder, monkeypatch, found):
    monkeypatch.setattr(DubReportStage, "_found", lambda self, context, output, shown: found)
    facts = run(DubReportStage(SMALL), folder, **finished)
    data = DubReportData.model_validate_json((folder / "report.json").read_text())
    return facts, data, (folder / "report.html").read_text()


def test_report_scores_what_it_finds(finished, tmp_path, monkeypatch):
    spoken = Shown.load(finished["speak"]).spoken  # a detector without a fault
    facts, data, _ = report(finished, tmp_path, monkeypatch, spoken)
    assert data.mouth.asked == pytest.approx(1, abs=1e-3)
    assert data.sync.correlation > max(data.sync.wrong)
    assert abs(data.sync.lag) <= 1
    assert data.mouth.silent < data.mouth.speaking
    assert data.outside_psnr == 100
    assert 0.6 < data.mouth.sharpness / data.mouth.film_sharpness < 1.5
    assert json.loads(json.dumps(facts)) == facts
    assert not (tmp_path / "clip.mp4").exists()


def test_what_the_earlier_stages_said_is_in_it(finished, tmp_path, monkeypatch):
    said = {"voice": {"check": {"correlation": 0.75}}, "speak": {"fit": "stretch"}}
    for stage, facts in said.items():
        write_stage(finished[stage], stage, facts)
    try:
        _, data, page = report(finished, tmp_path, monkeypatch, None)
    finally:
        for stage in said:
            (finished[stage] / "manifest.json").unlink()
    assert (data.check, data.speaking) == (said["voice"]["check"], said["speak"])
    assert [cost.name for cost in data.stages] == ["voice", "speak"]
    assert "0.75" in page


def test_mouth_of_the_film_does_not_say_the_new_speech(finished, tmp_path, monkeypatch):
    own = Shown.load(finished["speak"]).own
    _, wrong, _ = report(finished, tmp_path / "own", monkeypatch, own)
    _, right, _ = report(finished, tmp_path / "spoken", monkeypatch, Shown.load(finished["speak"]).spoken)
    assert wrong.sync.correlation < right.sync.correlation - 0.2
    assert wrong.mouth.asked < 0.6


def test_speech_is_judged_beside_other_recordings(finished, tmp_path, monkeypatch):
    """As benchmarks.dub does: said by the mouth, the speech goes with it when it is among them, another does not."""
    other = speech(tmp_path / "other.wav", seconds=2.0, seed=12)
    _, data, _ = report(finished, tmp_path, monkeypatch, Shown.load(finished["speak"]).spoken)
    result = SimpleNamespace(stages=finished | {"report": tmp_path, "dub": finished["frames"]})
    same, wrong = beside_others(finished["film"], finished["speech"], result, [finished["speech"], other])
    assert same > wrong + 0.2
    assert data.sync.correlation > wrong + 0.2


def test_face_that_is_not_found_again_leaves_gaps_and_no_failure(finished, tmp_path, monkeypatch):
    _, data, page = report(finished, tmp_path, monkeypatch, None)
    assert data.sync is None
    assert data.mouth.silent is None
    assert data.mouth.sharpness is not None
    assert "–" in page


def test_few_speaking_frames_are_measured_and_not_judged(finished, tmp_path, monkeypatch):
    _, data, _ = report(finished, tmp_path, monkeypatch, Shown.load(finished["speak"]).spoken[np.arange(60)])
    assert data.sync is None
    assert data.mouth.asked == pytest.approx(1, abs=1e-3)


def test_face_is_looked_for_again_by_the_options_of_a_dub(finished, tmp_path, monkeypatch):
    asked = []

    def find(stage, context):
        asked.append((stage.choosing, context.inputs["video"].parent))
        return Shown.load(finished["speak"]).spoken, {}

    monkeypatch.setattr(FaceStage, "find", find)
    run(DubReportStage(SMALL), tmp_path, **finished)
    assert asked == [("--speaker", finished["video"])]
    assert not (tmp_path / "found").exists()


def test_what_may_differ_is_told_by_the_runs_own_settings(finished, tmp_path, monkeypatch):
    """A run that left turned faces alone would have left these: then all of the picture has to be the film's."""
    write_stage(finished["frames"], "dub", config={"most_yaw": 0.001})
    try:
        _, data, _ = report(finished, tmp_path, monkeypatch, None)
    finally:
        (finished["frames"] / "manifest.json").unlink()
    assert data.outside_psnr < 100


def test_page_is_self_contained_and_names_are_escaped(finished, tmp_path, monkeypatch):
    _, data, page = report(finished, tmp_path, monkeypatch, None)
    assert "a&lt;b&gt;.mp4" in page
    assert "<script" not in page
    assert "http" not in page.replace("http-equiv", "")
    assert page.count('class="mouths"') == 4
    assert page.count('class="slice"') == 2
    assert np.isfinite(data.outside_psnr)
