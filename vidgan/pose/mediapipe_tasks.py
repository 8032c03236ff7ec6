"""MediaPipe's Tasks API: newer pose models from a `.task` bundle, several people at once."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import ConfigError, DependencyError
from vidgan.pose.backend import BackendConfig, Detection
from vidgan.pose.mediapipe_solutions import detection, quiet_native
from vidgan.pose.people import MAX_PEOPLE


class TasksBackend:
    """`mediapipe.tasks.vision.PoseLandmarker` in video mode with the bundle at `config.bundle`."""

    several = True

    def __init__(self, config: BackendConfig, masks: bool) -> None:
        if config.bundle is None:
            raise ConfigError(
                "pose backend tasks needs a model; set bundle to the path of a pose_landmarker .task file"
            )
        if not config.bundle.is_file():
            raise DependencyError(f"{config.bundle}: no such .task bundle; download a MediaPipe pose_landmarker to it")
        self.name = f"mediapipe-tasks-{config.bundle.stem}"
        self._bundle: Path = config.bundle
        self._confidence = config.min_confidence
        self._masks = masks
        self._landmarker: Any = None
        self._clock = -1

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._landmarker.close()

    def reset(self) -> None:
        """Forget the tracked people: the landmarker is opened again."""
        self._landmarker.close()
        self._open()

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[Detection]:
        """The people tracked in this frame."""
        import mediapipe as mp

        self._clock = max(self._clock + 1, round(seconds * 1000))
        picture = mp.Image(image_format=mp.ImageFormat.SRGB, data=np.ascontiguousarray(rgb))
        result = self._landmarker.detect_for_video(picture, self._clock)
        masks = result.segmentation_masks or [None] * len(result.pose_landmarks)
        return [
            detection(image, world, None if mask is None else mask.numpy_view(), rgb.shape)
            for image, world, mask in zip(result.pose_landmarks, result.pose_world_landmarks, masks, strict=True)
        ]

    def _open(self) -> None:
        try:
            from mediapipe.tasks.python import BaseOptions, vision
        except ModuleNotFoundError as error:
            if not str(error.name).startswith("mediapipe."):
                raise
            raise DependencyError("this MediaPipe has no Tasks API; run: pip install mediapipe==0.10.21") from error
        options = vision.PoseLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(self._bundle)),
            running_mode=vision.RunningMode.VIDEO,
            num_poses=MAX_PEOPLE,
            min_pose_detection_confidence=self._confidence,
            min_pose_presence_confidence=self._confidence,
            min_tracking_confidence=self._confidence,
            output_segmentation_masks=self._masks,
        )
        try:
            with quiet_native():
                self._landmarker = vision.PoseLandmarker.create_from_options(options)
        except (RuntimeError, ValueError) as error:
            raise DependencyError(f"{self._bundle} is no pose_landmarker bundle that MediaPipe can open") from error
        self._clock = -1
