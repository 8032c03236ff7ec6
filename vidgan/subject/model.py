"""What is known of a target person: reference pictures, their poses, windows and the clean plate.

Legend: T frames of the target's clip, N of them kept as references, S pixels of a reference crop, J landmarks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from vidgan.pose.body import facing
from vidgan.pose.track import PoseTrack
from vidgan.subject.heads import faces
from vidgan.subject.references import Compared, descriptor, doubts, hidden
from vidgan.subject.window import crop, frames_per_second, gaussian, statures, to_window, windows

Array = NDArray[np.float32]

CALM = 0.3
"""Standard deviation, in seconds, of the average that takes the trembling from landmarks."""

TREMBLING = (0.0035, 0.007)
"""Heights by which landmarks tremble, root mean square: what goes about an average by less is averaged, by more not."""


@dataclass(frozen=True)
class Motion:
    """Poses as the subject's networks take them.

    points: (T, J, 2) in window units; calm: the same without trembling, see `calmed`; heights: (T,) in window units;
    windows: (T, 3) left, top, side in plate pixels; facing: (T,) radians; visibility: (T, J); present: (T,) bool.
    """

    points: Array
    calm: Array
    heights: Array
    windows: Array
    facing: Array
    visibility: Array
    present: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.heights)

    def __getitem__(self, frames: NDArray[Any] | slice) -> Motion:
        """The motion of the chosen frames."""
        names = ("points", "calm", "heights", "windows", "facing", "visibility", "present")
        return Motion(**{name: getattr(self, name)[frames] for name in names})

    def descriptors(self, facing_weight: float) -> Array:
        """Pose descriptors for comparing, (T, D)."""
        return descriptor(self.points, self.heights, self.facing, facing_weight)

    def compared(self, facing_weight: float) -> Compared:
        """What references are chosen by."""
        return Compared(self.descriptors(facing_weight), self.faces, hidden(self.points, self.heights))

    @property
    def faces(self) -> NDArray[np.complex64]:
        """How heads are turned, see `vidgan.subject.heads.faces`: (T, F), without trembling."""
        return faces(torch.from_numpy(self.calm), torch.from_numpy(self.heights)).numpy()


def nearest_in(sorted_values: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each wanted number the nearest of the sorted ones."""
    after = np.searchsorted(sorted_values, wanted).clip(1, max(1, len(sorted_values) - 1))
    before = sorted_values[after - 1]
    after_values = sorted_values[np.minimum(after, len(sorted_values) - 1)]
    return np.where(wanted - before <= after_values - wanted, before, after_values)


def motion_of(track: PoseTrack) -> Motion:
    """The motion of a track in plate pixels. Frames without a person hold the nearest pose and stay `present=False`."""
    nearest = nearest_in(np.flatnonzero(track.present), np.arange(len(track)))
    window, image, tall = windows(track), track.image[nearest], statures(track)
    return Motion(
        points=to_window(image, window),
        calm=to_window(calmed(image, tall, frames_per_second(track)), window),
        heights=tall / window[:, 2],
        windows=window,
        facing=facing(track.world[nearest]).astype(np.float32),
        visibility=track.visibility[nearest],
        present=track.present,
    )


def calmed(image: Array, tall: Array, rate: float) -> Array:
    """Where landmarks (T, J, 2) are without trembling: averaged over `CALM` seconds, neither late nor early, in full
    while they go about the average by no more than the lower of `TREMBLING`, and not at all from the higher one on.
    tall: (T,) the person's height in the same pixels; rate: frames per second.
    """
    sigma, (low, high) = CALM * rate, TREMBLING
    more = min(len(image) - 1, int(np.ceil(3 * sigma)))
    before, after = 2 * image[:1] - image[more:0:-1], 2 * image[-1:] - image[-2 : -more - 2 : -1]
    apart = gaussian(np.concatenate([before, image, after]), sigma)[more : more + len(image)] - image
    far = np.sqrt(gaussian(np.square(np.linalg.norm(apart, axis=-1).astype(np.float32) / tall[:, None]), sigma))
    return (image + ((high - far) / (high - low)).clip(0, 1)[..., None] * apart).astype(np.float32)


@dataclass(frozen=True)
class Subject:
    """A target person, as written by the subject stage.

    references: (N, S, S, 4) uint8 memory map, RGB spread beyond the matte, then the matte;
    crops: (N, s, s, 4) uint8 at training size, in memory, the true picture, then the matte;
    plate: (H, W, 3) uint8; motion: the N reference frames' motion; frames: (N,) their numbers in the target's clip;
    blur: (N,) in [0, 1]; facts: see `SubjectStage`.
    """

    references: NDArray[np.uint8]
    crops: NDArray[np.uint8]
    plate: NDArray[np.uint8]
    motion: Motion
    frames: NDArray[np.int64]
    blur: Array
    facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.frames)

    @classmethod
    def load(cls, folder: Path) -> Subject:
        """Open a subject; the pictures stay on disk until they are used."""
        with np.load(folder / "frames.npz", allow_pickle=False) as data:
            frames, blur = data["frames"], data["blur"]
        track = PoseTrack.load(folder / "track.npz")
        plate = cv2.cvtColor(cv2.imread(str(folder / "plate.png")), cv2.COLOR_BGR2RGB)
        return cls(
            references=np.load(folder / "references.npy", mmap_mode="r", allow_pickle=False),
            crops=np.load(folder / "crops.npy", allow_pickle=False),
            plate=np.asarray(plate, np.uint8),
            motion=motion_of(track)[frames],
            frames=frames,
            blur=blur,
            facts=json.loads((folder / "subject.json").read_text()),
        )

    @cached_property
    def doubts(self) -> Array:
        """(N,) in [0, 1]: see `vidgan.subject.references.doubts`."""
        return doubts(self.crops[..., 3], self.motion.points, self.motion.visibility)

    @cached_property
    def small_references(self) -> NDArray[np.uint8]:
        """The references at training size, (N, s, s, 4) uint8, in memory."""
        size = self.crops.shape[1]
        return np.stack([cv2.resize(one, (size, size), interpolation=cv2.INTER_AREA) for one in self.references])

    @cached_property
    def plate_crops(self) -> NDArray[np.uint8]:
        """The plate in every reference frame's window at training size, (N, s, s, 3) uint8, in memory."""
        return np.stack([plate_in(self.plate, window, self.crops.shape[1]) for window in self.motion.windows])


def plate_in(plate: NDArray[np.uint8], window: Array, size: int) -> NDArray[np.uint8]:
    """The plate inside a window, black where the window leaves it: (size, size, 3) uint8."""
    return np.asarray(crop(plate, window, size))
