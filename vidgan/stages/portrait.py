"""The portrait stage: one picture of the target's face and what is known around it, from a picture or a video."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.expression import neutral_frame
from vidgan.face.follow import FaceFollower
from vidgan.face.head import HeadPose, angles, from_head, head_pose_of, rotation_of, to_head
from vidgan.face.mouths import SIZE, Mouths, cut, skin_colour
from vidgan.face.regions import LIPS_INNER
from vidgan.face.track import FaceTrack
from vidgan.face.transfer import Driven
from vidgan.pose.people import landmark_box
from vidgan.stages.base import Stage, StageContext
from vidgan.stages.film_face import shots_of
from vidgan.subject.animate import FacePainter
from vidgan.subject.inpaint import smooth
from vidgan.subject.plate import Plate, clean_plate, hidden_by
from vidgan.subject.portrait import Portrait, by_colour, oval_of, plate_behind, refined
from vidgan.video.read import ClipReader

PLATE_FRAMES = 25

STEADY = 6.0
"""Grey levels by which half of what is seen of the background differs from the plate, in the middle of the frames, from
which on the camera is taken to move."""

FOUND = 0.6
"""Share of the face that a person's matte must hold for it to be believed."""

TRIED = 12.0
"""Degrees by which the picture is turned to see how far it looks turned."""


class PortraitConfig(Config):
    """`max_side` bounds the picture's size, `mouths` the number of frames whose mouths are kept."""

    max_side: int = Field(1920, ge=64, multiple_of=2)
    mouths: int = Field(1500, ge=0)


class PortraitStage(Stage[PortraitConfig]):
    """Inputs: `video` (the target), `face` (its face stage, with masks). Files: those of `Portrait`.

    Of a video the frame at rest is taken, its background from all frames of its shot, and the mouths of all others.
    """

    name: ClassVar[str] = "portrait"
    version: ClassVar[int] = 8
    Config: ClassVar[type[Config]] = PortraitConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Gather and write the portrait."""
        track = FaceTrack.load(context.input("face") / "track.npz")
        masks = np.load(context.input("face") / "masks.npy", mmap_mode="r", allow_pickle=False)
        # A face that was filled in has no mask: such a frame shows the person but not where.
        seen = track.present & (masks.reshape(len(masks), -1).max(1) > 127)
        base = neutral_frame(replace(track, present=seen) if seen.any() else track)
        shots = shots_of(context.input("face"), np.arange(len(track)))
        picture, others, mouths = self._look(context, track, seen, seen & (shots == shots[base]), base)
        points = track.points[base] * _factor(picture, track)
        matte = self._matte(context, masks[base], picture, points)
        plate, steady, hidden = plate_behind(picture, matte), False, hidden_by(matte[None], matte.shape)[0]
        known = ~hidden
        if others:
            frames = np.stack(list(others.values()))
            people = np.stack([_with_face(masks[one], track, one) for one in others])
            clean = clean_plate(frames, people, np.zeros(frames.shape[:3], bool), smooth)
            plate[clean.seen & hidden] = clean.rgb[clean.seen & hidden]
            known |= clean.seen
            steady = _steady(frames, people, clean)
        matte = by_colour(picture, matte, plate, known & steady)
        # Video has even sides; landmarks belong to the picture as it was read, so it is cut and not scaled.
        size = np.array(matte.shape[::-1])
        height, width = (side // 2 * 2 for side in matte.shape)
        picture, matte, plate = (one[:height, :width] for one in (picture, matte, plate))
        portrait = Portrait(
            picture,
            matte,
            plate,
            points,
            mouths,
            size=size,
            steady=steady,
            shot=int(shots[base]),
            mouth_frames=self._kept(seen),
            seen=known[:height, :width],
        )
        portrait = replace(portrait, looks=looks_of(portrait))
        portrait.save(context.dir)
        return {
            "frame": base, "width": width, "height": height, "mouths": len(mouths), "person": _share(matte),
            "looks": portrait.looks.round(3).tolist(), "steady": steady,
        }  # fmt: skip

    def _matte(
        self, context: StageContext, mask: NDArray[np.uint8], picture: NDArray[np.uint8], points: NDArray[np.float32]
    ) -> NDArray[np.uint8]:
        """The person in the picture, with their face whatever the segmenter makes of it.

        Where it does not see them the picture is taken as one: it bends softly with the head, and shows no cut edge.
        """
        matte, oval = refined(mask, picture), oval_of(points, picture.shape)
        found = float((matte[oval > 127] > 127).mean()) if (oval > 127).any() else 0.0
        if found < FOUND:
            context.progress.warn(
                f"{context.input('video').name}: the person's outline was not found ({found:.0%} of the face lie in "
                "it): what is behind the head bends with it; a target that stands out from its background does better"
            )
            return np.full_like(matte, 255)
        return np.maximum(matte, oval)

    def _look(
        self, context: StageContext, track: FaceTrack, seen: NDArray[np.bool_], beside: NDArray[np.bool_], base: int
    ) -> tuple[NDArray[np.uint8], dict[int, NDArray[np.uint8]], Mouths]:
        """The picture, frames for the plate by number, of those `beside` it, and the mouths."""
        near, kept = np.flatnonzero(beside), set(self._kept(seen).tolist())
        wanted = set(near[np.linspace(0, len(near) - 1, min(PLATE_FRAMES, len(near))).astype(int)].tolist())
        others: dict[int, NDArray[np.uint8]] = {}
        cuts: list[tuple[NDArray[np.uint8], NDArray[np.float32], NDArray[np.float32]]] = []
        for index, rgb in self._frames(context, track):
            points = track.image[index] * _factor(rgb, track)[:2]
            if index == base:
                picture = rgb
            if index in wanted and len(wanted) > 1:
                others[index] = rgb
            if index in kept:
                cuts.append((*cut(rgb, points), skin_colour(rgb, points)))
        pictures = np.array([one for one, _, _ in cuts], np.uint8).reshape(-1, *SIZE, 3)
        rings = np.array([one for _, one, _ in cuts], np.float32).reshape(-1, len(LIPS_INNER), 2)
        skin = np.array([one for _, _, one in cuts], np.float32).reshape(-1, 3)
        return picture, others, Mouths(pictures, rings, skin)

    def _kept(self, seen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """The frames whose mouths are kept: of a video's that show the face, evenly."""
        shown = np.flatnonzero(seen)
        return shown[:: max(1, -(-len(shown) // max(1, self.config.mouths)))] if len(shown) > 1 else shown[:0]

    def _frames(self, context: StageContext, track: FaceTrack) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        context.progress.start("portrait", len(track), "frames")
        with ClipReader(context.input("video"), max_side=self.config.max_side) as reader:
            for index, frame in zip(range(len(track)), reader, strict=False):
                context.progress.advance()
                yield index, frame.rgb


def looks_of(portrait: Portrait) -> NDArray[np.float32]:
    """How far the warped picture looks turned and nodded for each degree that it was, (2,), as the face mesh sees it.

    A warp shows no new cheek and no new shade, so a turn looks smaller than it is: by a tenth or by a half, as the
    picture is. 1 where it could not be seen.
    """
    home, looks = portrait.pose, np.ones(2, np.float32)
    head = to_head(portrait.points[None], home)[0]
    turns = np.array([[TRIED, 0, 0], [-TRIED, 0, 0], [0, TRIED, 0], [0, -TRIED, 0]])
    count = np.zeros(len(turns), int)
    pose = HeadPose(rotation_of(turns) @ home.rotation[0], home.scale[count], home.translation[count])
    points = from_head(head, pose)
    painter = FacePainter(portrait, Driven(points, pose, np.zeros((len(turns), 2)), points), None)
    seen = []
    with MeshBackend(FaceConfig()) as backend:
        for index in range(len(turns)):
            follower = FaceFollower(backend, landmark_box(points[index, :, :2]))
            follower.restart()
            face = follower.detect(painter.paint(index), 0, 0.0)
            if face is None:
                return looks
            rotation = head_pose_of(np.column_stack([face.image, face.depth])[None]).rotation[0]
            seen.append(angles(rotation @ home.rotation[0].T))
    for axis in (0, 1):
        looks[axis] = (seen[2 * axis][axis] - seen[2 * axis + 1][axis]) / (2 * TRIED)
    return looks


def _steady(frames: NDArray[np.uint8], people: NDArray[np.uint8], clean: Plate) -> bool:
    """Whether frames (N, H, W, 3) of people (N, h, w) show the same background."""
    apart = []
    for frame, person in zip(frames, people, strict=True):
        free = clean.seen & (cv2.dilate(cv2.resize(person, frame.shape[1::-1]), np.ones((15, 15))) < 20)
        if free.any():
            apart.append(float(np.median(np.abs(frame[free].astype(np.int16) - clean.rgb[free]))))
    return not apart or float(np.median(apart)) < STEADY


def _factor(rgb: NDArray[np.uint8], track: FaceTrack) -> NDArray[np.float32]:
    """From the track's pixels to those of a frame, whole as it was read: (3,)."""
    across, down = rgb.shape[1] / track.width, rgb.shape[0] / track.height
    return np.array([across, down, across], np.float32)


def _with_face(mask: NDArray[np.uint8], track: FaceTrack, index: int) -> NDArray[np.uint8]:
    """A frame's mask with the face in it, (h, w)."""
    scale = np.array([mask.shape[1] / track.width, mask.shape[0] / track.height], np.float32)
    return np.maximum(mask, oval_of(track.image[index] * scale, mask.shape))


def _share(matte: NDArray[np.uint8]) -> float:
    return round(float((matte > 127).mean()), 4)
