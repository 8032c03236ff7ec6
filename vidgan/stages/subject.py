"""The subject stage: from the target's clip and pose to everything that is known of the person."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, ClassVar

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import PersonError
from vidgan.pose.track import PoseTrack
from vidgan.stages.base import Stage, StageContext
from vidgan.subject.camera import Camera, background_features, follow_camera, project
from vidgan.subject.inpaint import push_pull
from vidgan.subject.model import motion_of, plate_in
from vidgan.subject.plate import clean_plate
from vidgan.subject.stored import new_pictures
from vidgan.subject.window import crop
from vidgan.video.read import ClipReader

RUN = 48
"""Frames are kept in runs of this length, so that training sees consecutive ones."""

PLATE_FRAMES = 49


class SubjectConfig(Config):
    """`max_frames` bounds memory and disk; `crop_size` bounds the resolution the person can be rendered at."""

    max_frames: int = 720
    max_side: int = 1920
    crop_size: int = 768
    train_size: int = Field(256, ge=32, multiple_of=32)
    stabilise: bool = True


def kept_frames(present: NDArray[np.bool_], limit: int) -> NDArray[np.int64]:
    """The frames kept as references: all with a person, or evenly placed runs of consecutive ones up to the limit."""
    frames = np.flatnonzero(present)
    if len(frames) <= limit:
        return frames
    length = min(RUN, limit)
    starts = np.linspace(0, len(frames) - length, limit // length).round().astype(int)
    kept: NDArray[np.int64] = frames[np.unique((starts[:, None] + np.arange(length)).ravel())]
    return kept


def sharpness_of(crop_rgba: NDArray[np.uint8]) -> float:
    """Mean absolute Laplacian of the person's luma."""
    grey = cv2.cvtColor(np.ascontiguousarray(crop_rgba[..., :3]), cv2.COLOR_RGB2GRAY)
    inside = cv2.erode(crop_rgba[..., 3], np.ones((5, 5), np.uint8)) > 200
    edges = np.abs(cv2.Laplacian(grey, cv2.CV_32F))
    return float(edges[inside].mean()) if inside.any() else 0.0


class SubjectStage(Stage[SubjectConfig]):
    """Inputs: `video` (the target), `pose` (its pose stage, with masks).

    Files: `plate.png`, `references.npy`, `crops.npy`, `frames.npz`, `track.npz` (the target's track in plate pixels),
    `subject.json`. Facts: frames kept, plate holes, camera, person height.
    """

    name = "subject"
    version = 4
    Config: ClassVar[type[Config]] = SubjectConfig

    def run(self, context: StageContext) -> dict[str, Any]:
        """Read the clip twice: once for the camera, once for plate and crops."""
        pose = context.input("pose")
        track = self._at_read_size(context, PoseTrack.load(pose / "track.npz"))
        masks = np.load(pose / "masks.npy", mmap_mode="r", allow_pickle=False)
        # Where the pose was filled in, the mask is empty: such frames show the person but not where.
        seen = np.array([bool(here) and bool(masks[i].max() > 127) for i, here in enumerate(track.present)])
        frames = kept_frames(seen, self.config.max_frames)
        if len(frames) < 2:
            raise PersonError(
                f"{context.input('video').name}: a person is seen in {len(frames)} frame(s), at least 2 are needed; "
                "give a target clip of a few seconds with one person in view"
            )
        camera = self._camera(context, track, masks, frames)
        stable = self._stabilised(track, camera, frames)
        facts = self._write(context, stable, masks, frames, camera)
        stable.save(context.dir / "track.npz")
        (context.dir / "subject.json").write_text(json.dumps(facts, indent=1))
        return facts

    def _at_read_size(self, context: StageContext, track: PoseTrack) -> PoseTrack:
        """The track in pixels of the frames as they are read, at most `max_side` long: the plate's pixels."""
        scale = min(1.0, self.config.max_side / max(track.width, track.height))
        if scale == 1:
            return track
        with ClipReader(context.input("video"), max_side=self.config.max_side, device=context.device) as reader:
            height, width = next(iter(reader)).rgb.shape[:2]
        factor = np.array([width / track.width, height / track.height], np.float32)
        return replace(track, image=track.image * factor, width=width, height=height)

    def _read(self, context: StageContext, frames: NDArray[np.int64]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """The kept frames, as (position among the kept, picture)."""
        position = {int(frame): index for index, frame in enumerate(frames)}
        with ClipReader(context.input("video"), max_side=self.config.max_side, device=context.device) as reader:
            for number, frame in enumerate(reader):
                if number > frames[-1]:
                    break
                if number in position:
                    yield position[number], frame.rgb

    def _camera(
        self, context: StageContext, track: PoseTrack, masks: NDArray[np.uint8], frames: NDArray[np.int64]
    ) -> Camera:
        still = Camera(np.tile(np.eye(3), (len(frames), 1, 1)), moving=False, motion=0.0, lost=0, registered=True)
        if not self.config.stabilise:
            return still
        context.progress.start("camera", len(frames))
        features = []
        for index, rgb in self._read(context, frames):
            features.append(background_features(rgb, masks[frames[index]]))
            context.progress.advance()
        camera = follow_camera(features, track.width, track.height)
        if not camera.registered:
            context.progress.warn(
                "the target's camera could not be followed (too little background detail): it is taken as still"
            )
        elif camera.moving:
            context.progress.warn(
                f"the target's camera moves (by {camera.motion:.1%} of the frame height): it was stabilised, "
                "a tripod gives a cleaner plate"
            )
        return camera

    def _stabilised(self, track: PoseTrack, camera: Camera, frames: NDArray[np.int64]) -> PoseTrack:
        """The track in plate pixels; the homographies between kept frames are interpolated."""
        if not camera.moving:
            return track
        image = track.image.copy()
        flat = camera.homographies.reshape(len(frames), 9)
        every = np.stack([np.interp(np.arange(len(track)), frames, column) for column in flat.T], 1).reshape(-1, 3, 3)
        for frame in np.flatnonzero(track.present):
            image[frame] = project(every[frame], track.image[frame])
        return replace(track, image=image)

    def _write(
        self, context: StageContext, track: PoseTrack, masks: NDArray[np.uint8], frames: NDArray[np.int64],
        camera: Camera,
    ) -> dict[str, Any]:  # fmt: skip
        motion = motion_of(track)[frames]
        side = float(np.median(motion.windows[:, 2]))
        size = int(np.clip(round(side / 32) * 32, self.config.train_size, self.config.crop_size))
        small = self.config.train_size
        references = new_pictures(context.dir / "references.npy", (len(frames), size, size, 4))
        crops = new_pictures(context.dir / "crops.npy", (len(frames), small, small, 4))
        sharpness = np.zeros(len(frames), np.float32)
        wanted = set(np.linspace(0, len(frames) - 1, min(PLATE_FRAMES, len(frames))).round().astype(int).tolist())
        shown: list[NDArray[np.uint8]] = []
        outside: list[NDArray[np.bool_]] = []
        context.progress.start("subject", len(frames))
        for index, rgb in self._read(context, frames):
            matrix, mask, window = camera.homographies[index], masks[frames[index]], motion.windows[index]
            matte = firm(crop(mask, window, size, matrix @ _grow(mask, track)))
            picture = crop(rgb, window, size, matrix)
            sharpness[index] = sharpness_of(np.dstack([picture, matte]))
            references[index] = np.dstack([push_pull(picture, matte > 240), matte])
            crops[index] = cv2.resize(np.dstack([picture, matte]), (small, small), interpolation=cv2.INTER_AREA)
            if index in wanted:
                flat, gone = _on_plate(rgb, matrix, camera.moving)
                shown.append(flat)
                outside.append(gone)
            context.progress.advance()
        references.flush()
        order = sorted(wanted)
        person = np.stack([_mask_on_plate(masks[frames[i]], camera.homographies[i], track) for i in order])
        plate = clean_plate(np.stack(shown), person, np.stack(outside))
        if camera.moving:  # what a frame does not show of the window is the plate, in the truth as in the output
            whole = np.full((track.height, track.width), 255, np.uint8)
            for index, window in enumerate(motion.windows):
                gone = crop(whole, window, small, camera.homographies[index]) < 255
                crops[index, ..., :3][gone] = plate_in(plate.rgb, window, small)[gone]
        crops.flush()
        cv2.imwrite(str(context.dir / "plate.png"), cv2.cvtColor(plate.rgb, cv2.COLOR_RGB2BGR))
        usual = float(np.median(sharpness)) or 1.0
        np.savez(context.dir / "frames.npz", frames=frames, blur=np.clip(1 - sharpness / usual, 0, 1))
        return {
            "frames": len(frames),
            "reference_size": size,
            "window": side,
            "person_height": float(np.median(motion.heights * motion.windows[:, 2])),
            "plate_inpainted": float(1 - plate.seen.mean()),
            "camera": {"moving": camera.moving, "motion": camera.motion, "lost": camera.lost,
                       "registered": camera.registered},
        }  # fmt: skip


def firm(matte: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The matte with its soft skirt cut: what the segmenter is unsure of is mostly background, and shows as a halo."""
    return np.clip((matte.astype(np.float32) - 90) * (255 / 130), 0, 255).astype(np.uint8)


def _grow(mask: NDArray[np.uint8], track: PoseTrack) -> NDArray[np.float64]:
    """From a mask's pixels to the track's."""
    return np.diag([track.width / mask.shape[1], track.height / mask.shape[0], 1.0])


def _on_plate(
    rgb: NDArray[np.uint8], homography: NDArray[np.float64], moving: bool
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """A frame as the plate's camera would see it, and where it shows nothing."""
    if not moving:
        return rgb, np.zeros(rgb.shape[:2], bool)
    size = rgb.shape[1::-1]
    full = cv2.warpPerspective(np.full(rgb.shape[:2], 255, np.uint8), homography, size)
    return np.asarray(cv2.warpPerspective(rgb, homography, size), np.uint8), full < 255


def _mask_on_plate(mask: NDArray[np.uint8], homography: NDArray[np.float64], track: PoseTrack) -> NDArray[np.uint8]:
    return np.asarray(cv2.warpPerspective(mask, homography @ _grow(mask, track), (track.width, track.height)))
