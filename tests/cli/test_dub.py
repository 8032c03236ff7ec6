from __future__ import annotations

import json

import pytest

from tests.face.talker import SOUND_RATE, voice
from tests.video.clips import click, numbered_frame, write_clip


@pytest.fixture
def film(tmp_path):
    return write_clip(tmp_path / "film.mp4", map(numbered_frame, range(6)), audio=("aac", 44100, click(0.3, 0.1)))


def test_plan_names_every_stage_and_sound_comes_on_with_ambience(vidgan, film, tmp_path):
    args = ("dub", film, film, "-o", tmp_path / "o.mp4", "--work", tmp_path / "work", "--device", "cpu", "--dry-run")
    code, out, err = vidgan(*args)
    assert code == 0, err
    names = ["face", "voice", "speak", "mouths", "dub", "encode", "sign", "report"]
    assert [line.split()[0] for line in out.splitlines()] == names
    code, out, _ = vidgan(*args, "--keep-ambience", "--json")
    stages = [stage["stage"] for stage in json.loads(out.splitlines()[-1])["stages"]]
    assert stages == [*names[:5], "sound", *names[5:]]


def test_options_reach_the_settings(film, tmp_path):
    from vidgan import api

    options = api.dub_options("90s", "left", "loop", True)
    run = api.prepare(
        "dub", {"film": film, "speech": film}, tmp_path / "o.mp4", options=options, work=tmp_path / "work"
    )
    settings = run.settings.model_dump()
    assert settings["train"]["budget"] == 90
    assert settings["face"]["person"] == "left"
    assert settings["speak"]["fit"] == "loop"
    assert settings["sound"]["keep_ambience"] is True
    assert str(api.dubbed_output("a/film.mov", "b/talk.wav")) == "out/film_says_talk.mp4"


@pytest.mark.parametrize(
    ("film_name", "speech_name", "message"),
    [
        ("gone.mp4", "film.mp4", "film .*gone.mp4 does not exist"),
        ("film.mp4", "gone.wav", "speech .*gone.wav does not exist"),
        ("film.mp4", "", "speech .* is a folder"),
    ],
)
def test_what_is_not_there_is_said_in_one_line(vidgan, film, tmp_path, film_name, speech_name, message):
    import re

    code, out, err = vidgan("dub", tmp_path / film_name, tmp_path / speech_name, "-o", tmp_path / "o.mp4")
    assert code == 1
    assert re.search(message, err.splitlines()[-1])
    assert len(err.splitlines()) == 1
    assert out == ""


def test_output_may_not_be_the_film(vidgan, film):
    code, _, err = vidgan("dub", film, film, "-o", film)
    assert code == 1
    assert "film.mp4" in err.splitlines()[-1]


def test_film_without_a_face_says_what_to_do(vidgan, tmp_path):
    film = write_clip(tmp_path / "film.mp4", map(numbered_frame, range(6)), audio=("aac", SOUND_RATE, voice(1)))
    code, _, err = vidgan("dub", film, film, "-o", tmp_path / "o.mp4", "--work", tmp_path / "work", "--quiet")
    assert code == 1
    assert "no face found" in err.splitlines()[-1]
