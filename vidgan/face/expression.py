"""Expression as person-neutral numbers: how far eyes and mouth are open, brows, smile, gaze.

Everything is measured in the head's own frame, so that head pose does not count, and as a ratio to a length of the same
face that no expression changes, so that the face's shape counts little.

Legend: T frames, J = 478 landmarks; left and right as the person's own; landmarks in the head frame
(`vidgan.face.head`): the outer eye corners about 1 apart, y down.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.face import regions as at
from vidgan.face.head import head_pose, to_head
from vidgan.face.track import FaceTrack

Array = NDArray[np.float64]


AT_REST = {
    "left_eye": 0.04, "right_eye": 0.04, "mouth": 0.02, "mouth_width": 0.05, "smile": 0.02, "jaw": 0.05,
    "left_brow": 0.05, "right_brow": 0.05, "gaze_x": 0.06, "gaze_y": 0.04,
}  # fmt: skip
"""How far each coefficient may be from what is usual before a face looks less at rest. The same for everybody: by the
spread of a lively face's own coefficients an open mouth and narrowed eyes would pass for rest."""

STRAIGHT = 0.02
"""The same for the direction of the head: the squared distance of unit vectors 8 degrees apart."""


@dataclass(frozen=True)
class Expression:
    """Coefficients over time, (T,) each; NaN without a face.

    left_eye, right_eye: lid gap over the eye's width, about 0.05 shut to 0.35 wide open.
    In distances of the outer eye corners: mouth, the height of the lips' opening; mouth_width, between the corners;
    smile, how far the corners are above the middle of the lips; jaw, from nose to chin; left_brow, right_brow, their
    heights above the eye.
    gaze_x, gaze_y: the irises' place between the eye corners in eye widths, 0 in the middle, positive to the picture's
    right and down.
    """

    left_eye: Array
    right_eye: Array
    mouth: Array
    mouth_width: Array
    smile: Array
    jaw: Array
    left_brow: Array
    right_brow: Array
    gaze_x: Array
    gaze_y: Array

    def __len__(self) -> int:
        return len(self.mouth)

    def __getitem__(self, frames: slice | NDArray[Any]) -> Expression:
        """The expression in the chosen frames."""
        return Expression(**{name: value[frames] for name, value in vars(self).items()})

    @property
    def eyes(self) -> Array:
        """Both eyes' mean openness, (T,)."""
        return (self.left_eye + self.right_eye) / 2

    def table(self) -> Array:
        """All coefficients as columns, in the order of the fields: (T, C)."""
        return np.stack(list(vars(self).values()), 1)


def expression_of(track: FaceTrack) -> Expression:
    """The expression in every frame of a track."""
    return expression(to_head(track.points, head_pose(track)))


def expression(head: NDArray) -> Expression:
    """The expression of landmarks in the head frame, (T, J, 3)."""
    left, right = np.mean(head[:, at.LEFT_EYE_CORNERS], 1), np.mean(head[:, at.RIGHT_EYE_CORNERS], 1)
    corners = head[:, at.MOUTH_CORNERS]
    middle = head[:, [0, 17]].mean(1)
    gaze = [
        (head[:, iris[0]] - head[:, eye].mean(1))[:, :2] / _length(head[:, eye[0]] - head[:, eye[1]])[:, None]
        for iris, eye in ((at.LEFT_IRIS, at.LEFT_EYE_CORNERS), (at.RIGHT_IRIS, at.RIGHT_EYE_CORNERS))
    ]
    return Expression(
        left_eye=gap(head, at.LEFT_LID_PAIRS)
        / _length(head[:, at.LEFT_EYE_CORNERS[0]] - head[:, at.LEFT_EYE_CORNERS[1]]),
        right_eye=gap(head, at.RIGHT_LID_PAIRS)
        / _length(head[:, at.RIGHT_EYE_CORNERS[0]] - head[:, at.RIGHT_EYE_CORNERS[1]]),
        mouth=gap(head, at.LIP_PAIRS),
        mouth_width=_length(corners[:, 0] - corners[:, 1]),
        smile=middle[:, 1] - corners[..., 1].mean(1),
        jaw=_length(head[:, 152] - head[:, 4]),
        left_brow=left[:, 1] - head[:, at.LEFT_BROW, 1].mean(1),
        right_brow=right[:, 1] - head[:, at.RIGHT_BROW, 1].mean(1),
        gaze_x=(gaze[0] + gaze[1])[:, 0] / 2,
        gaze_y=(gaze[0] + gaze[1])[:, 1] / 2,
    )


def gap(head: NDArray, pairs: tuple[tuple[int, int], ...]) -> Array:
    """The mean distance of facing points, upper and lower: (T, J, 3) → (T,)."""
    upper, lower = np.array(pairs).T
    return np.asarray(_length(head[:, upper] - head[:, lower]).mean(1))


def neutral_frame(track: FaceTrack) -> int:
    """The frame in which the face is most at rest: mouth shut, eyes open as usual, brows and gaze in their middle, the
    head straight, and nothing moving.

    Raises:
        ValueError: no frame has a face.
    """
    present = np.flatnonzero(track.present)
    if not len(present):
        raise ValueError("a track without a face has no neutral frame")
    pose = head_pose(track[present])
    face = expression(to_head(track[present].points, pose))
    table, names = face.table(), list(vars(face))
    usual, tolerance = np.median(table, 0), np.array([AT_REST[name] for name in names])
    # What the mouth does is judged by how it is when shut, which may be seldom.
    shut = face.mouth <= np.quantile(face.mouth, 0.25)
    mouth = [names.index(name) for name in ("mouth", "mouth_width", "smile", "jaw")]
    usual[mouth] = np.median(table[shut], 0)[mouth]
    usual[mouth[0]] = np.quantile(face.mouth, 0.05)
    away = ((table - usual) / tolerance) ** 2
    away[:, mouth[0]] *= face.mouth > usual[mouth[0]]
    direction = pose.rotation[:, :, 2]
    turned = np.sum((direction - np.median(direction, 0)) ** 2, 1) / STRAIGHT
    moving = np.abs(np.gradient(table / tolerance, axis=0)).sum(1) if len(table) > 1 else 0.0
    return int(present[(away.sum(1) + turned + 0.5 * moving).argmin()])


def _length(vector: NDArray) -> Array:
    return np.asarray(np.linalg.norm(vector, axis=-1))
