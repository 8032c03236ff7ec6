"""A face track: one person's face mesh over time, the form in which every later step takes a face.

Legend: T frames, J = 478 landmarks (`vidgan.face.regions`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from vidgan.track import Track


@dataclass(frozen=True)
class FaceTrack(Track):
    """One face's landmarks over time.

    image: (T, J, 2) float32, pixels of the `width` x `height` frame, x right and y down, pixel centres at +0.5;
    depth: (T, J) float32, pixels away from the camera about the head's middle; present: (T,) bool, False where no face
    was found and none was filled in (the landmarks there are NaN); pts: (T,) int64 in units of `time_base` seconds.
    `backend` names what made it; `facts` holds JSON-able notes (gaps filled, ...).
    """

    ARRAYS: ClassVar[tuple[str, ...]] = ("image", "depth", "present", "pts")

    image: NDArray[np.float32]
    depth: NDArray[np.float32]
    present: NDArray[np.bool_]
    pts: NDArray[np.int64]
    time_base: Fraction
    width: int
    height: int
    backend: str
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def points(self) -> NDArray[np.float32]:
        """Image and depth as one: (T, J, 3) pixels."""
        return np.concatenate([self.image, self.depth[..., None]], -1)
