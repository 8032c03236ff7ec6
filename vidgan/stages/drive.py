"""The drive stage: a driver's motion on the target's face."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from vidgan.face.head import HeadPose, angles, head_pose_of
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven, FaceTransferConfig, drive, whole
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.driver import load_motion
from vidgan.subject.portrait import Portrait

LARGE = 25.0
"""Degrees of yaw from the target's picture up to which a turn keeps its shape."""


class DriveStage(Stage[FaceTransferConfig]):
    """Inputs: `driver`, `portrait`. Files: `driven.npz`, `track.npz` (the target's face as it shall be)."""

    name: ClassVar[str] = "drive"
    version: ClassVar[int] = 3
    Config = FaceTransferConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Transfer the motion."""
        motion = load_motion(context.input("driver"))
        portrait = Portrait.load(context.input("portrait"))
        track = motion.track
        points = whole(track.points, track.present, track.seconds)
        driven = drive(points, motion.neutral, portrait.points, self.config, portrait.looks)
        save_driven(context, driven, track, portrait)
        turned = angles(head_pose_of(driven.asked).rotation @ portrait.pose.rotation[0].T)[:, 0]
        widest = float(np.abs(turned).max())
        if widest > LARGE:
            context.progress.warn(
                f"the head turns by {widest:.0f} degrees from the target's picture: beyond about {LARGE:.0f} the far "
                "side of the face was never seen; --strength lessens it"
            )
        missing = int((~track.present).sum())
        if missing:
            context.progress.warn(f"the driver shows no face in {missing} frames: the motion goes on between them")
        return {
            "neutral": motion.neutral, "without_face": missing, "widest_yaw": round(widest, 1),
            "motion": self.config.motion, "region": self.config.region, "strength": self.config.strength,
        }  # fmt: skip


def save_driven(context: StageContext, driven: Driven, track: FaceTrack, portrait: Portrait) -> None:
    """Write what was asked: as it is painted, and as a track."""
    values = {"points": driven.points, "gaze": driven.gaze, "asked": driven.asked}
    np.savez(context.dir / "driven.npz", **values, **vars(driven.pose))
    asked_track(driven, track, portrait).save(context.dir / "track.npz")


def asked_track(driven: Driven, track: FaceTrack, portrait: Portrait) -> FaceTrack:
    """The face that is meant, at the times of the driver's track, in the portrait's pixels."""
    height, width = portrait.picture.shape[:2]
    return FaceTrack(
        driven.asked[..., :2].astype(np.float32), driven.asked[..., 2].astype(np.float32),
        np.ones(len(track), bool), track.pts, track.time_base, width, height, track.backend,
    )  # fmt: skip


def load_driven(context: StageContext, name: str = "motion") -> tuple[Driven, FaceTrack]:
    """What a drive stage wrote."""
    folder = context.input(name)
    with np.load(folder / "driven.npz", allow_pickle=False) as data:
        pose = HeadPose(data["rotation"], data["scale"], data["translation"])
        driven = Driven(data["points"], pose, data["gaze"], data["asked"])
    return driven, FaceTrack.load(folder / "track.npz")
