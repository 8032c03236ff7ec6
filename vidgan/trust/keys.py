"""Whose name stands under the credentials: a certificate chain and the private key that goes with it.

Own keys are made once, in a folder that only their owner can read. They prove that two videos come from the same
installation and that nobody changed them since; whose installation it is, they prove to those who were given its root.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from vidgan.errors import TrustError
from vidgan.resources import own_folder
from vidgan.video.output import partial_path

CHAIN, PRIVATE_KEY, ROOT = "chain.pem", "private-key.pem", "root.pem"
LIFE = timedelta(days=3652)
"""Of own certificates: without a time-stamp a signature is believed as long as its certificate is valid."""

OWN_NAME = "vidgan user"
_LONGEST_NAME = 64 - len(", root")
"""A common name holds 64 bytes (X.520)."""

_PEM = serialization.Encoding.PEM


def trust_dir() -> Path:
    """`$VIDGAN_TRUST`, else `~/.config/vidgan/trust` (under `$XDG_CONFIG_HOME` when it is set)."""
    return own_folder("trust", "VIDGAN_TRUST", "XDG_CONFIG_HOME", ".config")


@dataclass(frozen=True)
class Identity:
    """A signer: its chain (the signer's own certificate first) and private key as PEM, checked to go together.

    `algorithm` is the name that C2PA gives the signature: es256, es384, ps256 or ed25519.
    """

    chain: bytes
    private_key: bytes
    algorithm: str
    certificate: x509.Certificate

    @property
    def name(self) -> str:
        """The common name in the certificate, or all of its subject."""
        names = self.certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return str(names[0].value) if names else self.certificate.subject.rfc4514_string()


def own_files(folder: Path | None = None) -> tuple[Path, Path]:
    """Where the own certificate chain and private key are, there or not."""
    folder = folder or trust_dir()
    return folder / CHAIN, folder / PRIVATE_KEY


def have_keys(folder: Path | None = None) -> bool:
    """Whether there are own keys: both files, since one alone is what a crash left."""
    return all(path.exists() for path in own_files(folder))


def new_keys(folder: Path | None = None, name: str = OWN_NAME, force: bool = False) -> tuple[Path, Path]:
    """Make a root, a certificate signed by it and its private key; the root's own private key is thrown away.

    An ES256 chain as C2PA 2.1, section 14.5.1 wants it: key usage digitalSignature, extended key usage
    emailProtection, subject and authority key identifiers. The old keys stay until the new ones are written.

    Returns:
        The chain and the private key, the latter readable by its owner alone.

    Raises:
        TrustError: there are keys already and `force` is not given, the name will not do for a certificate, or the
            folder cannot be written.
    """
    folder = folder or trust_dir()
    if not _make(folder, name, force):
        raise TrustError(f"{folder} holds keys already: say `vidgan trust keys new --force` to replace them")
    return own_files(folder)


def first_keys(folder: Path | None = None) -> bool:
    """Make own keys unless there are some, also when several processes want them at once; whether they are new.

    Raises:
        TrustError: the folder cannot be written.
    """
    folder = folder or trust_dir()
    return not have_keys(folder) and _make(folder, OWN_NAME, force=False)


def _make(folder: Path, name: str, force: bool) -> bool:
    """Put new keys in place, the chain last; False when there are some and `force` is not given."""
    chain, private_key = own_files(folder)
    root_key, own_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    try:
        root = _certificate(f"{name}, root", f"{name}, root", root_key, root_key, authority=True)
        own = _certificate(name, f"{name}, root", own_key, root_key, authority=False)
    except ValueError as error:
        raise TrustError(
            f"the name {name!r} will not do for a certificate: give one of 1 to {_LONGEST_NAME} characters"
        ) from error
    public = root.public_bytes(_PEM)
    files = {
        private_key: own_key.private_bytes(_PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        folder / ROOT: public,
        chain: own.public_bytes(_PEM) + public,
    }
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with _locked(folder):
            if have_keys(folder) and not force:
                return False
            for path, content in files.items():
                _write(partial_path(path), content, 0o600 if path == private_key else 0o644)
            for path in files:
                partial_path(path).replace(path)
    except OSError as error:
        raise TrustError(
            f"cannot write keys into {folder}: {error.strerror}; set VIDGAN_TRUST to a folder that can be written"
        ) from error
    return True


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock, so that the files of two processes do not mix."""
    with (folder / ".lock").open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def load_identity(chain: Path, private_key: Path) -> Identity:
    """Read a chain and a private key and check that one can sign with them today.

    Raises:
        TrustError: a file cannot be read or is none, they do not go together, or the certificate is not valid now.
    """
    chain_pem, key_pem = _read(chain, "certificate"), _read(private_key, "private key")
    try:
        certificate = x509.load_pem_x509_certificates(chain_pem)[0]
        public = certificate.public_key()
        begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
        _ = certificate.subject  # what is damaged in it shows when it is asked for
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError(f"{chain} is no certificate chain in PEM: give the signer's certificate first") from error
    try:
        secret = serialization.load_pem_private_key(key_pem, None)
    except TypeError as error:
        raise TrustError(f"{private_key} is locked with a password: give the key without one") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise TrustError(f"{private_key} is no private key in PEM: give the key of {chain}") from error
    if public != secret.public_key():
        raise TrustError(f"{private_key} is not the key of the certificate in {chain}: give the two that go together")
    now = datetime.now(UTC)
    if now > ends:
        raise TrustError(f"the certificate in {chain} ended on {ends:%Y-%m-%d}: renew it")
    if now < begins:
        raise TrustError(f"the certificate in {chain} begins on {begins:%Y-%m-%d}: wait")
    return Identity(chain_pem, key_pem, _algorithm(secret, private_key), certificate)


def _algorithm(secret: object, path: Path) -> str:
    if isinstance(secret, ec.EllipticCurvePrivateKey) and secret.curve.name in ("secp256r1", "secp384r1"):
        return "es256" if secret.curve.name == "secp256r1" else "es384"
    if isinstance(secret, rsa.RSAPrivateKey) and secret.key_size >= 2048:
        return "ps256"
    if isinstance(secret, ed25519.Ed25519PrivateKey):
        return "ed25519"
    raise TrustError(f"{path} is of a kind that C2PA does not sign with: take EC P-256 or P-384, RSA 2048 or Ed25519")


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TrustError(f"cannot read the {what} {path}: {error.strerror}") from error


def _write(path: Path, content: bytes, mode: int) -> None:
    """Write a new file that nobody but those in `mode` can read at any time."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)


def _certificate(
    subject: str,
    issuer: str,
    key: ec.EllipticCurvePrivateKey,
    by: ec.EllipticCurvePrivateKey,
    authority: bool,
) -> x509.Certificate:
    now = datetime.now(UTC) - timedelta(minutes=5)  # clocks differ
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(_usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(by.public_key()), critical=False)
    )
    if not authority:
        mail = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
        builder = builder.add_extension(mail, critical=False)
    return builder.sign(by, hashes.SHA256())


def _name(common: str) -> x509.Name:
    return x509.Name(
        [x509.NameAttribute(NameOID.COMMON_NAME, common), x509.NameAttribute(NameOID.ORGANIZATION_NAME, "vidgan")]
    )


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
