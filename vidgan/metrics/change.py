"""How much a clip changes from frame to frame, and how evenly: needs no network.

Legend: N clips, T frames, S pixels of a side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vidgan.metrics.video_features import Clips, as_tensor


def inter_frame_change(clips: Clips) -> Tensor:
    """Mean |x_t - x_t-1| of each clip (N,), in grey levels 0-255, over time, pixels and colours."""
    return torch.stack([clip.float().diff(dim=0).abs().mean() for clip in as_tensor(clips)])


def second_difference(clips: Clips) -> Tensor:
    """Jitter: mean |x_t - 2 x_t-1 + x_t-2| of each clip (N,), in grey levels.

    0 for pixels that change evenly; independent noise has 3^(1/2) times its inter-frame change. Real motion is above 0:
    compare with real clips.
    """
    return torch.stack([clip.float().diff(n=2, dim=0).abs().mean() for clip in as_tensor(clips)])


def per_class(values: Tensor, labels: Tensor | None, classes: tuple[str, ...]) -> dict[str, float]:
    """The mean of values (N,) over the clips of each class; classes without clips are left out."""
    if labels is None:
        return {}
    means = {name: values[labels == index] for index, name in enumerate(classes)}
    return {name: float(chosen.mean()) for name, chosen in means.items() if len(chosen)}


def ratio(value: float, real: float) -> float:
    """`value` over that of real clips; NaN where real clips have none."""
    return value / real if real > 0 else float("nan")
