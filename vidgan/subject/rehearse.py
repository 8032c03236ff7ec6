"""A face rehearsed on known pictures: drafts of its own frames from other frames of it, and of a picture from itself.

Legend: T frames of a clip, V ways (frames taken as the portrait), S pixels of a window, J = 478 landmarks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.expression import neutral_frame
from vidgan.face.head import HeadPose, angles, head_pose, head_pose_of, to_head
from vidgan.face.mouths import Mouths
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven, Filmed, gaze_of
from vidgan.subject.animate import FacePainter
from vidgan.subject.filmed import FilmPainter
from vidgan.subject.footage import Positions
from vidgan.subject.mend import HEIGHT, SIDE, face_region, face_windows
from vidgan.subject.mouth_layer import choose_mouths
from vidgan.subject.portrait import Portrait
from vidgan.subject.takes import TakesWriter, Use
from vidgan.subject.window import crop

BLOCK = 24
"""Frames in a row that are taken from a long clip."""

ECHO = 15
"""Frames within which a film's mouth is nearly the one that was filmed."""

FAR = 1e3
"""Degrees that a frame which shall not be drafted from counts as turned away."""

OVERSIZE = 1.25
"""Pictures are drafted at so many times the size at which they are kept."""


def spread_blocks(present: NDArray[np.bool_], most: int) -> Positions:
    """At most `most` of the frames (T,) that are present, in blocks of consecutive ones spread over the clip."""
    frames = np.flatnonzero(present)
    if len(frames) <= most:
        return frames
    count = max(1, most // BLOCK)
    starts = np.linspace(0, len(frames) - BLOCK, count).astype(int)
    return np.unique(np.concatenate([frames[start : start + BLOCK] for start in starts]))


def homes(track: FaceTrack, among: Positions, ways: int) -> Positions:
    """The frames to draft from, as a portrait would be: of each part of the turns to the side, the one most at rest."""
    yaw = angles(head_pose(track[among]).rotation)[:, 0]
    found = []
    for part in np.array_split(among[np.argsort(yaw)], min(ways, len(among))):
        here = np.zeros(len(track), bool)
        here[part] = True
        found.append(neutral_frame(replace(track, present=here)))
    return np.array(found)


def uses(frames: Positions, held_out: float, gap: int = 12) -> list[Use]:
    """What each frame is for: the last share is held out, those shortly before it are for nothing."""
    first = len(frames) - max(1, round(held_out * len(frames)))
    gap = min(gap, first // 2)
    return ["held" if i >= first else "train" if i < first - gap else "apart" for i in range(len(frames))]


def others(taken: Positions, turned: NDArray, held_out: float, ways: int) -> Positions:
    """The frames to draft those of a film from, (V, T): for each block, in each way, a run of known frames.

    Of those of other moments, the ones in which the head is turned most alike: a driver turns it a little, as a rule,
    and what is turned far is torn beyond mending. turned: (T, 3) the head's angles in degrees.
    """
    known = uses(taken, held_out).count("train")
    found = np.zeros((ways, len(taken)), np.int64)
    for start in range(0, len(taken), BLOCK):
        here = np.arange(start, min(start + BLOCK, len(taken)))
        runs = (np.arange(known)[:, None] + np.arange(len(here))) % known
        apart = np.linalg.norm(turned[here] - turned[runs], axis=-1).mean(1)
        apart += FAR * (np.abs(taken[here] - taken[runs]) < ECHO).sum(1)
        for way in range(ways):
            best = int(apart.argmin())
            found[way, here] = taken[runs[best]]
            away = np.abs(np.arange(known) - best)
            apart = apart + FAR * (np.minimum(away, known - away) < ECHO)  # another moment in each way
    return found


def as_portrait(picture: NDArray[np.uint8], points: NDArray) -> Portrait:
    """A frame as a portrait whose surroundings bend with it, which shows no mouth but its own."""
    none = Mouths(np.zeros((0, 1, 1, 3), np.uint8), np.zeros((0, 1, 2), np.float32), np.zeros((0, 3), np.float32))
    return Portrait(picture, np.full(picture.shape[:2], 255, np.uint8), picture, points.astype(np.float32), none)


def self_driven(points: NDArray, home: int) -> Driven:
    """A clip's own landmarks (T, J, 3) as the motion of its `home` frame."""
    pose = head_pose_of(points)
    gaze = gaze_of(to_head(points, pose))
    return Driven(points, pose, gaze - gaze[home], points)


class Rehearsal:
    """Writes takes: windows of drafts and of what was filmed, cut alike."""

    def __init__(self, writer: TakesWriter, held_out: float) -> None:
        self.writer, self.held_out = writer, held_out

    def of_clip(
        self, frames: Iterator[NDArray[np.uint8]], pictures: dict[int, NDArray[np.uint8]], points: NDArray,
        taken: Positions, lent: Mouths | None, start: int = 0,
    ) -> Iterator[int]:  # fmt: skip
        """The first takes, of a clip: for each of the home `pictures`, by their frames, a draft of all `taken` frames.

        frames: pictures of the taken frames in order, from the `start`-th on; points: (T, J, 3) in their pixels; lent:
        the clip's mouths (T). Yields after each how many are done.
        """
        motion, at = points[taken], {int(frame): index for index, frame in enumerate(taken)}
        use, sides = uses(taken, self.held_out), SIDE * head_pose_of(motion).scale
        windows = face_windows(motion, sides)
        mouths = None if lent is None else lent[taken]
        painters = [
            FacePainter(as_portrait(picture, points[home]), self_driven(motion, at[home]), mouths)
            for home, picture in pictures.items()
        ]
        middle = len(painters) // 2  # of the turns to the side
        for index, rgb in zip(range(start, len(taken)), frames, strict=True):
            self._film(index, rgb, motion[index], windows[index])
            for way, painter in enumerate(painters):
                judged: Use = "apart" if use[index] == "held" and way != middle else use[index]
                draft = crop(painter.paint(index), windows[index], self.writer.size, border=None)
                self.writer.draft(way * len(taken) + index, draft, index, way, int(taken[index]), judged)
            yield index + 1

    def of_film(
        self, film: Portrait, frames: Iterator[NDArray[np.uint8]], under: list[Iterator[NDArray[np.uint8]]],
        points: NDArray, taken: Positions, sources: Positions, start: int = 0,
    ) -> Iterator[int]:  # fmt: skip
        """The first takes, of a film that is animated: in each way, every `taken` frame from another frame of it.

        As in an animated film, the picture is a filmed frame, the eyes are those at rest and the mouth one of another
        moment. film: the film's portrait at the size of its frames; frames: pictures of the taken frames in order, from
        the `start`-th on; under: the same of the `sources` (V, T), the frames to draft from; points: (T, J, 3).
        """
        motion, film = points[taken], replace(film, matte=np.full_like(film.matte, 255))  # all bends with the head
        use, pose = uses(taken, self.held_out), head_pose_of(motion)
        windows, gaze = face_windows(motion, SIDE * pose.scale), gaze_of(to_head(motion, pose))
        near = np.abs(taken[:, None] - film.mouth_frames) < ECHO  # nobody's own mouth is shown
        painters, numbers = [], []
        for source in sources:
            numbers.append(taken + np.cumsum(np.diff(source, prepend=source[0] - 1) != 1))  # none runs across a leap
            was = points[source]
            filmed = Filmed(source, was, np.ones(len(source)), np.zeros(len(source), np.int64))
            driven = Driven(motion, pose, gaze - gaze_of(to_head(was, head_pose_of(was))), motion)
            painters.append(FilmPainter(film, filmed, driven, None, choose_mouths(film, driven, None, banned=near)))
        nobody = np.zeros((1, 1), np.uint8)
        for index, rgb, *pictures in zip(range(start, len(taken)), frames, *under, strict=True):
            self._film(index, rgb, motion[index], windows[index])
            for way, (painter, picture) in enumerate(zip(painters, pictures, strict=True)):
                judged: Use = "apart" if use[index] == "held" and way else use[index]
                draft = crop(painter.paint(index, picture, nobody), windows[index], self.writer.size, border=None)
                self.writer.draft(way * len(taken) + index, draft, index, way, int(numbers[way][index]), judged)
            yield index + 1

    def of_portrait(
        self, portrait: Portrait, driven: Driven, take: int, row: int, number: int, alone: bool, start: int = 0
    ) -> Iterator[int]:
        """One take of a portrait: driven away and back again, so that what warps do to this picture is mended.

        take, row, number: of the take, its first draft and the picture; alone: there is no clip beside it, so that a
        part of this take has to be held out; start: drafts that are there already. Yields after each how many are done.
        """
        portrait, driven = shrunk(portrait, driven, self.writer.size)
        home, pose = portrait.points, portrait.pose
        window = face_windows(home[None], SIDE * pose.scale)[0]
        self._film(number, portrait.picture, home, window)
        there = FacePainter(replace(portrait, mouths=as_portrait(portrait.picture, home).mouths), driven, None)
        still = Driven(home[None].astype(np.float64), pose, np.zeros((1, 2)), home[None].astype(np.float64))
        use: list[Use] = uses(np.arange(len(driven)), self.held_out) if alone else ["train"] * len(driven)
        for index in range(start, len(driven)):
            away = as_portrait(there.paint(index), driven.points[index])
            back = replace(still, gaze=-driven.gaze[index : index + 1])
            draft = crop(FacePainter(away, back, None).paint(0), window, self.writer.size, border=None)
            self.writer.draft(row + index, draft, number, take, index, use[index])
            yield index + 1

    def _film(self, number: int, rgb: NDArray[np.uint8], points: NDArray, window: NDArray) -> None:
        place = (points[:, :2] - window[:2]) / window[2]
        picture = crop(rgb, window, self.writer.size, border=None)
        self.writer.film(number, picture, face_region(place, self.writer.size), place, HEIGHT / SIDE)


def shrunk(portrait: Portrait, driven: Driven, size: int) -> tuple[Portrait, Driven]:
    """A portrait and its motion at the scale at which its face is kept in windows of `size` pixels, if it is larger."""
    factor = OVERSIZE * size / (SIDE * float(portrait.pose.scale[0]))
    if factor >= 1:
        return portrait, driven
    pose = HeadPose(driven.pose.rotation, factor * driven.pose.scale, factor * driven.pose.translation)
    return scaled(portrait, factor), Driven(factor * driven.points, pose, driven.gaze, factor * driven.asked)


def scaled(portrait: Portrait, factor: float) -> Portrait:
    """A portrait `factor` times as large; larger than it is, it stays."""
    if factor >= 1:
        return portrait
    height, width = (max(2, round(side * factor)) for side in portrait.matte.shape)
    picture, matte, plate = (
        np.asarray(cv2.resize(one, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
        for one in (portrait.picture, portrait.matte, portrait.plate)
    )
    points = (factor * portrait.points).astype(np.float32)
    seen = None
    if portrait.seen is not None:
        seen = cv2.resize(portrait.seen.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST) > 0
    return replace(portrait, picture=picture, matte=matte, plate=plate, points=points, seen=seen)
