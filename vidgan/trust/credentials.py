"""Content credentials: a signed statement inside a file (C2PA 2) of what it is, made from what, how and by whom.

MP4, MOV, GIF and PNG hold theirs; for other containers it is a file beside the video, `out.mkv.c2pa`. Nothing here goes
to the network, but for a time-stamp server when one is given.
"""

from __future__ import annotations

import json
import mmap
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import c2pa

from vidgan import __version__
from vidgan.errors import TrustError
from vidgan.trust.keys import Identity
from vidgan.video.output import output_error, partial_path

SIDECAR = ".c2pa"
WATERMARK_NAME = "vidgan.1"
"""How the soft binding names the watermark's algorithm; it is not on the C2PA's public list."""
STATEMENT = "vidgan.run"

State = Literal["trusted", "valid", "unproven", "tampered", "none"]
"""Signed by somebody trusted; by somebody unknown; by a certificate that does not hold (it has ended, say), which
tells nothing against the file; changed since; not signed.
"""

_HELD = {".mp4": "video/mp4", ".m4v": "video/mp4", ".mov": "video/quicktime", ".gif": "image/gif", ".png": "image/png"}
_OTHERS = {".mkv": "video/x-matroska", ".webm": "video/webm", ".wav": "audio/wav", ".mp3": "audio/mpeg",
           ".avi": "video/x-msvideo", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".webp": "image/webp"}  # fmt: skip
_SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/"
_UNKNOWN = "application/octet-stream"
_UNTRUSTED = "signingCredential.untrusted"
_OF_SIGNER = ("signingCredential.", "timeStamp.")
"""How faults begin (C2PA 2, section 15) that are the signer's and not the file's."""
_LARGEST = 64 << 20
"""Bytes of credentials beside a file that are read: a history without pictures has a few hundred kB."""
_STORE = re.compile(rb"jumb.{4}jumd", re.DOTALL)
"""How a manifest store begins, in whatever container (ISO 19566-5, JUMBF)."""


@dataclass(frozen=True)
class Ingredient:
    """A file that the video was made from; `name` is what it served as: source, target, speech, ..."""

    name: str
    path: Path


@dataclass(frozen=True)
class Statement:
    """What the credentials say.

    title: of the video; number: of the run in its watermark, None without one; edits: the name of the ingredient that
    the video is an edited version of, None when it was made anew; run: more that is JSON-able (settings, model, ...).
    """

    title: str
    number: int | None
    edits: str | None = None
    run: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Credentials:
    """What was read. `signer`, `tool`, `ingredients` and so on are as the file says: text from outside.

    spoiled: the places, in `ingredients`, of those that had been changed after they were signed; history: how many
    manifests of ingredients come along; earlier: the runs' numbers in their watermarks.
    """

    state: State
    signer: str | None = None
    tool: str | None = None
    made: str | None = None
    number: int | None = None
    consent: Any = None
    ingredients: tuple[str, ...] = ()
    spoiled: tuple[int, ...] = ()
    history: int = 0
    earlier: tuple[int, ...] = ()
    sidecar: bool = False
    problems: tuple[str, ...] = ()


def holds_credentials(path: Path) -> bool:
    """Whether a file of this kind holds credentials itself."""
    return path.suffix.lower() in _HELD


def sidecar_of(path: Path) -> Path:
    """Where the credentials are of a file that holds none itself: beside it, under its whole name."""
    return path.with_name(path.name + SIDECAR)


def sign(
    path: Path,
    output: Path,
    statement: Statement,
    ingredients: Sequence[Ingredient],
    identity: Identity,
    sidecar: Path | None = None,
    timestamp: str | None = None,
    note: Callable[[str], None] = lambda text: None,
) -> None:
    """Write `path` to `output` with credentials in it, or, where its kind holds none, unchanged with a `sidecar`.

    Args:
        path: the finished file; may be `output` itself.
        output: the signed one; put in place when whole.
        statement: what to say.
        ingredients: the files that it was made from; those with credentials of their own bring their history.
        identity: who signs.
        sidecar: where credentials go that the file cannot hold; beside `output` when None.
        timestamp: the URL of a time-stamp server (RFC 3161); nothing is sent anywhere without.
        note: told of an ingredient whose content is not of the kind that its name says, or whose history is damaged.

    Raises:
        TrustError: the certificate is not one that C2PA takes, or the time-stamp server does not answer.
        OutputError: the file cannot be written.
    """
    kind = _kind(output)
    held = holds_credentials(output)
    beside = partial_path(output)

    def write(bare: frozenset[str] = frozenset()) -> bytes:
        """To `beside`, with the ingredients in `bare` without their histories."""
        with c2pa.Builder(_manifest(statement, ingredients), _context()) as builder:
            for ingredient in ingredients:
                _add(builder, ingredient, statement, ingredient.name in bare, note)
            if not held:
                builder.set_no_embed()
            with path.open("rb") as source, beside.open("w+b") as signed:
                return builder.sign(_signer(identity, timestamp), kind, source, signed)

    try:
        try:
            manifest = write()
        except c2pa.C2paError as error:  # histories are looked into only now: a damaged one may be the cause
            bare = frozenset(it.name for it in ingredients if read_credentials(it.path).state == "tampered")
            if isinstance(error, c2pa.C2paError.Signature) or not bare:
                raise
            manifest = write(bare)
            named = ", ".join(it.path.name for it in ingredients if it.name in bare)
            note(f"the credentials of {named} are damaged ({_line(error)}): named without their history")
        beside.replace(output)
        if not held:
            (sidecar or sidecar_of(output)).write_bytes(manifest)
    except c2pa.C2paError as error:
        raise TrustError(
            f"{statement.title} cannot be signed by {identity.name}: {_line(error)}{_advice(error, timestamp)}"
        ) from error
    except OSError as error:
        raise output_error(output, error) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)


def read_credentials(path: Path, trust: Path | None = None) -> Credentials:
    """The credentials of a file and what they are worth.

    Args:
        path: the file; its sidecar is looked for when its kind holds none.
        trust: certificates in PEM that signers are trusted by.

    Raises:
        TrustError: `trust` cannot be read.
    """
    anchors = _anchors(trust) if trust else None
    sidecar = _beside(path) is not None
    try:
        store = _store(path, anchors)
        return Credentials("none") if store is None else _found(store, sidecar)
    except _NO_FORM:
        return Credentials("tampered", sidecar=sidecar, problems=("what it says is in no form that is known",))
    except c2pa.C2paError as error:
        state: State = "tampered" if sidecar or _holds_store(path) else "none"
        if state == "none" and isinstance(error, c2pa.C2paError.NotSupported):
            return Credentials("none")  # its kind of file can hold none
        return Credentials(state, sidecar=sidecar, problems=(_line(error),))


# --- Writing ----------------------------------------------------------------------------------------------------------


def _manifest(statement: Statement, ingredients: Sequence[Ingredient]) -> dict[str, Any]:
    agent = {"name": "vidgan", "version": __version__}
    others = [it.name for it in ingredients if it.name != statement.edits]
    if statement.edits is None:
        kind = f"{_SOURCE_TYPE}trainedAlgorithmicMedia"
        created: dict[str, Any] = {"action": "c2pa.created", "digitalSourceType": kind, "softwareAgent": agent}
        actions = [created | _from(others)]
    else:
        kind = f"{_SOURCE_TYPE}compositeWithTrainedAlgorithmicMedia"
        edited = {"action": "c2pa.edited", "digitalSourceType": kind, "softwareAgent": agent}
        actions = [{"action": "c2pa.opened"} | _from([statement.edits]), edited | _from(others)]
    assertions: list[dict[str, Any]] = [{"label": STATEMENT, "data": dict(statement.run)}]
    if statement.number is not None:
        actions.append({"action": "c2pa.watermarked.bound"})
        binding = {"alg": WATERMARK_NAME, "blocks": [{"scope": {}, "value": f"{statement.number:08x}"}]}
        assertions.append({"label": "c2pa.soft-binding", "data": binding})
    return {
        "claim_generator_info": [agent],
        "title": statement.title,
        "assertions": [{"label": "c2pa.actions.v2", "data": {"actions": actions}}, *assertions],
    }


def _from(ingredients: list[str]) -> dict[str, Any]:
    """The part of an action that names its ingredients, where it has any."""
    return {"parameters": {"ingredientIds": ingredients}} if ingredients else {}


def _add(
    builder: c2pa.Builder, ingredient: Ingredient, statement: Statement, bare: bool, note: Callable[[str], None]
) -> None:  # fmt: skip
    """Tell of an ingredient; one that is not what its name says (Matroska called .mp4) as a file of unknown kind.

    So of a `bare` one: of a file of unknown kind no history is looked for.
    """
    relationship = "parentOf" if ingredient.name == statement.edits else "inputTo"
    path, kind = ingredient.path, _UNKNOWN if bare else _kind(ingredient.path)
    about = {"title": path.name, "relationship": relationship, "label": ingredient.name}
    with path.open("rb") as stream:
        try:
            history = {} if bare else _history_beside(builder, ingredient, note)
            builder.add_ingredient(about | history, kind, stream)
        except c2pa.C2paError:
            if kind == _UNKNOWN:
                raise
            note(f"{ingredient.name} {path.name} is no {kind} inside: the credentials name it without its own history")
            stream.seek(0)
            builder.add_ingredient(about, _UNKNOWN, stream)


def _history_beside(builder: c2pa.Builder, ingredient: Ingredient, note: Callable[[str], None]) -> dict[str, Any]:
    """Of an ingredient whose credentials are in a file beside it, what brings their history along; else nothing."""
    beside = _beside(ingredient.path)
    if beside is None:
        return {}
    try:
        store = _store(ingredient.path) or {}
        found = {"active_manifest": store["active_manifest"], "validation_results": store["validation_results"]}
    except (c2pa.C2paError, *_NO_FORM) as error:
        note(f"{beside.name} cannot be read ({_line(error)}): {ingredient.name} is named without its history")
        return {}
    name = f"{ingredient.name}{SIDECAR}"  # inputs from different folders may have one name
    with beside.open("rb") as stream:
        builder.add_resource(name, stream)
    return found | {"manifest_data": {"format": "application/c2pa", "identifier": name}}


def _advice(error: c2pa.C2paError, timestamp: str | None) -> str:
    """What to do about a signature that could not be made; nothing where it was not the signer who failed."""
    if not isinstance(error, c2pa.C2paError.Signature):
        return ""
    asked = timestamp and re.search(r"http|time.?stamp", str(error), re.IGNORECASE)
    return f"; check the time-stamp server {timestamp}, or leave it out" if asked else "; check the certificate"


def _signer(identity: Identity, timestamp: str | None) -> c2pa.Signer:
    address = timestamp.encode() if timestamp else None
    algorithm = identity.algorithm.encode()
    return c2pa.Signer.from_info(c2pa.C2paSignerInfo(algorithm, identity.chain, identity.private_key, address))


def _context(anchors: str | None = None) -> c2pa.Context:
    """Settings under which nothing is fetched and no pictures are put in beside what was said."""
    settings: dict[str, Any] = {
        "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False, "verify_trust": True},
        "builder": {"thumbnail": {"enabled": False}},
    }
    if anchors:
        settings["trust"] = {"user_anchors": anchors}
    return c2pa.Context(c2pa.Settings.from_dict(settings))


def _anchors(path: Path) -> str:
    try:
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is no PEM"
        raise TrustError(f"cannot read the trusted certificates {path}: {why}") from error
    if "-----BEGIN CERTIFICATE-----" not in text:
        raise TrustError(f"{path} holds no certificate in PEM: give the signer's root, such as its root.pem")
    return text


def _kind(path: Path) -> str:
    suffix = path.suffix.lower()
    return _HELD.get(suffix) or _OTHERS.get(suffix) or _UNKNOWN


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


# --- Reading ----------------------------------------------------------------------------------------------------------

_NO_FORM = (LookupError, TypeError, AttributeError, ValueError, RecursionError)
"""What reading credentials in no form that is known ends in."""


def _beside(path: Path) -> Path | None:
    """The file with the credentials of one that holds none itself, where there is one."""
    beside = sidecar_of(path)
    return beside if not holds_credentials(path) and beside.is_file() else None


def _store(path: Path, anchors: str | None = None) -> dict[str, Any] | None:
    """The manifest store of a file, or beside it, as the reader gives it; None without any.

    Raises C2paError or one of `_NO_FORM`.
    """
    beside = _beside(path)
    if beside and beside.stat().st_size > _LARGEST:
        raise ValueError(f"more than {_LARGEST >> 20} MiB are no credentials")
    with path.open("rb") as stream:
        found = beside.read_bytes() if beside else None
        reader = c2pa.Reader.try_create(_kind(path), stream, manifest_data=found, context=_context(anchors))
        if reader is None:
            return None
        with reader:
            store: dict[str, Any] = json.loads(reader.json())
            return store


def _holds_store(path: Path) -> bool:
    """Whether there is a manifest store anywhere in a file, intact or not."""
    if not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _STORE.search(content) is not None


def _found(store: dict[str, Any], sidecar: bool) -> Credentials:
    """The active manifest of a manifest store as the reader gives it."""
    failures = [it for it in store.get("validation_status", ()) if it.get("code") != _UNTRUSTED]
    otherwise = "unproven" if failures and not _changed(failures) else "tampered"
    state: State = {"Trusted": "trusted", "Valid": "valid"}.get(store.get("validation_state", ""), otherwise)  # type: ignore[assignment]
    others = dict(store["manifests"])
    manifest = others.pop(store["active_manifest"])
    said = _said(manifest)
    actions = said.get("c2pa.actions.v2", said.get("c2pa.actions", {})).get("actions", ())
    kinds = [it["digitalSourceType"].rpartition("/")[2] for it in actions if it.get("digitalSourceType")]
    tool: dict[str, Any] = next(iter(manifest.get("claim_generator_info", ())), {})
    signature, ingredients = manifest.get("signature_info", {}), manifest.get("ingredients", ())
    return Credentials(
        state=state,
        signer=signature.get("common_name") or signature.get("issuer"),
        tool=" ".join(filter(None, (tool.get("name"), tool.get("version")))) or manifest.get("claim_generator"),
        made=kinds[0] if kinds else None,
        number=_number(said),
        consent=said.get(STATEMENT, {}).get("consent"),
        ingredients=tuple(str(it.get("title")) for it in ingredients),
        spoiled=tuple(place for place, it in enumerate(ingredients) if _changed(_failures(it))),
        history=len(others),
        earlier=tuple(number for it in others.values() if (number := _number(_said(it))) is not None),
        sidecar=sidecar,
        problems=tuple(dict.fromkeys(f"{it.get('code')}: {it.get('explanation', '')}" for it in failures)),
    )


def _failures(ingredient: dict[str, Any]) -> list[dict[str, Any]]:
    """What did not hold in the credentials of an ingredient when it was added."""
    results = ingredient.get("validation_results", {}).get("activeManifest", {})
    return list(results.get("failure", ()))


def _changed(failures: list[dict[str, Any]]) -> bool:
    """Whether any of the faults is the file's own."""
    return any(not str(it.get("code")).startswith(_OF_SIGNER) for it in failures)


def _said(manifest: dict[str, Any]) -> dict[str, Any]:
    """The assertions of a manifest by their labels."""
    return {it["label"]: it.get("data", {}) for it in manifest.get("assertions", ())}


def _number(said: dict[str, Any]) -> int | None:
    """The run's number in a soft binding of ours."""
    binding = said.get("c2pa.soft-binding")
    if not isinstance(binding, dict) or binding.get("alg") != WATERMARK_NAME:
        return None
    try:
        return int(binding["blocks"][0]["value"], 16)
    except (KeyError, IndexError, TypeError, ValueError):
        return None
