"""Takes of a film: its frames animated to look like others of it."""

from __future__ import annotations

import numpy as np
import pytest

from tests.conftest import ROOT
from tests.face.faces import talking
from tests.stages.killed import Killed, KilledAfter
from vidgan.face.head import angles, head_pose_of
from vidgan.face.motion import FaceMotion
from vidgan.face.mouths import SIZE, Mouths
from vidgan.face.regions import LIPS_INNER
from vidgan.face.track import FaceTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.film_face import FilmFaceConfig, FilmFaceStage
from vidgan.stages.portrait import PortraitConfig, PortraitStage
from vidgan.stages.takes import TakesConfig, TakesStage, longest_shot
from vidgan.subject import rehearse, takes
from vidgan.subject.footage import ExampleConfig
from vidgan.subject.portrait import Portrait
from vidgan.subject.rehearse import BLOCK, ECHO, others, spread_blocks, uses
from vidgan.subject.takes import TakeFootage, Takes
from vidgan.tasks.prior import load_prior
from vidgan.tasks.repair import RepairConfig, RepairTask
from vidgan.train.engine import launch

FILM = ROOT / "samples" / "faces" / "target.mp4"
FRAMES = 75


@pytest.fixture(scope="module")
def film(tmp_path_factory):
    """The inputs of a takes stage with a film as its target."""
    folder = tmp_path_factory.mktemp("film")
    inputs = {"target": FILM, "driving": FILM} | {name: folder / name for name in ("target_face", "driver", "portrait")}
    for name in ("target_face", "driver", "portrait"):
        (folder / name).mkdir()
    FilmFaceStage(FilmFaceConfig(masks=True)).run(context(folder / "target_face", {"video": FILM}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("vidgan.stages.portrait.looks_of", lambda portrait: portrait.looks)
        given = {"video": FILM, "face": folder / "target_face"}
        PortraitStage(PortraitConfig()).run(context(folder / "portrait", given))
    keep(mouthless(talking(10)[0]), folder / "driver")
    return inputs


def mouthless(track, cuts=()):
    """The motion of a track that shows no mouths."""
    count = len(track)
    none = Mouths(
        np.zeros((count, *SIZE, 3), np.uint8), np.zeros((count, len(LIPS_INNER), 2), np.float32),
        np.full((count, 3), 90, np.float32),
    )  # fmt: skip
    return FaceMotion(track, 0, none, np.array(cuts, np.int64))


def keep(motion, folder):
    """Write a motion as the driver stage does."""
    motion.save(folder / "motion.npz")
    np.save(folder / "pictures.npy", motion.mouths.pictures)


def context(folder, inputs, progress=None):
    return StageContext(folder, inputs, "cpu", 0, progress or Silent())


STAGE = TakesStage(TakesConfig(size=64, frames=60, ways=2, portrait=4))


@pytest.fixture(scope="module")
def made(film, tmp_path_factory):
    folder = tmp_path_factory.mktemp("takes")
    return folder, STAGE.run(context(folder, film))


def test_a_face_that_was_never_met_is_mended_better_before_any_training(made):
    def score(asked):
        config = RepairConfig(precision="32-true", perceptual="efficientnet-lite0", prior=asked)
        weights = load_prior(config, footage).weights
        return RepairTask(footage, config, launch("cpu", "32-true"), 0, weights).evaluate()["perceptual"]

    footage = TakeFootage(Takes.load(made[0]), ExampleConfig())
    assert score("auto") < 0.95 * score("none")


def test_a_film_is_drafted_from_its_own_frames(made):
    folder, facts = made
    found = Takes.load(folder)
    count = facts["frames"]
    assert facts == {"whose": "target", "frames": count, "ways": 2, "drafts": 2 * count + 4, "size": 64}
    assert 48 <= count <= 60
    inside = found.filmed[..., 3:] > 127

    def apart(picture, of):
        return np.abs(picture.astype(int) - found.filmed[of, ..., :3])[inside[of][..., 0]].mean()

    drafted = np.array([apart(found.drafts[row], found.of[row]) for row in range(2 * count)])
    others_ = np.array([apart(found.filmed[(row + 24) % count, ..., :3], row) for row in range(count)])
    assert drafted.min() > 0.05  # never the frame itself
    assert np.median(drafted) < 0.8 * np.median(others_)  # but made to look like it
    assert found.held[:count].any()
    assert not found.held[count : 2 * count].any()
    assert not (found.train & found.held).any()


@pytest.mark.parametrize("ways", [1, 3])
def test_frames_are_drafted_from_known_ones_of_other_moments_turned_alike(ways):
    taken = np.concatenate([np.arange(72), np.arange(150, 220)])
    turned = np.stack([20 * np.sin(taken / 9), np.zeros(len(taken)), np.zeros(len(taken))], 1)
    known = taken[: uses(taken, 0.15).count("train")]
    sources = others(taken, turned, 0.15, ways)
    assert sources.shape == (ways, len(taken))
    assert set(sources.ravel()) <= set(known)
    at = np.searchsorted(taken, sources)
    assert np.abs(taken - sources).min() >= ECHO
    assert np.abs(turned[at[0]] - turned).mean() < 2
    for source in sources:
        assert (np.diff(source) != 1).sum() <= 3 * (len(taken) // BLOCK + 1)
    assert len(np.unique(sources, axis=0)) == ways


def test_no_sequence_runs_over_a_leap_of_the_frames_it_is_drafted_from(film, made):
    found, count = Takes.load(made[0]), made[1]["frames"]
    track = FaceTrack.load(film["target_face"] / "track.npz")
    taken = spread_blocks(track.present, 60)
    turned = angles(head_pose_of(track.points[taken]).rotation)
    for way, source in enumerate(others(taken, turned, STAGE.config.held_out, 2)):
        steps = np.diff(found.frames[way * count : (way + 1) * count])
        assert (steps > 0).all()
        assert (steps[np.diff(source) != 1] != 1).all()
        assert (steps == 1).sum() > 0.8 * count


def test_the_mouth_that_was_filmed_is_never_shown(film, tmp_path, monkeypatch):
    chosen = []
    portrait = Portrait.load(film["portrait"])
    choose = rehearse.choose_mouths

    def spied(*args, **more):
        borrowed = choose(*args, **more)
        chosen.append(portrait.mouth_frames[borrowed.own])
        return borrowed

    monkeypatch.setattr(rehearse, "choose_mouths", spied)
    with pytest.raises(Killed):
        STAGE.run(context(tmp_path, film, KilledAfter(1)))
    taken = spread_blocks(FaceTrack.load(film["target_face"] / "track.npz").present, 60)
    assert len(chosen) == 2
    for frames in chosen:
        assert np.abs(frames - taken).min() >= ECHO


@pytest.mark.parametrize("kill", [30, 51])
def test_killed_takes_of_a_film_go_on_and_are_the_same(film, made, tmp_path, monkeypatch, kill):
    monkeypatch.setattr(takes, "EVERY", 10)
    with pytest.raises(Killed):
        STAGE.run(context(tmp_path, film, KilledAfter(kill)))
    STAGE.run(context(tmp_path, film))
    for name in (takes.DRAFTS, takes.FILMED):
        assert (tmp_path / name).read_bytes() == (made[0] / name).read_bytes(), name
    with np.load(tmp_path / takes.TAKES) as again, np.load(made[0] / takes.TAKES) as once:
        assert all(np.array_equal(again[name], once[name]) for name in once.files)


def test_only_the_longest_shot_is_learnt_from():
    track, _ = talking(20)
    shots = np.repeat([0, 1, 2], [5, 7, 8])
    assert np.flatnonzero(longest_shot(track, shots).present).tolist() == list(range(12, 20))


def test_of_a_driver_that_stands_in_for_a_picture_too(tmp_path):
    picture, track = talking(1)[0], talking(FRAMES)[0]
    driver = mouthless(track, [10, 70])
    for name in ("target_face", "driver"):
        (tmp_path / name).mkdir()
    picture.save(tmp_path / "target_face" / "track.npz")
    np.save(tmp_path / "target_face" / "cuts.npy", np.zeros(0, np.int64))
    keep(driver, tmp_path / "driver")
    inputs = {"driving": FILM} | {name: tmp_path / name for name in ("target_face", "driver")}
    clip, whose = STAGE._clip(context(tmp_path, inputs))
    assert whose == "driver"
    assert np.flatnonzero(clip.track.present).tolist() == list(range(10, 70))
    keep(mouthless(track, [40]), tmp_path / "driver")
    told = Silent()
    assert STAGE._clip(context(tmp_path, inputs, told)) == (None, "portrait")
    assert "in one shot" in told.notes[0]
