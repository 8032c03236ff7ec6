"""The film_face stage: one person's face in a film that may have cuts."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.face.shots import OTHER, only_the_first
from vidgan.face.track import FaceTrack
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage, FaceStageConfig
from vidgan.video.cuts import THRESHOLD, find_cuts

CUTS = "cuts.npy"


class FilmFaceConfig(FaceStageConfig):
    """`other_face`: see `vidgan.face.shots.OTHER`; `cut_threshold` is `scdet`'s, for all stages that mind cuts."""

    other_face: float = Field(OTHER, gt=0)
    cut_threshold: float = Field(THRESHOLD, gt=0, le=100)


class FilmFaceStage(FaceStage):
    """As the face stage. After a cut the face is chosen anew; shots in which it is another one than in the first are
    left without a face. `cuts.npy` keeps the frames that begin a new shot. cuts: these, where they are known.
    """

    name: ClassVar[str] = "film_face"
    version: ClassVar[int] = 2
    section: ClassVar[str] = "face"
    left: ClassVar[str] = "stay as filmed"
    Config = FilmFaceConfig
    config: FilmFaceConfig

    def __init__(self, config: FilmFaceConfig, cuts: list[int] | None = None) -> None:
        super().__init__(config)
        self._cuts = cuts

    def run(self, context: StageContext) -> dict[str, Any]:
        """As the face stage, with the cuts written."""
        np.save(context.dir / CUTS, np.array(self.cuts(context), np.int64))
        return super().run(context)

    def cuts(self, context: StageContext) -> list[int]:
        """The film's cuts, looked for once."""
        if self._cuts is None:
            self._cuts = find_cuts(context.input("video"), self.config.cut_threshold)
        return self._cuts

    def followed(self, track: FaceTrack, cuts: list[int], context: StageContext) -> FaceTrack:
        """One person alone, whose face is that of the first shot that shows one."""
        track, left_out = only_the_first(track, cuts, self.config.other_face)
        if left_out:
            seconds = track.seconds
            spans = ", ".join(f"{seconds[shot.start]:.1f} to {seconds[shot.stop - 1]:.1f} s" for shot in left_out)
            context.progress.warn(
                f"{context.input('video').name}: {len(left_out)} of {len(cuts) + 1} shots show another face and "
                f"{self.left} ({spans}); --set {self.section}.other_face={2 * self.config.other_face:g} takes it for "
                "the same"
            )
        return track


def shots_of(face: Path, frames: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of the shot that each of a film's frames (N,) is of, from its finished film_face stage: (N,)."""
    return np.searchsorted(np.load(face / CUTS, allow_pickle=False), frames, side="right")
