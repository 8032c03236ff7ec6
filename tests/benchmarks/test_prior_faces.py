"""What the shipped generator for faces is trained on: heads that act, drafted as films and as pictures."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks import prior_faces
from benchmarks.common import needed
from benchmarks.company import Company
from benchmarks.prior_faces import living, prepare
from tests.subject.takes import write_takes
from vidgan import resources
from vidgan.errors import PersonError
from vidgan.performers.performer import EXPRESSIONS
from vidgan.stages.pipeline import read_pipeline
from vidgan.subject.footage import ExampleConfig, relit
from vidgan.subject.takes import FaceSequences, TakeFootage, Takes
from vidgan.train.randomness import generator
from vidgan.video.write import ClipWriter


@pytest.fixture(scope="module")
def heads(tmp_path_factory):
    folders = [tmp_path_factory.mktemp(f"head{number}") for number in range(3)]
    for frames, folder in zip((20, 24, 22), folders, strict=True):
        write_takes(folder, frames=frames)
    return [TakeFootage(Takes.load(folder), ExampleConfig()) for folder in folders]


@pytest.fixture
def film(tmp_path):
    """Two grey frames, the first one darker."""
    path = tmp_path / "07.mp4"
    with ClipWriter(path, 64, 64, Fraction(25)) as clip:
        for number, level in enumerate((60, 180)):
            clip.write(np.full((64, 64, 3), level, np.uint8), Fraction(number, 25))
    return path


def test_a_head_rests_first_and_then_acts_within_what_a_face_can_do():
    yaw, pitch, roll, faces = zip(*living(np.random.default_rng(3), 112), strict=True)
    assert (yaw[0], pitch[0], roll[0]) == (0, 0, 0)
    assert max(faces[0].values()) < 0.01
    assert np.ptp(yaw) > 6
    assert set(faces[0]) <= set(EXPRESSIONS)
    for name in ("jawOpen", "eyeBlinkLeft", "eyeLookInLeft", "mouthSmileLeft"):
        values = [face[name] for face in faces]
        assert 0.05 < max(values) <= 1
        assert min(values) >= 0


def test_no_two_heads_act_alike():
    first, again, other = (living(np.random.default_rng(seed), 40) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_sequences_never_go_from_one_take_or_head_to_the_next(heads):
    company = Company(heads[:2], heads[2], light=0.4)
    first = len(heads[0].frames)
    assert set(company.starts(3)) == set(heads[0].starts(3)) | {first + start for start in heads[1].starts(3)}
    assert not company.follows(np.array([first]))[0]
    assert company.rig is heads[0].rig


def test_each_sequence_is_its_heads_own_in_one_light(heads):
    company = Company(heads[:2], heads[2], light=0.4)
    first = len(heads[0].frames)
    batch = company.draw(np.array([first + 2, 5]), 3, generator("draw", 1))
    alone = heads[1].draw(np.array([2]), 3, generator("draw", 1))
    light = batch.light[:1] / alone.light
    assert isinstance(batch, FaceSequences)
    assert not torch.allclose(batch.light[:1], batch.light[1:])
    assert 0 < light.log().abs().max() <= 0.4
    torch.testing.assert_close(batch.picture[:1], relit(alone.picture, light[:, None]))
    torch.testing.assert_close(batch.plate[:1], relit(alone.plate, light[:, None]))
    torch.testing.assert_close(batch.matte[:1], alone.matte)


def test_a_head_is_drafted_as_a_film_and_as_its_first_picture(film, tmp_path, monkeypatch):
    def run(last, files, work, **settings):
        asked.append((last, files))
        return {"takes": SimpleNamespace(dir=work / files["target"].suffix)}

    asked: list = []
    monkeypatch.setattr(prior_faces, "run_stages", run)
    work = tmp_path / "work"
    assert prepare(film, work) == [work / ".mp4", work / ".png"]
    assert [last for last, _ in asked] == [["takes"], ["takes"]]
    assert all(files["driving"] == film for _, files in asked)
    picture = prior_faces.cv2.imread(str(asked[1][1]["target"]))
    assert abs(int(picture.mean()) - 60) < 3


def test_a_head_that_is_not_found_is_left_out(film, tmp_path, monkeypatch):
    def run(*given, **settings):
        raise PersonError("no face")

    monkeypatch.setattr(prior_faces, "run_stages", run)
    assert prepare(film, tmp_path / "work") == []


def test_a_part_of_a_pipeline_is_what_its_last_stage_comes_from():
    pipeline = read_pipeline(resources.find("pipelines", "reanimate"))
    found = needed(pipeline, ["takes"])
    assert {"takes", "portrait", "driver", "target_face"} <= found
    assert not {"train", "animate"} & found
