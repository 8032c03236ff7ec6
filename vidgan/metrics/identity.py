"""Does the head look like the target's? An honest proxy, not face recognition.

Head crops are compared by the cosine of their pooled ImageNet features (EfficientNet-Lite0). That sees hair, skin,
headwear, glasses and light, and cannot tell two similar people apart; no face-recognition weights are free to ship.
Measured on seven real clips of six settings: heads of one clip against each other 0.78-0.99, against other clips' 0.38
on average and 0.76 at most. So read a score between the target's own value and the driving person's.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from vidgan.metrics.frames import Box
from vidgan.nets.efficientnet import EfficientNetLite0, load_efficientnet_lite0
from vidgan.pose.body import HEAD
from vidgan.pose.track import JOINT

NAME = "efficientnet-lite0 head similarity"
SIZE = 128
MIN_SIDE = 12
HEAD_JOINTS = [JOINT[name] for name in HEAD]


def head_box(landmarks: NDArray[np.floating], width: int, height: int) -> Box | None:
    """The square around the head of landmarks (J, 2) in pixels, cut to the frame; None when too small or outside."""
    head = landmarks[HEAD_JOINTS]
    if not np.isfinite(head).all():
        return None
    centre = head.mean(0)
    ears = float(np.linalg.norm(landmarks[JOINT["left_ear"]] - landmarks[JOINT["right_ear"]]))
    half = 0.9 * max(ears, 1.3 * float(np.ptp(head[:, 1])), float(np.ptp(head[:, 0])))
    low = np.clip(centre - half, 0, (width, height)).astype(int)
    high = np.clip(centre + half, 0, (width, height)).astype(int)
    return Box(*low.tolist(), *high.tolist()) if min(high - low) >= MIN_SIDE else None


class HeadFeatures:
    """Turns head crops into unit feature vectors."""

    def __init__(self) -> None:
        self._network: EfficientNetLite0 = load_efficientnet_lite0()

    @torch.no_grad()
    def __call__(self, crops: Sequence[NDArray[np.uint8]], batch: int = 16) -> NDArray[np.float32]:
        """Unit vectors (N, D) of N RGB crops of any size."""
        parts = []
        for start in range(0, len(crops), batch):
            scaled = [
                cv2.resize(crop, (SIZE, SIZE), interpolation=cv2.INTER_AREA) for crop in crops[start : start + batch]
            ]
            images = torch.from_numpy(np.stack(scaled)).permute(0, 3, 1, 2).float() / 127.5 - 1
            parts.append(normalize(self._network(images)[-1].mean((2, 3)), dim=1).numpy())
        return np.concatenate(parts) if parts else np.empty((0, 320), np.float32)


def similarity(heads: NDArray[np.float32], gallery: NDArray[np.float32]) -> float | None:
    """Mean over heads (N, D) of the best cosine with a gallery (M, D); None when either is empty."""
    if not len(heads) or not len(gallery):
        return None
    return float((heads @ gallery.T).max(1).mean())


def own_similarity(gallery: NDArray[np.float32]) -> float | None:
    """What the gallery's heads score against the others of it: the value to hope for; None below two heads."""
    if len(gallery) < 2:
        return None
    cosine = gallery @ gallery.T
    np.fill_diagonal(cosine, -1)
    return float(cosine.max(1).mean())
