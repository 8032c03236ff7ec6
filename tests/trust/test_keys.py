from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from vidgan.errors import TrustError
from vidgan.trust import keys
from vidgan.trust.keys import first_keys, have_keys, load_identity, new_keys, own_files, trust_dir


def test_own_keys_are_what_c2pa_asks_for(tmp_path):
    chain, private_key = new_keys(tmp_path / "keys", "Studio Ä")
    own, root = x509.load_pem_x509_certificates(chain.read_bytes())
    own.verify_directly_issued_by(root)
    extensions = own.extensions
    usage = extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.EMAIL_PROTECTION]
    assert extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    assert not extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value.key_identifier
    assert issuer == root.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    identity = load_identity(chain, private_key)
    assert (identity.name, identity.algorithm) == ("Studio Ä", "es256")


def test_only_the_owner_can_read_the_private_key(tmp_path):
    before = os.umask(0)
    try:
        _, private_key = new_keys(tmp_path / "keys")
    finally:
        os.umask(before)
    assert private_key.stat().st_mode & 0o777 == 0o600
    assert private_key.parent.stat().st_mode & 0o777 == 0o700


def test_keys_are_not_replaced_unasked(tmp_path):
    chain, _ = new_keys(tmp_path)
    before = chain.read_bytes()
    with pytest.raises(TrustError, match="holds keys already: say `vidgan trust keys new --force`"):
        new_keys(tmp_path)
    assert chain.read_bytes() == before
    new_keys(tmp_path, force=True)
    assert chain.read_bytes() != before


def test_the_old_keys_stay_when_new_ones_cannot_be_written(tmp_path, monkeypatch):
    files = new_keys(tmp_path)
    before = [path.read_bytes() for path in files]

    def full(path, flags, mode=0o777):
        raise OSError(28, "No space left on device", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(keys.os, "open", full)
        with pytest.raises(TrustError, match="No space left"):
            new_keys(tmp_path, force=True)
    assert [path.read_bytes() for path in files] == before
    load_identity(*files)


@pytest.mark.parametrize("left", [0, 1])
def test_a_file_that_a_crash_left_alone_is_no_keys(tmp_path, left):
    files = new_keys(tmp_path)
    files[left].unlink()
    assert not have_keys(tmp_path)
    assert first_keys(tmp_path)
    load_identity(*files)
    assert not first_keys(tmp_path)


def test_processes_that_want_the_first_keys_at_once_get_the_same(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: first_keys(tmp_path / "keys"), range(8)))
    assert made.count(True) == 1
    load_identity(*own_files(tmp_path / "keys"))
    assert sorted(path.name for path in (tmp_path / "keys").iterdir()) == [
        ".lock", "chain.pem", "private-key.pem", "root.pem",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["", "x" * 59, "Ä" * 30])
def test_a_name_that_no_certificate_holds_is_one_clear_line(tmp_path, name):
    with pytest.raises(TrustError, match="will not do for a certificate: give one of 1 to 58"):
        new_keys(tmp_path / "keys", name)
    assert not have_keys(tmp_path / "keys")


def test_the_longest_name_is_taken(tmp_path):
    assert load_identity(*new_keys(tmp_path, "x" * 58)).name == "x" * 58


def test_where_keys_are(monkeypatch, tmp_path):
    monkeypatch.delenv("VIDGAN_TRUST")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert trust_dir() == tmp_path / "vidgan" / "trust"
    monkeypatch.setenv("VIDGAN_TRUST", "/elsewhere")
    assert str(trust_dir()) == "/elsewhere"


def test_a_folder_that_cannot_be_written_is_one_clear_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrustError, match=r"cannot write keys into .*file/keys: Not a directory; set VIDGAN_TRUST"):
        new_keys(tmp_path / "file" / "keys")


def test_a_read_only_folder_is_one_clear_line(tmp_path, monkeypatch):
    def refuse(path, flags, mode=0o777):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(keys.os, "open", refuse)
    with pytest.raises(TrustError, match="Permission denied; set VIDGAN_TRUST"):
        new_keys(tmp_path / "keys")


@pytest.fixture
def own(tmp_path):
    return new_keys(tmp_path / "own")


def test_a_key_of_another_certificate_is_refused(own, tmp_path):
    _, other = new_keys(tmp_path / "other")
    with pytest.raises(TrustError, match="is not the key of the certificate"):
        load_identity(own[0], other)


def test_missing_and_damaged_files_are_refused(own, tmp_path):
    with pytest.raises(TrustError, match=r"cannot read the private key .*gone.pem: No such file"):
        load_identity(own[0], tmp_path / "gone.pem")
    (tmp_path / "noise.pem").write_bytes(os.urandom(300))
    with pytest.raises(TrustError, match="no certificate chain in PEM"):
        load_identity(tmp_path / "noise.pem", own[1])
    with pytest.raises(TrustError, match="no private key in PEM"):
        load_identity(own[0], tmp_path / "noise.pem")


def test_a_key_with_a_password_is_refused(own, tmp_path):
    key = serialization.load_pem_private_key(own[1].read_bytes(), None)
    locked = serialization.BestAvailableEncryption(b"x")
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked)
    (tmp_path / "locked.pem").write_bytes(pem)
    with pytest.raises(TrustError, match="locked with a password"):
        load_identity(own[0], tmp_path / "locked.pem")


def test_a_certificate_that_is_over_or_not_begun_is_refused(tmp_path, monkeypatch):
    real = datetime

    class Shifted(datetime):
        shift = timedelta()

        @classmethod
        def now(cls, tz=None):
            return real.now(tz) + cls.shift

    monkeypatch.setattr(keys, "datetime", Shifted)
    chain, private_key = new_keys(tmp_path)
    Shifted.shift = timedelta(days=5000)
    with pytest.raises(TrustError, match=rf"ended on {(real.now(UTC) + keys.LIFE).year}.*renew it"):
        load_identity(chain, private_key)
    Shifted.shift = timedelta(days=-2)
    with pytest.raises(TrustError, match=r"begins on .*wait"):
        load_identity(chain, private_key)


def test_a_kind_of_key_that_c2pa_does_not_know_is_refused(own, tmp_path, monkeypatch):
    monkeypatch.setattr(keys.ec, "SECP256R1", ec.SECP256K1)
    chain, private_key = new_keys(tmp_path / "bitcoin")
    with pytest.raises(TrustError, match="take EC P-256"):
        load_identity(chain, private_key)
