"""Finding faces and their landmarks: MediaPipe's face mesh, whose models come in its wheel. Nothing is downloaded.

Legend: J = 478 landmarks.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass, replace
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import DependencyError
from vidgan.pose.mediapipe_solutions import quiet_native
from vidgan.pose.people import Box, Person, landmark_box, overlap, sorted_people, window_around

MARGIN = 0.6
"""Of the window around a followed face: MediaPipe's detector wants about as much room around a face as it is wide."""

_TILES = (1.0, 0.5, 0.28)
"""Sides of the squares that are searched for faces, as shares of the frame's shorter side: each next one is tried when
those before found nothing. A face of 100 pixels in 1080p fills a third of the smallest."""

_NOBODY = np.zeros((16, 16, 3), np.uint8)
_SEGMENT_SIDE = 512


class FaceConfig(Config):
    """`min_confidence` is the detection and tracking threshold."""

    min_confidence: float = Field(default=0.5, gt=0, lt=1)


@dataclass(frozen=True)
class Face:
    """One face in one frame: image (J, 2) pixels, depth (J,) pixels away from the camera; mask (H, W) uint8, how surely
    a pixel belongs to a person * 255, or None.
    """

    image: NDArray[np.float32]
    depth: NDArray[np.float32]
    mask: NDArray[np.uint8] | None = None

    def moved(self, x: int, y: int, shape: tuple[int, ...]) -> Face:
        """What was found in a window at (x, y), in the pixels of the whole frame."""
        return replace(self, image=self.image + np.array([x, y], np.float32))

    def row(self, scale: NDArray[np.float32]) -> dict[str, NDArray]:
        """The values by name for a `ChunkStore`, in pixels `scale` (x, y) times as many."""
        return {"image": self.image * scale, "depth": self.depth * scale[0]}


class MeshBackend:
    """MediaPipe's face mesh with attention, tracking one face in the pictures it is shown. A context manager.

    The landmark network sees a face at 192 pixels whatever its size in the frame; what small faces need is to be found,
    by `faces`.
    """

    name = "mediapipe-face-mesh"
    several = False

    def __init__(self, config: FaceConfig, masks: bool = False) -> None:
        if find_spec("mediapipe") is None:
            raise DependencyError("MediaPipe is not installed; run: pip install mediapipe==0.10.21")
        self._confidence, self._masks = config.min_confidence, masks
        self._mesh: Any = None
        self._finder: Any = None
        self._segmenter: Any = None
        self._fresh = True

    def __enter__(self) -> Self:
        with quiet_native():
            from mediapipe.python.solutions.face_detection import FaceDetection
            from mediapipe.python.solutions.face_mesh import FaceMesh
            from mediapipe.python.solutions.selfie_segmentation import SelfieSegmentation

            self._mesh = FaceMesh(
                max_num_faces=1,
                refine_landmarks=True,
                min_detection_confidence=self._confidence,
                min_tracking_confidence=self._confidence,
            )
            self._finder = FaceDetection(min_detection_confidence=self._confidence, model_selection=1)
            self._segmenter = SelfieSegmentation(model_selection=0) if self._masks else None
            for model in (self._mesh, self._finder, self._segmenter):
                if model is not None:
                    model.process(_NOBODY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for model in (self._mesh, self._finder, self._segmenter):
            if model is not None:
                model.close()

    def reset(self) -> None:
        """Forget the tracked face: the next picture is searched."""
        for _ in range(3):
            if self._mesh.process(_NOBODY).multi_face_landmarks is None:
                return
        with quiet_native():
            self._mesh.reset()
        self._fresh = True

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[Face]:
        """The tracked face of a picture, or an empty list."""
        with quiet_native() if self._fresh else nullcontext():
            result = self._mesh.process(np.ascontiguousarray(rgb))
        if result.multi_face_landmarks is None:
            return []
        if rgb.shape[0] != rgb.shape[1]:
            self._fresh = False  # at the first face in a picture that is not square it complains, to nobody's use
        height, width = rgb.shape[:2]
        points = np.array([(p.x, p.y, p.z) for p in result.multi_face_landmarks[0].landmark], np.float32)
        return [Face(points[:, :2] * np.array([width, height], np.float32), points[:, 2] * width)]

    def faces(self, rgb: NDArray[np.uint8], index: int = 0, seconds: float = 0.0) -> list[Person]:
        """Every face of a frame, from left to right; each is found by the detector and confirmed by the mesh."""
        height, width = rgb.shape[:2]
        for share in _TILES:
            boxes: list[Box] = []
            for x, y, side in _squares(width, height, max(64, round(share * min(width, height)))):
                boxes += [box + np.array([x, y, x, y]) for box in self._boxes(rgb[y : y + side, x : x + side])]
            people = self._confirmed(rgb, boxes)
            if people:
                return sorted_people(people)
        return []

    def segment(self, rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """How surely each pixel of a frame belongs to a person: (H, W, 3) → (h, w) uint8, h, w at most 512.

        Only of a backend with `masks`.
        """
        scale = min(1.0, _SEGMENT_SIDE / max(rgb.shape[:2]))
        small = cv2.resize(rgb, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else rgb
        mask = self._segmenter.process(np.ascontiguousarray(small)).segmentation_mask
        return np.asarray(cv2.convertScaleAbs(mask, alpha=255), np.uint8)

    def _boxes(self, rgb: NDArray[np.uint8]) -> list[Box]:
        """The boxes of the detector in one square."""
        height, width = rgb.shape[:2]
        found = []
        for one in self._finder.process(np.ascontiguousarray(rgb)).detections or ():
            box = one.location_data.relative_bounding_box
            found.append(np.array([box.xmin, box.ymin, box.xmin + box.width, box.ymin + box.height])
                         * np.array([width, height, width, height]))  # fmt: skip
        return found

    def _confirmed(self, rgb: NDArray[np.uint8], boxes: list[Box]) -> list[Person]:
        """The faces, one for each that the mesh finds again near a box."""
        people: list[Person] = []
        for box in boxes:
            if any(overlap(box, person.box) > 0.5 for person in people):
                continue
            x0, y0, x1, y1 = window_around(box, rgb.shape[1], rgb.shape[0], MARGIN)
            self.reset()
            for face in self.detect(rgb[y0:y1, x0:x1], 0, 0.0)[:1]:
                closer = landmark_box(face.image) + np.array([x0, y0, x0, y0])
                if overlap(box, closer) > 0.5 and not any(overlap(closer, person.box) > 0.5 for person in people):
                    people.append(Person(closer))
        self.reset()
        return people


def _squares(width: int, height: int, side: int) -> list[tuple[int, int, int]]:
    """Squares (left, top, side) that cover the frame and overlap by a third or more."""

    def starts(length: int) -> list[int]:
        count = 1 if length <= side else int(np.ceil((length - side) / (2 / 3 * side))) + 1
        return [int(v) for v in np.linspace(0, max(0, length - side), count).round()]

    return [(x, y, side) for y in starts(height) for x in starts(width)]
