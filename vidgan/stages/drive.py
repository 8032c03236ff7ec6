"""The drive stage: a driver's motion on the target's face."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vidgan.audio.fit import film_length, fit
from vidgan.errors import PersonError
from vidgan.face.head import HeadPose, angles, head_pose_of
from vidgan.face.shots import visits
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven, FaceTransferConfig, Filmed, drive, whole
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.driver import load_motion
from vidgan.stages.film_face import shots_of
from vidgan.subject.dubbing import strength_beside
from vidgan.subject.portrait import Portrait

LARGE = 25.0
"""Degrees of yaw from the target's picture up to which a turn keeps its shape."""

MOST_YAW = 40.0
"""Degrees of yaw from which on a filmed face is left as filmed: its far side is hardly seen."""

FILMED = "filmed.npz"


class DriveStage(Stage[FaceTransferConfig]):
    """Inputs: `driver`, `portrait`, `target_face`. Files: `driven.npz`, `track.npz` (the target's face as it shall be);
    for a video of the target `filmed.npz`, which of its frames is shown when. It runs there and back under a longer
    driver. Frames of it that show no face, another person's, or one from the side, stay as filmed.
    """

    name: ClassVar[str] = "drive"
    version: ClassVar[int] = 8
    Config = FaceTransferConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Transfer the motion."""
        motion = load_motion(context.input("driver"))
        portrait = Portrait.load(context.input("portrait"))
        track = motion.track
        filmed, facts = film_under(context, track, portrait), {}
        if filmed is not None:
            facts = _told(context, filmed)
            np.savez(context.dir / FILMED, **vars(filmed))
        driven = drive(
            motion.points, motion.neutral, portrait.points, self.config, portrait.looks, filmed, motion.shots
        )
        save_driven(context, driven, track, portrait, filmed)
        own = portrait.pose if filmed is None else head_pose_of(filmed.points)
        turned = angles(head_pose_of(driven.asked).rotation @ np.swapaxes(own.rotation, -1, -2))[:, 0]
        widest = float(np.abs(turned).max())
        if widest > LARGE:
            context.progress.warn(
                f"the head turns by {widest:.0f} degrees from the target's picture: beyond about {LARGE:.0f} the far "
                "side of the face was never seen; --strength lessens it"
            )
        missing = int((~track.present).sum())
        if missing:
            context.progress.warn(
                f"the driver shows no face in {missing} frames: the motion goes on between them, over a whole shot the "
                "head rests"
            )
        return {
            "neutral": motion.neutral, "without_face": missing, "widest_yaw": round(widest, 1),
            "motion": self.config.motion, "region": self.config.region, "strength": self.config.strength,
        } | facts  # fmt: skip


def _told(context: StageContext, filmed: Filmed) -> dict[str, Any]:
    """Say how the target's video goes along, and the facts of it."""
    left = int((filmed.share == 0).sum())
    if left == len(filmed.share):
        raise PersonError(
            "the target's video shows no face from the front, with nothing before it, in any frame that the driver is "
            "long enough for: cut the video to where it does, or use a picture"
        )
    if (np.diff(filmed.frames) < 0).any():
        context.progress.note("the driver is longer than the target's video, which runs back and forth under it")
    if left:
        context.progress.warn(
            f"{left} frames of the result are as filmed: the target shows no face there, another one, one from the "
            "side, or something before it"
        )
    return {
        "target_frames": int(np.ptp(filmed.frames)) + 1, "as_filmed": left, "cuts": int(visits(filmed.shots)[-1]),
    }  # fmt: skip


def film_under(context: StageContext, driver: FaceTrack, portrait: Portrait) -> Filmed | None:
    """The target's video under a driver's frames; None for a picture."""
    folder = context.input("target_face")
    track = FaceTrack.load(folder / "track.npz")
    if len(track) < 2:
        return None
    masks = np.load(folder / "masks.npy", mmap_mode="r", allow_pickle=False)
    # A face that was filled in has no mask: something is before it.
    seen = track.present & (masks.reshape(len(masks), -1).max(1) > 127)
    across, down = portrait.size / [track.width, track.height]
    points = whole(track.points, track.present, track.seconds) * [across, down, across]
    front = np.abs(angles(head_pose_of(points).rotation)[:, 0]) <= MOST_YAW
    line = fit(track.pts, track.time_base, film_length(driver.pts, driver.time_base), "loop")
    shown = np.searchsorted(line.seconds, driver.seconds + 1e-6, side="right") - 1
    frames = line.frames[np.maximum(shown, 0)]
    shots = shots_of(folder, frames)
    share = strength_beside((seen & front)[frames], visits(shots))
    return Filmed(frames, points[frames], share, shots)


def load_filmed(context: StageContext) -> Filmed | None:
    """What the drive stage, the input `motion`, wrote of the target's video; None for a picture."""
    path = context.input("motion") / FILMED
    if not path.exists():
        return None
    with np.load(path, allow_pickle=False) as data:
        return Filmed(**data)


def visits_of(filmed: Filmed | None, driver: NDArray[np.int64]) -> NDArray[np.int64]:
    """The `visits` of what is shown, (T,): a cut of the driver, of shots (T,), or of the target's video begins one."""
    own = 0 if filmed is None else filmed.shots
    return visits(driver + (int(driver.max()) + 1) * own)


def save_driven(
    context: StageContext, driven: Driven, track: FaceTrack, portrait: Portrait, filmed: Filmed | None
) -> None:
    """Write what was asked: as it is painted, and as a track."""
    values = {"points": driven.points, "gaze": driven.gaze, "asked": driven.asked}
    np.savez(context.dir / "driven.npz", **values, **vars(driven.pose))
    asked_track(driven, track, portrait, filmed).save(context.dir / "track.npz")


def asked_track(driven: Driven, track: FaceTrack, portrait: Portrait, filmed: Filmed | None = None) -> FaceTrack:
    """The face that is meant, at the times of the driver's track, in the portrait's pixels; present where it is
    animated.
    """
    height, width = portrait.picture.shape[:2]
    present = np.ones(len(track), bool) if filmed is None else filmed.share > 0
    return FaceTrack(
        driven.asked[..., :2].astype(np.float32), driven.asked[..., 2].astype(np.float32),
        present, track.pts, track.time_base, width, height, track.backend,
    )  # fmt: skip


def load_driven(context: StageContext, name: str = "motion") -> tuple[Driven, FaceTrack]:
    """What a drive stage wrote."""
    folder = context.input(name)
    with np.load(folder / "driven.npz", allow_pickle=False) as data:
        pose = HeadPose(data["rotation"], data["scale"], data["translation"])
        driven = Driven(data["points"], pose, data["gaze"], data["asked"])
    return driven, FaceTrack.load(folder / "track.npz")
