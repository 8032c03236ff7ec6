from __future__ import annotations

import json

import pytest

import vidgan.video.inspect


@pytest.fixture
def facts(monkeypatch):
    """What a film is said to be, without reading one."""

    def inspect(path, *, count=False):
        read = {"frames_read": 50} if count else {}
        return {"width": 16, "audio": {"codec": "aac", "start": "0"}, "duration": None, **read, "notes": ["one", "two"]}

    monkeypatch.setattr(vidgan.video.inspect, "inspect", inspect)


def test_a_line_for_each_fact(vidgan, folder, facts):
    assert vidgan("inspect", "film.mp4")[:2] == (
        0,
        "width        16\naudio.codec  aac\naudio.start  0\nnotes        one\nnotes        two\n",
    )


def test_one_object(vidgan, folder, facts):
    assert json.loads(vidgan("inspect", "film.mp4", "--count", "--json")[1])["frames_read"] == 50


def test_what_is_no_video_is_one_line(vidgan, folder):
    for name, says in (("film.mp4", "film.mp4"), ("none.mp4", "does not exist"), (".", "is a folder")):
        code, out, err = vidgan("inspect", name)
        assert (code, out, err.count("\n")) == (1, "", 1)
        assert says in err
