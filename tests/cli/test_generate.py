from __future__ import annotations

import json

import pytest

from tests.runs.conftest import strips, tiny_config, trained  # noqa: F401 - fixtures
from vidgan import resources
from vidgan.trust.credentials import read_credentials
from vidgan.trust.keys import new_keys


def test_clips_and_a_grid_in_a_folder(vidgan, trained, tmp_path):  # noqa: F811
    code, out, err = vidgan("generate", trained, "-n", 3, "--seed", 4, "-o", tmp_path / "out", "--device", "cpu")
    assert code == 0
    assert out == f"clips  {tmp_path / 'out'}\ngrid   {tmp_path / 'out' / 'grid.mp4'}\n"
    names = ["00004-falls.mp4", "00005-slides.mp4", "00006-falls.mp4", "grid.mp4"]
    assert sorted(it.name for it in (tmp_path / "out").iterdir()) == names
    assert "no frame rate" in err


def test_a_grid_alone_of_one_class(vidgan, trained, tmp_path):  # noqa: F811
    out = tmp_path / "grid.gif"
    more = ("--class", "falls", "--frames", 7, "--longer", "stretch", "--truncation", 0.5, "--device", "cpu", "--json")
    code, text, _ = vidgan("generate", trained / "model.safetensors", "-n", 2, "-o", out, *more)
    assert code == 0
    assert json.loads(text.splitlines()[-1]) == {"event": "result", "grid": str(out), "clips": []}
    assert [it.name for it in tmp_path.iterdir()] == ["grid.gif"]


def test_the_default_place_is_named_after_the_run(vidgan, trained, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    assert vidgan("generate", trained, "-n", 1, "--device", "cpu", "--quiet") == (0, "", "")
    assert (tmp_path / "out" / "generate" / "run" / "grid.mp4").exists()


def test_a_studio_signs_with_its_own_certificate(vidgan, trained, tmp_path):  # noqa: F811
    files, out = new_keys(tmp_path / "studio", "Example Studio"), tmp_path / "a.mp4"
    more = ("--certificate", *files, "--label", "--device", "cpu")
    assert vidgan("generate", trained, "-n", 1, "-o", out, *more)[0] == 0
    found = read_credentials(out, tmp_path / "studio" / "root.pem")
    assert (found.state, found.signer) == ("trusted", "Example Studio")


@pytest.mark.parametrize(
    ("args", "code", "says"),
    [
        (["RUN", "--class", "slide"], 2, "did you mean slides?"),
        (["nowhere"], 1, "no run is there"),
        (["RUN", "-o", "a.mp4", "--format", "gif"], 2, "is no gif"),
        (["RUN", "--truncation", 0], 2, "0.0 is not in the range"),
        (["RUN", "-n", 0], 2, "0 is not in the range"),
        (["RUN", "--certificate", "none.pem", "none.key"], 1, "cannot read the certificate none.pem"),
    ],
)
def test_mistakes(vidgan, trained, tmp_path, monkeypatch, args, code, says):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    found, out, err = vidgan("generate", *[trained if it == "RUN" else it for it in args], "--device", "cpu")
    assert (found, out) == (code, "")
    assert says in err


def test_without_a_run_and_without_a_shipped_model(vidgan, tmp_path, monkeypatch):
    monkeypatch.setattr(resources, "ROOT", tmp_path)
    code, _, err = vidgan("generate", "--device", "cpu")
    assert code == 1
    assert "came without its own model" in err
