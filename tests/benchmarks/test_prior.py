"""What the shipped generator is trained on: several people as one footage, none of those that are held out."""

from __future__ import annotations

import json
from fractions import Fraction
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from benchmarks import prior
from benchmarks.common import only_one
from benchmarks.company import Company
from benchmarks.prior import HELD_OUT, KINDS, prepare
from tests.subject.sticks import stick_subject
from vidgan.progress import Silent
from vidgan.subject.examples import BodyFootage
from vidgan.subject.footage import ExampleConfig, relit
from vidgan.subject.model import Subject
from vidgan.subject.references import ReferenceConfig
from vidgan.tasks.prior import load_prior
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.checkpoint import load_checkpoint
from vidgan.train.engine import launch
from vidgan.train.randomness import generator
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

SAMPLE = Path(__file__).parents[2] / "samples" / "truth.mp4"


@pytest.fixture(scope="module")
def people():
    config = ReferenceConfig(count=2)
    return [BodyFootage(stick_subject(count), 0.2, config, ExampleConfig(apart=3)) for count in (30, 24, 26)]


@pytest.fixture(scope="module")
def bruno(tmp_path_factory):
    """48 frames of `samples/truth.mp4`, whose dancer is held out."""
    folder = tmp_path_factory.mktemp("bruno")
    path = folder / "bruno.mp4"
    with ClipReader(SAMPLE) as clip, ClipWriter(path, clip.width, clip.height, Fraction(25)) as writer:
        for number, frame in enumerate(islice(clip, 48)):
            writer.write(frame.rgb, Fraction(number, 25))
    subject = Subject.load(prepare(path, folder / "work")[0])
    return BodyFootage(subject, 0.25, ReferenceConfig(), ExampleConfig(apart=5))


def score(footage, asked):
    config = RepairConfig(precision="32-true", perceptual="efficientnet-lite0", prior=asked)
    weights = load_prior(config, footage).weights
    return RepairTask(footage, config, launch("cpu", "32-true"), 0, weights).evaluate()["perceptual"]


def test_who_was_never_met_is_painted_better_before_any_training(bruno):
    assert score(bruno, "auto") < 0.95 * score(bruno, "none")


def test_the_samples_target_is_held_out():
    meta = json.loads((SAMPLE.parent / "meta.json").read_text())
    assert meta["people"]["target"]["name"] in HELD_OUT


def test_sequences_never_go_from_one_person_to_the_next(people):
    company = Company(people[:2], people[2], light=0.4)
    starts = company.starts(3)
    first = len(people[0].frames)
    assert set(starts) == set(people[0].starts(3)) | {first + start for start in people[1].starts(3)}
    assert not company.follows(np.array([first]))[0]


def test_each_sequence_is_its_persons_own_in_one_light(people):
    company = Company(people[:2], people[2], light=0.4)
    first = len(people[0].frames)
    batch = company.draw(np.array([first + 2, 5]), 3, generator("draw", 1))
    alone = people[1].draw(np.array([2]), 3, generator("draw", 1))
    light = batch.light[:1]
    assert not torch.allclose(light, batch.light[1:])
    torch.testing.assert_close(batch.points[:1], alone.points)
    torch.testing.assert_close(batch.picture[:1], relit(alone.picture, light[:, None]))
    torch.testing.assert_close(batch.plate[:1], relit(alone.plate, light[:, None]))
    torch.testing.assert_close(batch.references[:1, :, :, 3], alone.references[:, :, :, 3])
    torch.testing.assert_close(
        batch.references[:1, :, :, :3], relit(alone.references[:, :, :, :3], light[:, None, None])
    )
    # Close to 1: as far as asked, and not further.
    assert batch.light.log().abs().max() <= 0.4


def test_the_last_one_is_judged_on(people):
    company = Company(people[:2], people[2], light=0.0)
    assert np.array_equal(company.truth(company.held[:2]), people[2].truth(people[2].held[:2]))


def test_people_are_drawn_on_the_device_that_learns(monkeypatch, tmp_path):
    monkeypatch.setattr(Subject, "load", lambda folder: stick_subject(24))
    there = prior.company([[tmp_path]] * 2, KINDS["body"], 0.4, "meta")
    assert {part.motion["points"].device.type for part in (*there.parts, there.judged)} == {"meta"}


def test_a_training_goes_on_for_the_same_options_alone(monkeypatch, tmp_path):
    class Broken(Exception):
        pass

    def train(task, config, folder, progress, stop):
        folders.append(folder)
        raise Broken

    folders = []
    for name in ("prepare_all", "company", "RepairTask"):
        monkeypatch.setattr(prior, name, lambda *given: None)
    for number in range(48):
        (tmp_path / f"{number:02d}.mp4").touch()  # films that are there are not filmed again
    monkeypatch.setattr(prior, "train", train)
    for options in ((), (), ("--films", "3"), ("--steps", "5"), ("--light", "0"), ("--kind", "face")):
        result = CliRunner().invoke(prior.main, [str(tmp_path), *options])
        assert isinstance(result.exception, Broken)
    assert folders[0] == folders[1]
    assert len(set(folders)) == 5


def test_two_do_not_work_in_one_folder(tmp_path):
    with only_one(tmp_path):
        result = CliRunner().invoke(prior.main, [str(tmp_path)])
    assert result.exit_code == 1
    assert "another benchmark is at work there" in result.output


def test_training_stops_where_asked_and_goes_on_from_there(people, tmp_path):
    config = RepairConfig(
        steps=9, evaluations=1, width=8, depth=1, batch=1, references=ReferenceConfig(count=2), precision="32-true",
        perceptual="efficientnet-lite0",
    )  # fmt: skip

    def trained(*stops, folder):
        for last in stops:
            task = RepairTask(people[0], config, launch("cpu", "32-true"), 0)
            step = prior.train_until(last, task, config, tmp_path / folder, Silent())
        assert load_checkpoint(tmp_path / folder / "checkpoint.pt")["run"]["step"] == step
        return step, task.ema.network.state_dict()

    step, once = trained(3, folder="once")
    again, twice = trained(2, 3, 3, folder="twice")
    assert step == again == 3
    for name, value in once.items():
        assert torch.equal(value, twice[name])
    assert trained(2, folder="once")[0] == 3  # what is there is further, and is told so
