"""The sign stage, the last one that touches the video: content credentials that say what it is and was made from."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import field_validator, model_validator

from vidgan.config import Config, runtime
from vidgan.errors import CacheError
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.encode import finished_video
from vidgan.stages.manifest import Manifest, read_manifests
from vidgan.trust.credentials import Ingredient, Statement, holds_credentials, sign
from vidgan.trust.keys import load_identity
from vidgan.trust.mark import consent_of, read_consent

CREDENTIALS = "c2pa"
"""The file of the credentials of a video that cannot hold them; placed as NAME.mkv.c2pa."""


class SignConfig(Config):
    """Who signs, and what is said.

    certificate, private_key: a chain and its key in PEM, by default the own ones; consent: who agreed, a text or a
    file; timestamp: the URL of a time-stamp server, without which nothing goes to the network; edits: the input that
    the video is an edited version of, where it was not made anew; title: the video's name, where it is known: one that
    is only renamed later keeps it.
    """

    certificate: Path | None = None
    private_key: Path | None = runtime(None)
    consent: Path | str | None = None
    timestamp: str | None = None
    edits: str | None = None
    title: str | None = runtime(None)

    @field_validator("consent")
    @classmethod
    def _file_or_text(cls, value: Path | str | None) -> Path | str | None:
        """A consent that is the name of a file stands for the file."""
        return consent_of(value)

    @model_validator(mode="after")
    def _together(self) -> Self:
        if (self.certificate is None) != (self.private_key is None):
            raise ValueError("sign.certificate and sign.private_key go together: give both or none")
        return self


class SignStage(Stage[SignConfig]):
    """`video` (an encode directory) in, `output.<container>` out, and `c2pa` for containers that hold no credentials.

    All other inputs are told of in the credentials: files as ingredients by the input's name, stages by their settings,
    and those that trained something by the digests of its weights and of those it began from.
    """

    name: ClassVar[str] = "sign"
    version: ClassVar[int] = 3
    Config: ClassVar[type[Config]] = SignConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Sign the finished video, or pass it on as it is when it is not to be marked.

        Raises:
            CacheError: there is no finished video.
            TrustError: the keys will not do.
            OutputError: the disk is full or fails.
        """
        config = self.config
        video = finished_video(context.input("video"))
        manifests = read_manifests(context.inputs)
        if "video" not in manifests:
            raise CacheError(f"{context.input('video')} has no manifest: remove it and run again")
        mark = manifests["video"].facts.get("mark", {})
        consent = read_consent(config.consent)
        output = context.dir / video.name
        if mark.get("watermark") is None:
            shutil.copyfile(video, output)
            return {"credentials": None, "signer": None, "why": mark.get("why"), "consent": consent}
        assert config.certificate is not None, "no certificate was chosen"
        assert config.private_key is not None, "no private key was chosen"
        identity = load_identity(config.certificate, config.private_key)
        context.progress.start("sign", None, "videos")
        ingredients = [Ingredient(name, path) for name, path in context.inputs.items() if path and path.is_file()]
        statement = Statement(
            title=config.title or video.name,
            number=int(mark["watermark"], 16),
            edits=config.edits,
            run={
                "settings": {it.instance: _told(it.config) for it in manifests.values()},
                "models": {name: digest for it in manifests.values() for name, digest in models(it).items()},
                "label": mark.get("label"),
                "consent": consent,
            },
        )
        sidecar = context.dir / CREDENTIALS
        sign(video, output, statement, ingredients, identity, sidecar, config.timestamp, context.progress.note)
        embedded = holds_credentials(output)
        if not embedded:
            beside = f"they go into a file beside it, NAME{output.suffix}.c2pa"
            context.progress.note(f"{output.suffix[1:]} holds no content credentials: {beside}")
        return {
            "credentials": "embedded" if embedded else "sidecar",
            "signer": identity.name,
            "why": None,
            "consent": consent,
        }


def _told(config: dict[str, Any]) -> dict[str, Any]:
    """Settings for all to read: without the watermark's secret, which stands there as the digest of its file."""
    return {name: value for name, value in config.items() if name != "watermark_key"}


def models(stage: Manifest) -> dict[str, str]:
    """The SHA-256 of the weights that a stage trained and, where they are shipped ones further trained, of these."""
    trained = next((record for name, record in sorted(stage.files.items()) if name.endswith(".safetensors")), None)
    found = {stage.instance: trained and trained.sha256, f"{stage.instance} began from": stage.facts.get("prior")}
    return {name: digest for name, digest in found.items() if isinstance(digest, str)}
