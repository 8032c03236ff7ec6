from __future__ import annotations

import hashlib

import pytest

from vidgan.errors import TrustError
from vidgan.trust.mark import consent_of, read_consent, read_key


@pytest.mark.parametrize(
    "text", ["Alice agreed. " * 100, "Alice agreed on 3.5.", "Alice\0", "agreed, see page.txt", "yes"]
)
def test_a_text_of_any_length_is_a_text(text):
    assert consent_of(text) == text
    assert read_consent(consent_of(text)) == {"statement": text}


def test_nothing_said_is_no_consent():
    assert consent_of(None) is None
    assert consent_of("  ") is None


@pytest.mark.parametrize("name", ["agreement.txt", "papers/Alice.PDF", "consent.md"])
def test_the_name_of_a_file_that_is_not_there_is_no_text(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TrustError, match=f"the consent {name} is no file: check its name"):
        consent_of(name)
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("I agree.")
    assert read_consent(consent_of(name))["statement"] == "I agree."


def test_a_key_is_not_the_digest_of_its_file(tmp_path):
    """Which stands in manifests, for whoever reads the work folder."""
    content = b"sixteen bytes or more"
    (tmp_path / "secret").write_bytes(content)
    assert read_key(tmp_path / "secret").secret != hashlib.sha256(content).digest()
