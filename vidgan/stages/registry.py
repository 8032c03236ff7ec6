"""The stages by name, imported when they are used, so that a command's help stays light.

Other packages add theirs by an entry point in the group `vidgan.stages`: `name = "package.module:Class"`.
"""

from __future__ import annotations

import traceback
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from vidgan.errors import ConfigError, DependencyError, VidganError
from vidgan.libraries import explained
from vidgan.stages.base import Stage

STAGES = {
    "pose": "vidgan.stages.pose:PoseStage",
    "face": "vidgan.stages.face:FaceStage",
    "subject": "vidgan.stages.subject:SubjectStage",
    "film_face": "vidgan.stages.film_face:FilmFaceStage",
    "driver": "vidgan.stages.driver:DriverStage",
    "portrait": "vidgan.stages.portrait:PortraitStage",
    "drive": "vidgan.stages.drive:DriveStage",
    "takes": "vidgan.stages.takes:TakesStage",
    "animate": "vidgan.stages.animate:AnimateStage",
    "retarget": "vidgan.stages.retarget:RetargetStage",
    "train": "vidgan.stages.train:TrainStage",
    "heldout": "vidgan.stages.heldout:HeldoutStage",
    "render": "vidgan.stages.render:RenderStage",
    "speaker": "vidgan.stages.speaker:SpeakerStage",
    "voice": "vidgan.stages.voice:VoiceStage",
    "speak": "vidgan.stages.speak:SpeakStage",
    "mouths": "vidgan.stages.mouths:MouthsStage",
    "mouth_takes": "vidgan.stages.mouth_takes:MouthTakesStage",
    "dub": "vidgan.stages.dub:DubStage",
    "sound": "vidgan.stages.sound:SoundStage",
    "dub_report": "vidgan.stages.dub_report:DubReportStage",
    "encode": "vidgan.stages.encode:EncodeStage",
    "sign": "vidgan.stages.sign:SignStage",
    "report": "vidgan.stages.report:ReportStage",
    "face_report": "vidgan.stages.face_report:FaceReportStage",
}

StageClass = type[Stage[Any]]


@cache
def known_stages() -> dict[str, str]:
    """The import path of every stage, those of other packages included; they cannot replace one of ours."""
    return {point.name: point.value for point in entry_points(group="vidgan.stages")} | STAGES


def stage_class(name: str) -> StageClass:
    """The class of a stage.

    Args:
        name: a registered name, or an import path `package.module:Class`.

    Raises:
        ConfigError: there is no such stage.
        DependencyError: its module cannot be imported; it says which library is missing or broken.
    """
    path = name if ":" in name else known_stages().get(name)
    if path is None:
        close = get_close_matches(name, known_stages(), 1)
        hint = f"did you mean {close[0]}?" if close else f"known are {', '.join(sorted(known_stages()))}"
        raise ConfigError(f"unknown stage {name}: {hint}")
    return load_class(path)


def load_class(path: str) -> StageClass:
    """Import `package.module:Class` and check that it is a stage."""
    module, _, attribute = path.partition(":")
    try:
        found: Any = import_module(module)
    except Exception as error:
        raise _unimportable(path, error) from error
    try:
        for part in attribute.split("."):
            found = getattr(found, part)
    except AttributeError:
        raise ConfigError(f"there is no {attribute} in {module}: check the stage's import path") from None
    if not (isinstance(found, type) and issubclass(found, Stage)):
        raise ConfigError(f"{path} is not a stage: derive it from vidgan.stages.base.Stage")
    return found


def _unimportable(path: str, error: Exception) -> VidganError:
    """Why a stage's module cannot be imported: a library of it, or an error of its own and where that is."""
    library = explained(error)
    if isinstance(library, VidganError):
        return DependencyError(f"stage {path} cannot be imported: {library}")
    last = traceback.extract_tb(error.__traceback__)[-1]
    said = " ".join(f"{type(error).__name__}: {error}".split())
    return DependencyError(f"stage {path} cannot be imported: {said} ({last.filename}, line {last.lineno})")
