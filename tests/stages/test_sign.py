from __future__ import annotations

import json
import shutil

import c2pa
import pytest

from tests.stages.test_report import write_stage
from tests.trust.made import textured, write
from vidgan.errors import CacheError
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.manifest import FileRecord
from vidgan.stages.sign import SignConfig, SignStage
from vidgan.trust.credentials import STATEMENT, read_credentials
from vidgan.trust.keys import new_keys

MARK = {"watermark": "cafe1234", "key": "public", "label": None, "why": None}
TRAINED = {"generator.safetensors": FileRecord(size=1, sha256="a" * 64)}


def said_in(video):
    """What the run says of itself in a video's credentials."""
    with c2pa.Reader(str(video)) as reader:
        store = json.loads(reader.json())
    assertions = store["manifests"][store["active_manifest"]]["assertions"]
    return next(it["data"] for it in assertions if it["label"] == STATEMENT)


@pytest.fixture
def signing(tmp_path):
    """Runs the stage on an encode directory with the given mark; returns its directory, facts and progress."""
    chain, private_key = new_keys(tmp_path / "keys")
    clip = write(tmp_path / "source.mp4", textured(seconds=0.5))

    def run(mark=MARK, suffix="mp4", facts=None, files=None, encoded=None, **settings):
        video, model, folder = tmp_path / "video", tmp_path / "model", tmp_path / "sign"
        for path in (video, model, folder):
            shutil.rmtree(path, ignore_errors=True)
        write_stage(video, "encode", {"mark": mark}, config=encoded)
        write_stage(model, "train", facts, files=files)
        folder.mkdir()
        shutil.copy(clip, video / f"output.{suffix}")
        progress = Silent()
        config = SignConfig(certificate=chain, private_key=private_key, **settings)
        context = StageContext(folder, {"video": video, "source": clip, "model": model}, "cpu", 0, progress)
        return folder, SignStage(config).run(context), progress

    return run


def test_the_video_is_signed_and_says_what_it_is_made_from(signing, tmp_path):
    folder, facts, _ = signing(consent="Alice agreed")
    found = read_credentials(folder / "output.mp4", tmp_path / "keys" / "root.pem")
    assert (found.state, found.number, found.ingredients) == ("trusted", 0xCAFE1234, ("source.mp4",))
    assert found.consent == {"statement": "Alice agreed"}
    assert facts == {
        "credentials": "embedded", "signer": "vidgan user", "why": None, "consent": {"statement": "Alice agreed"},
    }  # fmt: skip
    assert [path.name for path in folder.iterdir()] == ["output.mp4"]


def test_what_is_not_marked_passes_as_it_is(signing, tmp_path):
    folder, facts, _ = signing({**MARK, "watermark": None, "why": "switched off"})
    assert (folder / "output.mp4").read_bytes() == (tmp_path / "source.mp4").read_bytes()
    assert (facts["credentials"], facts["why"]) == (None, "switched off")


def test_matroska_gets_its_credentials_beside_it_and_it_is_said(signing):
    folder, facts, progress = signing(suffix="mkv")
    assert sorted(path.name for path in folder.iterdir()) == ["c2pa", "output.mkv"]
    assert facts["credentials"] == "sidecar"
    assert "mkv holds no content credentials" in progress.notes[0]


def test_an_edited_film_is_opened(signing):
    folder, _, _ = signing(edits="source")
    assert read_credentials(folder / "output.mp4").made == "compositeWithTrainedAlgorithmicMedia"


def test_what_was_trained_and_what_it_began_from_are_named_by_their_digests(signing):
    folder, _, _ = signing(
        facts={"prior": "b" * 64}, files={"generator.safetensors": FileRecord(size=1, sha256="a" * 64)}
    )
    assert said_in(folder / "output.mp4")["models"] == {"train": "a" * 64, "train began from": "b" * 64}


def test_the_secret_of_a_watermark_is_not_told(signing):
    secret = "sha256:" + "5" * 64
    folder, _, _ = signing(encoded={"crf": 18, "watermark_key": secret})
    assert said_in(folder / "output.mp4")["settings"]["encode"] == {"crf": 18}
    assert b"5" * 64 not in (folder / "output.mp4").read_bytes()


def test_random_weights_have_no_digest(signing):
    folder, _, _ = signing(facts={"prior": None}, files=TRAINED)
    assert said_in(folder / "output.mp4")["models"] == {"train": "a" * 64}


def test_consent_by_a_file_is_named_with_its_digest(signing, tmp_path):
    (tmp_path / "consent.txt").write_text("I, Alice, agree.")
    folder, _, _ = signing(consent=str(tmp_path / "consent.txt"))
    consent = read_credentials(folder / "output.mp4").consent
    assert (consent["file"], consent["statement"]) == ("consent.txt", "I, Alice, agree.")
    assert len(consent["sha256"]) == 64


def test_an_encode_directory_without_manifest_or_video_is_refused(signing, tmp_path):
    signing()
    (tmp_path / "video" / "manifest.json").unlink()
    context = StageContext(tmp_path, {"video": tmp_path / "video"}, "cpu", 0, Silent())
    with pytest.raises(CacheError, match="no manifest"):
        SignStage(SignConfig()).run(context)
    (tmp_path / "video" / "output.mp4").unlink()
    with pytest.raises(CacheError, match="no finished video"):
        SignStage(SignConfig()).run(context)
