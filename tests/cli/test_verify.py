from __future__ import annotations

import json
import shutil

import numpy as np
import pytest

from tests.runs.conftest import strips, tiny_config, trained  # noqa: F401 - fixtures
from tests.trust.made import marked, textured, write
from vidgan.cli.verify import _rows
from vidgan.trust import detect
from vidgan.trust.credentials import Credentials, Ingredient, Statement, sign
from vidgan.trust.detect import Found, Guess
from vidgan.trust.forensic import Judgement
from vidgan.trust.keys import load_identity, new_keys
from vidgan.trust.mark import FrameMarks
from vidgan.trust.verify import Verdict
from vidgan.trust.watermark import Watermark

NUMBER = 0xCAFE1234


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A marked and signed clip, and the same in parts."""
    folder = tmp_path_factory.mktemp("files")
    identity = load_identity(*new_keys(folder, "Studio \x1b[31m"))
    write(folder / "mark.mp4", marked(FrameMarks(NUMBER), seconds=3))
    sign(folder / "mark.mp4", folder / "both.mp4", Statement("both.mp4", NUMBER), [], identity)
    write(folder / "other.mp4", marked(Watermark(7), seconds=3))
    sign(folder / "other.mp4", folder / "mixed.mp4", Statement("mixed.mp4", NUMBER), [], identity)
    data = bytearray((folder / "both.mp4").read_bytes())
    data[-1000] ^= 1
    (folder / "tampered.mp4").write_bytes(data)
    write(folder / "clean.mp4", textured(seconds=3))
    return folder


@pytest.fixture(autouse=True)
def _search_at_the_own_size_alone(monkeypatch):
    monkeypatch.setattr(detect, "_SCALES", np.array([1.0]))


@pytest.mark.parametrize(
    ("name", "code", "verdict", "says"),
    [
        ("both", 0, "marked", "anybody can sign"),
        ("mark", 0, "marked", "credentials are gone"),
        ("tampered", 1, "tampered", "changed after it was signed"),
        ("mixed", 1, "tampered", "name different runs"),
        ("clean", 3, "nothing", "does not show that the video is real"),
    ],
)
def test_what_is_found_is_the_exit_code(vidgan, files, name, code, verdict, says):
    got, out, _ = vidgan("verify", files / f"{name}.mp4", "--json")
    said = json.loads(out)
    assert (got, said["verdict"]) == (code, verdict)
    assert says in said["sentence"]
    assert said["forensic"]["score"] is None
    assert "nothing was learnt" in json.dumps(said["forensic"])  # of pictures so small


@pytest.mark.parametrize("score", [0.001, 0.949, 0.999])
def test_how_a_video_looks_is_shown_and_changes_no_exit_code(vidgan, files, monkeypatch, score):
    monkeypatch.setattr("vidgan.trust.verify.judge", lambda video: Judgement(score))
    code, out, _ = vidgan("verify", files / "clean.mp4")
    assert code == 3
    says = {0.001: "cannot be told", 0.949: "cannot be told", 0.999: "looks made by vidgan or alike"}
    assert f"forensic     {score}: {says[score]}\n" in out
    assert vidgan("verify", files / "mark.mp4")[0] == 0


def test_the_watermark_of_an_input_is_no_contradiction(vidgan, files, tmp_path):
    identity = load_identity(files / "chain.pem", files / "private-key.pem")
    made = tmp_path / "made.mp4"
    sign(files / "mark.mp4", made, Statement("made.mp4", 7), [Ingredient("source", files / "both.mp4")], identity)
    code, out, _ = vidgan("verify", made, "--json")
    said = json.loads(out)
    assert (code, said["verdict"]) == (0, "marked")
    assert (said["credentials"]["number"], said["credentials"]["earlier"]) == ("00000007", ["cafe1234"])
    assert said["watermark"]["run"] == "cafe1234"


def test_all_problems_are_shown():
    credentials = Credentials("tampered", problems=("one", "two", "three", "four"))
    verdict = Verdict("a.mp4", credentials, Found(0, None, Guess()), Judgement(0.5))
    assert [text for name, text in _rows(verdict).items() if "problem" in name] == ["one", "two", "three", "four"]


def test_a_certificate_that_does_not_hold_is_no_tampering():
    verdict = Verdict("a.mp4", Credentials("unproven", signer="Studio"), Found(0, None, Guess()), Judgement(0.5))
    assert verdict.code == 0
    assert "certificate of “Studio” does not hold" in verdict.sentence
    assert _rows(verdict)["credentials"] == "intact, but the certificate of Studio does not hold"


def test_inputs_that_were_changed_are_told_apart():
    credentials = Credentials("valid", ingredients=("a.mp4", "b.mp4", "a.mp4"), spoiled=(0,))
    verdict = Verdict("c.mp4", credentials, Found(0, None, Guess()), Judgement(0.5))
    assert _rows(verdict)["from"] == "a.mp4 (changed after it was signed), b.mp4, a.mp4"


def test_a_signer_who_is_trusted_and_a_name_that_bends_no_terminal(vidgan, files):
    code, out, _ = vidgan("verify", files / "both.mp4", "--trust", files / "root.pem")
    assert code == 0
    assert "(trusted)" in out
    assert "run cafe1234" in out
    assert "none is recorded" in out
    assert "\x1b" not in out


def test_what_cannot_be_read_is_one_line(vidgan, files, tmp_path):
    shutil.copy(files / "root.pem", tmp_path / "text.mp4")
    code, _, err = vidgan("verify", tmp_path / "text.mp4")
    assert code == 1
    assert err.count("\n") == 1
    code, _, err = vidgan("verify", files / "both.mp4", "--trust", tmp_path / "gone.pem")
    assert code == 1
    assert "cannot read the trusted certificates" in err
    code, _, err = vidgan("verify", files / "both.mp4", "--watermark-key", tmp_path / "gone")
    assert (code, "cannot read the watermark's key" in err) == (1, True)


def test_keys_are_made_shown_and_not_replaced(vidgan, monkeypatch, tmp_path):
    monkeypatch.setenv("VIDGAN_TRUST", str(tmp_path / "keys"))
    assert vidgan("trust", "keys", "show")[0] == 1
    code, out, _ = vidgan("trust", "keys", "new", "--name", "Studio")
    assert code == 0
    assert "Studio" in out
    assert vidgan("trust", "keys", "show")[1] == out
    code, _, err = vidgan("trust", "keys", "new")
    assert (code, "--force` to replace them" in err) == (1, True)


def test_a_clip_of_generate_is_marked_unless_it_is_typed(vidgan, trained, tmp_path):  # noqa: F811
    more = ("-n", 1, "--device", "cpu", "--quiet", "-o")
    code, _, _ = vidgan("generate", trained, *more, tmp_path / "a.mp4", "--consent", "nobody is shown")
    assert code == 0
    said = json.loads(vidgan("verify", tmp_path / "a.mp4", "--json")[1])
    assert said["credentials"]["state"] == "valid"
    assert said["credentials"]["consent"] == {"statement": "nobody is shown"}
    assert vidgan("generate", trained, *more, tmp_path / "b.mp4", "--no-mark")[0] == 0
    assert vidgan("verify", tmp_path / "b.mp4")[0] == 3
