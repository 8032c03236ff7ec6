"""The retarget stage: the driving motion in the target's proportions and place."""

from __future__ import annotations

from typing import Any, ClassVar

from vidgan.pose.retarget import RetargetConfig, retarget
from vidgan.pose.track import PoseTrack
from vidgan.stages.base import Stage, StageContext


class RetargetStage(Stage[RetargetConfig]):
    """Inputs `driving` and `target` (pose stages); writes `track.npz`. Its facts are the parameters found."""

    name: ClassVar[str] = "retarget"
    version: ClassVar[int] = 1
    Config = RetargetConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Retarget and save.

        Raises:
            PersonError: one of the tracks has nobody in it.
        """
        driving, target = (PoseTrack.load(context.input(name) / "track.npz") for name in ("driving", "target"))
        track, parameters = retarget(driving, target, self.config)
        if parameters["anchor"] == "pelvis":
            context.progress.warn("feet are not seen in both clips: the motion is anchored at the hips")
        for way in ("sideways", "nearer"):
            if parameters.get(way, 1) < 1:
                context.progress.note(f"motion {way} reduced to {parameters[way]:.0%} to stay in the frame")
        track.save(context.dir / "track.npz")
        return parameters
