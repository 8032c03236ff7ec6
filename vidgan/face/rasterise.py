"""A face as pictures for networks: one soft outline for each feature.

Legend: B batch, J = 478 landmarks, P map channels, H W size.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vidgan.face import regions as at

FEATURES = (
    at.LIPS_OUTER, at.LIPS_INNER, at.RIGHT_EYE, at.LEFT_EYE, at.RIGHT_IRIS, at.LEFT_IRIS, at.RIGHT_BROW, at.LEFT_BROW,
    at.NOSE, at.OVAL,
)  # fmt: skip

MAPS = len(FEATURES)
"""The number of channels P of `face_maps`: one for each of `FEATURES`, in their order."""


def face_maps(image: Tensor, size: tuple[int, int], sigma: float) -> Tensor:
    """Soft outlines: a channel is exp(-d² / 2s²), d the distance to the feature's nearest landmark and s `sigma`.

    Args:
        image: (B, J, 2) pixels of the map, centres at +0.5.
        size: (H, W).
        sigma: the outlines' softness in pixels.

    Returns:
        (B, P, H, W) in [0, 1], of the device of `image`.
    """
    y, x = (torch.arange(side, device=image.device) + 0.5 for side in size)
    falls = [torch.exp(-0.5 * ((line - image[:, :, axis, None]) / sigma).square()) for axis, line in enumerate((x, y))]
    channels = []
    for feature in FEATURES:
        across, down = (fall[:, list(feature)] for fall in falls)
        channels.append((down[..., :, None] * across[..., None, :]).amax(1))
    return torch.stack(channels, 1)
