"""Pose backends: one small protocol, several implementations, opened by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from vidgan.config import Config
from vidgan.errors import ConfigError


@dataclass(frozen=True)
class Detection:
    """One person in one frame of H x W pixels.

    image: (J, 2) float32 pixels of that frame; world: (J, 3) float32 metres about the mid-hip;
    visibility: (J,) float32 in [0, 1]; mask: (H, W) uint8, person probability * 255, or None.
    """

    image: NDArray[np.float32]
    world: NDArray[np.float32]
    visibility: NDArray[np.float32]
    mask: NDArray[np.uint8] | None = None

    def moved(self, x: int, y: int, shape: tuple[int, ...]) -> Detection:
        """What was found in a window at (x, y), in the pixels of the whole frame, its mask pasted in place."""
        mask = self.mask
        if mask is not None:
            height, width = mask.shape
            mask = np.zeros(shape[:2], np.uint8)
            mask[y : y + height, x : x + width] = self.mask
        return replace(self, image=self.image + np.array([x, y], np.float32), mask=mask)

    def row(self, scale: NDArray[np.float32]) -> dict[str, NDArray]:
        """The values by name for a `ChunkStore`, in pixels `scale` (x, y) times as many."""
        return {"image": self.image * scale, "world": self.world, "visibility": self.visibility}


class BackendConfig(Config):
    """What a backend needs to know.

    `complexity` chooses MediaPipe's pose model (0, 1, 2; the wheel carries 1); `min_confidence` is the detection and
    tracking threshold; `bundle` is the Tasks API's `.task` file; `precomputed` a file or folder of landmarks.
    """

    backend: Literal["mediapipe", "tasks", "precomputed"] = "mediapipe"
    complexity: Literal[0, 1, 2] = 1
    min_confidence: float = Field(default=0.5, gt=0, lt=1)
    bundle: Path | None = None
    precomputed: Path | None = None


class PoseBackend(Protocol):
    """Finds people in the frames of one clip, given in order. A context manager.

    name: what made the landmarks, for the track; several: whether it finds more than one person in a frame.
    """

    name: str
    several: bool

    def detect(self, rgb: NDArray[np.uint8], index: int, seconds: float) -> list[Detection]:
        """The people in the `index`-th frame, (H, W, 3) RGB, shown at `seconds`; the surest first."""

    def reset(self) -> None:
        """Forget the frames before: the next result depends on its own frame only."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


def _mediapipe(config: BackendConfig, masks: bool) -> PoseBackend:
    from vidgan.pose.mediapipe_solutions import SolutionsBackend

    return SolutionsBackend(config, masks)


def _tasks(config: BackendConfig, masks: bool) -> PoseBackend:
    from vidgan.pose.mediapipe_tasks import TasksBackend

    return TasksBackend(config, masks)


def _precomputed(config: BackendConfig, masks: bool) -> PoseBackend:
    from vidgan.pose.precomputed import PrecomputedBackend

    return PrecomputedBackend(config, masks)


BACKENDS: dict[str, Callable[[BackendConfig, bool], PoseBackend]] = {
    "mediapipe": _mediapipe,
    "tasks": _tasks,
    "precomputed": _precomputed,
}
"""Every backend by name. A new one adds its line here and to `BackendConfig.backend`."""


def open_backend(config: BackendConfig, masks: bool = False) -> PoseBackend:
    """The backend that `config` names, finding person masks too when `masks`.

    Raises:
        ConfigError: the name is not known or a needed path is not set.
        DependencyError: a package or a model file is missing.
    """
    if config.backend not in BACKENDS:
        raise ConfigError(f"pose backend {config.backend!r} is unknown; use one of {', '.join(BACKENDS)}")
    return BACKENDS[config.backend](config, masks)
