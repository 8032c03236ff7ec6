from __future__ import annotations

import json
import shutil
import time
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import c2pa
import pytest

from tests.trust.made import textured, write
from tests.trust.time_stamps import time_stamp_server
from vidgan.errors import TrustError
from vidgan.trust import keys as keys_module
from vidgan.trust.credentials import (
    Credentials,
    Ingredient,
    Statement,
    _context,
    _manifest,
    _signer,
    read_credentials,
    sidecar_of,
    sign,
)
from vidgan.trust.keys import load_identity, new_keys

NUMBER = 0xCAFE1234
CONSENT = {"statement": "Alice agreed"}


@pytest.fixture(scope="module")
def keys(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keys")
    return load_identity(*new_keys(folder, "Studio")), folder / "root.pem"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write(tmp_path_factory.mktemp("clip") / "clip.mp4", textured(seconds=0.5))


@pytest.fixture
def signed(keys, clip, tmp_path):
    """Signs a copy of the clip under another name, as made from a source and a target."""

    def run(name="out.mp4", ingredients=("source", "target"), **changes):
        path = shutil.copy(clip, tmp_path / f"before-{name}")
        statement = Statement(name, NUMBER, **({"run": {"consent": CONSENT}} | changes))
        sign(path, tmp_path / name, statement, [Ingredient(it, clip) for it in ingredients], keys[0])
        return tmp_path / name

    return run


def manifest(path):
    with c2pa.Reader(str(path), context=_context()) as reader:
        return reader.get_active_manifest()


@pytest.mark.parametrize("name", ["out.mp4", "out.m4v", "out.mov"])
def test_what_is_signed_is_read(signed, keys, name):
    path = signed(name)
    found = read_credentials(path)
    assert (found.state, found.signer, found.number) == ("valid", "Studio", NUMBER)
    assert found.made == "trainedAlgorithmicMedia"
    assert found.consent == CONSENT
    assert found.ingredients == ("clip.mp4", "clip.mp4")
    assert found.tool.startswith("vidgan ")
    assert (found.problems, found.sidecar, found.history) == ((), False, 0)
    assert read_credentials(path, keys[1]).state == "trusted"


def test_another_root_makes_no_trust(signed, tmp_path):
    new_keys(tmp_path / "other")
    assert read_credentials(signed(), tmp_path / "other" / "root.pem").state == "valid"


@pytest.mark.parametrize("place", [0.1, 0.5, 0.95])
def test_a_changed_byte_shows(signed, place):
    path = signed()
    data = bytearray(path.read_bytes())
    data[round(place * len(data))] ^= 1
    path.write_bytes(data)
    assert read_credentials(path).state in ("tampered", "none")
    if place > 0.4:  # in the pictures
        assert read_credentials(path).state == "tampered"
        assert "mismatch" in read_credentials(path).problems[0]


@pytest.mark.parametrize(("content", "name"), [("clip.mkv", "in.mp4"), ("clip.mp4", "in.wav"), ("clip.mp4", "in.png")])
def test_an_ingredient_that_is_not_what_its_name_says_is_named_all_the_same(keys, clip, tmp_path, content, name):
    made = clip if content == clip.name else write(tmp_path / content, textured(seconds=0.5))
    given = Path(shutil.copy(made, tmp_path / name))
    notes, output = [], tmp_path / "out.mp4"
    ingredients = [Ingredient("source", given), Ingredient("target", clip)]
    sign(clip, output, Statement("out.mp4", NUMBER), ingredients, keys[0], note=notes.append)
    found = read_credentials(output)
    assert (found.state, found.ingredients) == ("valid", (name, "clip.mp4"))
    assert len(notes) == 1
    assert notes[0].startswith(f"source {name} is no ")


@pytest.mark.parametrize("answer", [None, b"no time stamp"])
def test_a_time_stamp_server_that_fails_is_named_and_not_the_certificate(keys, clip, tmp_path, answer):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(200 if answer else 500)
            self.end_headers()
            self.wfile.write(answer or b"")

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/tsa"
        with pytest.raises(TrustError, match=f"check the time-stamp server {url}") as error:
            sign(clip, tmp_path / "out.mp4", Statement("out.mp4", 1), [], keys[0], timestamp=url)
        server.shutdown()
    assert "certificate" not in str(error.value).rpartition(";")[2]


def test_what_cannot_be_looked_into_is_not_called_tampered_with(clip, keys, tmp_path):
    given = Path(shutil.copy(write(tmp_path / "clip.mkv", textured(seconds=0.5)), tmp_path / "in.mp4"))
    found = read_credentials(given)
    assert found.state == "none"
    assert "could not be parsed" in found.problems[0]


def test_credentials_that_are_elsewhere_are_none_and_it_is_said(clip, keys, tmp_path):
    with c2pa.Builder(_manifest(Statement("a", 1), []), _context()) as builder:
        builder.set_no_embed()
        builder.set_remote_url("http://127.0.0.1:9/a.c2pa")
        with clip.open("rb") as source, (tmp_path / "remote.mp4").open("w+b") as output:
            builder.sign(_signer(keys[0], None), "video/mp4", source, output)
    found = read_credentials(tmp_path / "remote.mp4")
    assert found.state == "none"
    assert "http://127.0.0.1:9/a.c2pa" in found.problems[0]


def test_a_manifest_store_that_is_broken_is_tampered_with(signed):
    path = signed()
    data = bytearray(path.read_bytes())
    data[data.index(b"jumb") + 20] ^= 1  # in the name of the first box
    path.write_bytes(data)
    found = read_credentials(path)
    assert (found.state, len(found.problems)) == ("tampered", 1)


def test_credentials_cut_off_are_no_credentials(clip):
    assert read_credentials(clip).state == "none"


@pytest.mark.parametrize("name", ["out.mkv", "out.webm"])
def test_a_container_that_holds_none_gets_a_file_beside_it(signed, clip, name):
    path = signed(name)
    assert path.read_bytes() == clip.read_bytes()
    found = read_credentials(path)
    assert (found.state, found.sidecar, found.number) == ("valid", True, NUMBER)
    path.write_bytes(path.read_bytes() + b"\0")
    assert read_credentials(path).state == "tampered"
    sidecar_of(path).write_bytes(b"noise")
    assert read_credentials(path).state == "tampered"
    sidecar_of(path).unlink()
    assert read_credentials(path).state == "none"


def test_a_film_that_was_edited_is_opened_and_keeps_its_history(signed, keys, tmp_path):
    film = signed("film.mp4")
    statement = Statement("dubbed.mp4", NUMBER, edits="film")
    sign(film, tmp_path / "dubbed.mp4", statement, [Ingredient("film", film), Ingredient("speech", film)], keys[0])
    found = read_credentials(tmp_path / "dubbed.mp4")
    assert (found.state, found.made, found.history) == ("valid", "compositeWithTrainedAlgorithmicMedia", 1)
    said = manifest(tmp_path / "dubbed.mp4")
    actions = next(it["data"]["actions"] for it in said["assertions"] if it["label"] == "c2pa.actions.v2")
    assert [it["action"] for it in actions] == ["c2pa.opened", "c2pa.edited", "c2pa.watermarked.bound"]
    assert [it["relationship"] for it in said["ingredients"]] == ["parentOf", "inputTo"]


@pytest.mark.parametrize("name", ["film.mkv", "film.webm"])
def test_a_history_beside_an_input_is_kept_too(signed, keys, tmp_path, name):
    film = signed(name)
    sign(film, tmp_path / "next.mp4", Statement("next.mp4", 7), [Ingredient("film", film)], keys[0])
    found = read_credentials(tmp_path / "next.mp4", keys[1])
    assert (found.state, found.history, found.earlier, found.spoiled) == ("trusted", 1, (NUMBER,), ())


def test_inputs_of_one_name_keep_a_history_each(keys, clip, tmp_path):
    films = [Path(folder, "film.mkv") for folder in (tmp_path / "a", tmp_path / "b")]
    for number, film in enumerate(films, 1):
        film.parent.mkdir()
        sign(clip, film, Statement("film.mkv", number), [], keys[0])
    made = [Ingredient(name, film) for name, film in zip(("source", "target"), films, strict=True)]
    sign(clip, tmp_path / "next.mp4", Statement("next.mp4", 7), made, keys[0])
    found = read_credentials(tmp_path / "next.mp4", keys[1])
    assert (found.state, found.history, sorted(found.earlier)) == ("trusted", 2, [1, 2])


@pytest.mark.parametrize("content", [b"", b"noise", b"{}"])
def test_a_broken_history_beside_an_input_is_left_out_and_told(signed, keys, clip, tmp_path, content):
    film, told = signed("film.mkv"), []
    sidecar_of(film).write_bytes(content)
    sign(clip, tmp_path / "next.mp4", Statement("n", 7), [Ingredient("film", film)], keys[0], note=told.append)
    found = read_credentials(tmp_path / "next.mp4", keys[1])
    assert (found.state, found.history, found.ingredients) == ("trusted", 0, ("film.mkv",))
    assert "film.mkv.c2pa cannot be read" in told[0]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_a_damaged_history_that_shows_only_on_signing_is_left_out_and_told(signed, keys, clip, tmp_path, name):
    film, other, told = signed(name), signed("other.mp4"), []
    holder = film if name == "film.mp4" else sidecar_of(film)
    content = holder.read_bytes()
    assert content.count(b"cafe1234") == 1
    holder.write_bytes(content.replace(b"cafe1234", b"\xff\xff\xff\xff1234"))  # no text: its assertion cannot be read
    made = [Ingredient("film", film), Ingredient("other", other)]
    sign(clip, tmp_path / "next.mp4", Statement("next.mp4", 7), made, keys[0], note=told.append)
    found = read_credentials(tmp_path / "next.mp4", keys[1])
    assert (found.state, found.history, found.ingredients) == ("trusted", 1, (name, "other.mp4"))
    assert found.earlier == (NUMBER,)
    assert f"the credentials of {name} are damaged" in told[-1]


def test_what_is_far_too_large_for_credentials_is_not_read(signed, keys, clip, tmp_path):
    film, told = signed("film.mkv"), []
    with sidecar_of(film).open("r+b") as file:
        file.truncate(1 << 40)
    assert read_credentials(film).state == "tampered"
    sign(clip, tmp_path / "next.mp4", Statement("n", 7), [Ingredient("film", film)], keys[0], note=told.append)
    assert read_credentials(tmp_path / "next.mp4").ingredients == ("film.mkv",)
    assert "film.mkv.c2pa cannot be read (more than 64 MiB are no credentials)" in told[0]


@pytest.mark.parametrize("name", ["film.mp4", "film.mkv"])
def test_an_input_that_was_changed_after_it_was_signed_is_told(signed, keys, clip, tmp_path, name):
    film = signed(name)
    content = bytearray(film.read_bytes())
    content[-100] ^= 1
    film.write_bytes(content)
    made = [Ingredient("film", film), Ingredient("speech", clip)]
    sign(clip, tmp_path / "next.mp4", Statement("next.mp4", 7), made, keys[0])
    found = read_credentials(tmp_path / "next.mp4", keys[1])
    assert (found.state, found.ingredients, found.spoiled) == ("trusted", (name, "clip.mp4"), (0,))


def test_a_certificate_that_has_ended_is_no_tampering(clip, tmp_path, monkeypatch):
    now = datetime.now(UTC)
    monkeypatch.setattr(keys_module, "LIFE", timedelta(minutes=5, seconds=3))  # they begin five minutes ago
    identity = load_identity(*new_keys(tmp_path / "short"))
    film = tmp_path / "film.mp4"
    sign(clip, film, Statement("film.mp4", 7), [], identity)
    while datetime.now(UTC) <= now + timedelta(seconds=4):
        time.sleep(0.1)
    found = read_credentials(film, tmp_path / "short" / "root.pem")
    assert (found.state, found.number) == ("unproven", 7)
    assert "certificate expired" in found.problems[0]
    content = bytearray(film.read_bytes())
    content[-100] ^= 1
    film.write_bytes(content)
    assert read_credentials(film).state == "tampered"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the time stamps")
def test_a_time_stamp_outlives_the_certificate(clip, tmp_path, monkeypatch):
    monkeypatch.setattr(keys_module, "LIFE", timedelta(minutes=5, seconds=10))  # they begin five minutes ago
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    film, root = tmp_path / "film.mp4", tmp_path / "short" / "root.pem"
    with time_stamp_server(tmp_path / "time") as url:
        identity, ends = load_identity(*new_keys(tmp_path / "short")), datetime.now(UTC) + timedelta(seconds=11)
        sign(clip, film, Statement("film.mp4", 7), [], identity, timestamp=url)
    while datetime.now(UTC) <= ends:
        time.sleep(0.1)
    assert read_credentials(film, root).state == "unproven"  # nobody says that the server is to be believed
    both = tmp_path / "both.pem"
    both.write_bytes(root.read_bytes() + (tmp_path / "time" / "root.pem").read_bytes())
    found = read_credentials(film, both)
    assert (found.state, found.number, found.problems) == ("trusted", 7, ())


def test_the_actions_name_what_the_video_was_made_from(signed):
    said = manifest(signed())
    created = next(it for it in said["assertions"] if it["label"] == "c2pa.actions.v2")["data"]["actions"][0]
    assert created["action"] == "c2pa.created"
    assert len(created["parameters"]["ingredients"]) == 2
    binding = next(it for it in said["assertions"] if it["label"] == "c2pa.soft-binding")["data"]
    assert (binding["alg"], binding["blocks"][0]["value"]) == ("vidgan.1", "cafe1234")


def test_nothing_is_said_of_a_watermark_that_is_not_there(keys, clip, tmp_path):
    sign(clip, tmp_path / "out.mp4", Statement("out.mp4", None), [], keys[0])
    assert read_credentials(tmp_path / "out.mp4").number is None
    assert "c2pa.soft-binding" not in json.dumps(manifest(tmp_path / "out.mp4"))


def test_a_file_can_be_signed_in_place(keys, clip, tmp_path):
    path = shutil.copy(clip, tmp_path / "a.mp4")
    sign(path, path, Statement("a.mp4", 1), [], keys[0])
    assert read_credentials(path).state == "valid"
    assert [it.name for it in tmp_path.iterdir()] == ["a.mp4"]


def test_a_certificate_that_c2pa_does_not_take_is_one_clear_line(clip, tmp_path):
    identity = load_identity(*new_keys(tmp_path / "keys"))
    broken = type(identity)(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", identity.private_key,
                            "es256", identity.certificate)  # fmt: skip
    with pytest.raises(TrustError, match=r"out.mp4 cannot be signed by vidgan user: .*check the certificate"):
        sign(clip, tmp_path / "out.mp4", Statement("out.mp4", 1), [], broken)
    assert not (tmp_path / "out.mp4").exists()


def test_a_kind_of_file_that_can_hold_none_has_none_and_no_problem(clip, tmp_path):
    film = tmp_path / "film.mpg"
    film.write_bytes(clip.read_bytes())
    assert read_credentials(film) == Credentials("none")


def test_a_trust_file_that_is_none_is_refused(clip, tmp_path):
    with pytest.raises(TrustError, match="cannot read the trusted certificates"):
        read_credentials(clip, tmp_path / "gone.pem")
    (tmp_path / "text.pem").write_text("hello")
    with pytest.raises(TrustError, match="holds no certificate in PEM"):
        read_credentials(clip, tmp_path / "text.pem")
