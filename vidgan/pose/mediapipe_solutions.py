"""MediaPipe's pose solution (BlazePose), the default backend: its models come in the wheel, nothing is downloaded."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import DependencyError
from vidgan.pose.backend import BackendConfig, Detection

_NOBODY = np.zeros((16, 16, 3), np.uint8)
"""An empty frame: finding nobody in it waits for the models to be loaded and leaves no person to track."""

MODELS = {0: "lite", 1: "full", 2: "heavy"}


class SolutionsBackend:
    """`mediapipe.solutions.pose` in tracking mode: stateful, one person, one instance a clip.

    The masks are the pose model's own. Looked at on real dances, full size: MediaPipe's selfie segmentation, on the
    frame, on the person's square crop or on two overlapping crops, loses shins, feet and thin arms and takes up floor
    and furniture; the pose model's mask, made on the person's rotated window, keeps all of them.
    """

    several = False

    def __init__(self, config: BackendConfig, masks: bool) -> None:
        _check_model(config.complexity)
        self.name = f"mediapipe-{MODELS[config.complexity]}"
        self._masks = masks
        self._options = {
            "model_complexity": config.complexity,
            "smooth_landmarks": False,
            "enable_segmentation": masks,
            "smooth_segmentation": False,
            "min_detection_confidence": config.min_confidence,
            "min_tracking_confidence": config.min_confidence,
        }
        self._pose: Any = None
        self._fresh = True

    def __enter__(self) -> Self:
        with quiet_native():
            from mediapipe.python.solutions.pose import Pose

            self._pose = Pose(**self._options)
            self._pose.process(_NOBODY)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pose.close()

    def reset(self) -> None:
        """Forget the tracked person: the next frame runs the detector.

        Losing them on an empty frame takes half the time of restarting the graph, and leaves the same state.
        """
        for _ in range(3):
            if self._pose.process(_NOBODY).pose_landmarks is None:
                return
        with quiet_native():
            self._pose.reset()
            self._pose.process(_NOBODY)
        self._fresh = True

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[Detection]:
        """The tracked person, or an empty list."""
        with quiet_native() if self._fresh else nullcontext():
            result = self._pose.process(np.ascontiguousarray(rgb))
        self._fresh = False
        if result.pose_landmarks is None:
            return []
        mask = result.segmentation_mask if self._masks else None
        return [detection(result.pose_landmarks.landmark, result.pose_world_landmarks.landmark, mask, rgb.shape)]


def detection(image: Any, world: Any, mask: NDArray[np.float32] | None, shape: tuple[int, ...]) -> Detection:
    """A `Detection` from MediaPipe's normalised and world landmarks and its float mask in [0, 1]."""
    import cv2

    height, width = shape[:2]
    return Detection(
        image=np.array([(point.x * width, point.y * height) for point in image], np.float32),
        world=np.array([(point.x, point.y, point.z) for point in world], np.float32),
        visibility=np.array([point.visibility for point in image], np.float32),
        mask=None if mask is None else np.asarray(cv2.convertScaleAbs(mask, alpha=255), np.uint8),
    )


@contextmanager
def quiet_native() -> Iterator[None]:
    """Keep native code's start-up chatter, which no setting turns off, from standard error."""
    sys.stderr.flush()
    saved, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)
        os.close(null)


def _check_model(complexity: int) -> None:
    package = find_spec("mediapipe")
    if package is None or package.origin is None:
        raise DependencyError("MediaPipe is not installed; run: pip install mediapipe==0.10.21")
    model = f"modules/pose_landmark/pose_landmark_{MODELS[complexity]}.tflite"
    if not (Path(package.origin).parent / model).exists():
        raise DependencyError(
            f"MediaPipe's wheel has no pose model of complexity {complexity}; use complexity 1, "
            "or backend tasks with a .task bundle"
        )
