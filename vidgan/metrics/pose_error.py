"""How well the person in a video holds the pose that was asked: landmark distance and PCK (Yang and Ramanan 2013)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.pose.body import person_height
from vidgan.pose.track import PoseTrack

PCK_SHARE = 0.05
MIN_VISIBILITY = 0.5


@dataclass(frozen=True)
class PoseError:
    """Landmark distances between two tracks.

    mean: mean distance in % of the person's height, over counted landmarks of frames where both have the person;
    median: their median; pck: share in [0, 1] of all counted landmarks within 5 % of the height, those of missed frames
    being wrong; frames: compared frames; missed: frames in which the person was asked for and not found.
    All but the counts are None when nothing could be compared.
    """

    mean: float | None
    median: float | None
    pck: float | None
    frames: int
    missed: int

    def as_dict(self) -> dict[str, Any]:
        """The values by name, for JSON."""
        return vars(self).copy()


def pose_error(found: PoseTrack, wanted: PoseTrack, height: float | None = None) -> PoseError:
    """Compare frame by frame two tracks of equal length in the same pixels.

    A landmark counts when the wanted track sees it (visibility at least 0.5) inside the frame: what is hidden or
    outside cannot be found again in a picture.

    Args:
        found: the track detected in the video.
        wanted: the track it should show.
        height: the person's height in pixels; None for the wanted track's robust height.
    """
    height = person_height(wanted) if height is None else height
    counted = countable(wanted)
    distance = 100 * np.linalg.norm(found.image - wanted.image, axis=-1) / height
    both = distance[counted & found.present[:, None]]
    asked = int(counted.sum())
    known = len(both) > 0
    return PoseError(
        mean=float(both.mean(dtype=np.float64)) if known else None,
        median=float(np.median(both)) if known else None,
        pck=float((both <= 100 * PCK_SHARE).sum() / asked) if asked else None,
        frames=int((wanted.present & found.present).sum()),
        missed=int((wanted.present & ~found.present).sum()),
    )


def countable(wanted: PoseTrack) -> NDArray[np.bool_]:
    """(T, J): the landmarks of a track that a picture of it must show."""
    x, y = wanted.image[..., 0], wanted.image[..., 1]
    inside = (x >= 0) & (x <= wanted.width) & (y >= 0) & (y <= wanted.height)
    return np.asarray(inside & (wanted.visibility >= MIN_VISIBILITY) & wanted.present[:, None])
