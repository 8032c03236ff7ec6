"""Landmarks made elsewhere: a saved track, a JSON of BlazePose landmarks, or OpenPose's JSON.

What may be given as `precomputed`:

- `track.npz`, as `PoseTrack.save` writes it.
- `poses.json`: a list with one entry a frame, or {"frames": that list, "world": the same in metres, "width" and
  "height": the frame that the pixels belong to; these three optional}. An entry is null (nobody) or 33 landmarks in
  BlazePose order, each [x, y], [x, y, z] or [x, y, z, visibility]: x and y in pixels of the displayed frame, z in the
  same scale, away from the camera, visibility in [0, 1] (1 when left out).
- a folder of OpenPose's `*_keypoints.json` (BODY_25, hands if they are there), one a frame, in the order of
  their names; one such file; or a JSON list of their contents. Several people in a frame are told apart as ever.

Frames are matched to the video's by their order. Missing OpenPose points are NaN and are filled in later.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import ConfigError, DependencyError
from vidgan.pose.backend import BackendConfig, Detection, PoseBackend
from vidgan.pose.body import world_from_image
from vidgan.pose.openpose import from_body25
from vidgan.pose.people import centre_distance
from vidgan.pose.track import LANDMARKS, PoseTrack, coordinates
from vidgan.video.limits import check_unpacked


class PrecomputedBackend:
    """Gives the landmarks of a file frame by frame. Masks, when asked for, come from MediaPipe's pose model."""

    name = "precomputed"
    several = True

    def __init__(self, config: BackendConfig, masks: bool) -> None:
        if config.precomputed is None:
            raise ConfigError("pose backend precomputed needs landmarks; set precomputed to their file or folder")
        self._frames, self._size = load_people(config.precomputed)
        self._segmenter: PoseBackend | None = None
        self._stack = ExitStack()
        if masks:
            from vidgan.pose.mediapipe_solutions import SolutionsBackend

            self._segmenter = SolutionsBackend(config.model_copy(update={"backend": "mediapipe"}), masks)

    def __enter__(self) -> Self:
        if self._segmenter is not None:
            self._stack.enter_context(self._segmenter)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def reset(self) -> None:
        """Start the masks afresh."""
        if self._segmenter is not None:
            self._segmenter.reset()

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[Detection]:
        """The people written down for this frame; none beyond the end of the file."""
        if index >= len(self._frames):
            return []
        scale = np.float32(1 if self._size is None else rgb.shape[1] / self._size[0])
        people = [(image * scale, world, seen) for image, world, seen in self._frames[index]]
        segmented = self._segmenter.detect(rgb, index, seconds) if self._segmenter else []
        return [Detection(image, world, seen, _mask_for(image, segmented)) for image, world, seen in people]


People = list[tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]]


def load_people(path: Path) -> tuple[list[People], tuple[int, int] | None]:
    """For each frame its people's image, world and visibility; and the frame size (width, height) if the file says it.
    People of whom no point was found are left out.

    Raises:
        DependencyError: there is no such file.
        ConfigError: it is in none of the known forms.
        LimitError: it unpacks to more than is allowed.
    """
    if not path.exists():
        raise DependencyError(f"{path}: no such file or folder of precomputed landmarks")
    frames, size = _read(path)
    return [[person for person in people if not np.isnan(person[0]).any(-1).all()] for people in frames], size


def _read(path: Path) -> tuple[list[People], tuple[int, int] | None]:
    if path.suffix == ".npz":
        return _from_track(path)
    try:
        if path.is_dir():
            files = sorted(path.glob("*.json"))
            if not files:
                raise ConfigError(f"{path}: no OpenPose *_keypoints.json files in this folder")
            return [from_body25(json.loads(file.read_text())) for file in files], None
        return _from_json(json.loads(path.read_text()))
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError, OSError) as error:
        raise ConfigError(f"{path}: not landmarks in a known form ({error}); see vidgan/pose/precomputed.py") from error


def _from_track(path: Path) -> tuple[list[People], tuple[int, int]]:
    check_unpacked(path)
    try:
        track = PoseTrack.load(path)
        rows = list(zip(track.image, track.world, track.visibility, track.present, strict=True))
        if {row[0].shape for row in rows} - {(len(LANDMARKS), 2)}:
            raise ValueError("its landmarks are not 33 points")
        for landmarks in (track.image, track.world):
            coordinates(landmarks)
    except Exception as error:  # a damaged zip fails in any way
        raise ConfigError(f"{path}: not a track that vidgan saved ({error})") from error
    return [[(image, world, seen)] if here else [] for image, world, seen, here in rows], (track.width, track.height)


def _from_json(data: Any) -> tuple[list[People], tuple[int, int] | None]:
    if isinstance(data, dict) and "people" in data:
        return [from_body25(data)], None
    if isinstance(data, dict):
        worlds = data.get("world") or [None] * len(data["frames"])
        people = [_from_landmarks(frame, world) for frame, world in zip(data["frames"], worlds, strict=True)]
        return people, (int(data["width"]), int(data["height"])) if "width" in data else None
    return [from_body25(frame) if isinstance(frame, dict) else _from_landmarks(frame, None) for frame in data], None


def _from_landmarks(frame: list[list[float]] | None, metres: list[list[float]] | None) -> People:
    if frame is None:
        return []
    values = coordinates(frame)
    if values.shape[0] != len(LANDMARKS) or values.ndim != 2 or not 2 <= values.shape[1] <= 4:
        raise ValueError(f"a frame holds {values.shape} numbers, not 33 x 2 to 4")
    image = values[:, :2]
    seen = values[:, 3] if values.shape[1] == 4 else np.ones(len(values), np.float32)
    if metres is not None:
        return [(image, coordinates(metres).reshape(len(LANDMARKS), 3), seen)]
    return [(image, world_from_image(image, values[:, 2] if values.shape[1] > 2 else None), seen)]


def _mask_for(image: NDArray[np.float32], segmented: list[Detection]) -> NDArray[np.uint8] | None:
    """The mask of the person at the same place, if they are."""
    for found in segmented:
        if centre_distance(image, found.image) < 0.3:
            return found.mask
    return None
