"""What the video scores look at: features of frames and of their temporal differences, from a named, frozen network.

Legend: N clips, T frames, S pixels of a side, D frame features, M motion features, A action features.

The network is EfficientNet-Lite0 trained on ImageNet (`vidgan.nets.efficientnet`), at the clips' own size. Scores made
from it are named after it and do not compare with FID (Inception), FVD (I3D) or IS (C3D).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from vidgan.errors import UsageError
from vidgan.nets.efficientnet import load_efficientnet_lite0

FEATURE_NETWORK = "efficientnet-lite0"
FRAME_STAGES = (3, 5, 7)
"""Stages whose maps, averaged over the picture, describe a frame: 40 + 112 + 320 features."""
MOTION_STAGES = (3, 5)
"""Stages whose differences describe motion, 2 x (40 + 112) features. On 64-pixel clips of people the last stage (2 x 2
pixels) more than triples the distance of real people from other real people and tells them from shuffled frames less
well, measured."""
ACTION_STAGES, ACTION_GRID = (3, 5), 4
"""The stages and the cells of a side whose change over time tells actions apart, (40 + 112) x 4 x 4 features. Where in
the picture something moves matters: four actions of a person left out are told with 99 % (83 % without the cells),
measured over seven people; with noise of 8 grey levels on the frames with 84 %. Mean differences of consecutive frames
do as well on clean frames and fall to 31 % with the noise."""
MIN_FRAMES = 3
FRAMES_AT_ONCE = 256

Clips = NDArray[np.uint8] | Tensor
"""Clips (N, T, S, S, 3), uint8 RGB."""


@dataclass(frozen=True)
class VideoFeatures:
    """Features of clips, float32 on the CPU.

    `frames` (N, T, D): each frame's maps averaged over the picture: what is seen, blind to the order of frames.
    `motion` (N, T - 2, M): of each three consecutive frames, |f2 - f1| and |f3 - 2 f2 + f1| of the maps f, averaged
    over the picture *after* the absolute value: how much each feature moves and how evenly, wherever in the picture.
    `action` (N, A): the standard deviation of maps over time, which is the root mean square difference of all pairs of
    frames but for a factor, averaged (as a square) over the cells of a grid and scaled to unit length for each stage:
    where in the picture which features move, blind to how much in all and to the order. Zero for a still clip.
    """

    frames: Tensor
    motion: Tensor
    action: Tensor

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, rows: Tensor | NDArray[np.int64] | slice) -> VideoFeatures:
        """The features of some of the clips."""
        return VideoFeatures(self.frames[rows], self.motion[rows], self.action[rows])

    @property
    def appearance(self) -> Tensor:
        """One vector a clip (N, D) for who and where: frame features averaged over time."""
        return self.frames.mean(1)

    @property
    def movement(self) -> Tensor:
        """One vector a clip (N, M) for how it moves: motion features averaged over time."""
        return self.motion.mean(1)


class VideoFeatureNetwork:
    """Computes `VideoFeatures`; the result of a clip does not depend on the clips beside it.

    Raises:
        DependencyError: the weights' package is not installed.
    """

    name = FEATURE_NETWORK

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        with torch.random.fork_rng(devices=[]):  # weights are drawn before the stored ones replace them
            network = load_efficientnet_lite0(max(*FRAME_STAGES, *MOTION_STAGES))
        self.network = network.to(self.device)

    @torch.no_grad()
    def __call__(self, clips: Clips) -> VideoFeatures:
        """Look at clips (N, T, S, S, 3) uint8, N at least 1.

        Raises:
            UsageError: the clips have fewer than three frames.
            ValueError: they are no uint8 clips.
        """
        clips = as_tensor(clips)
        if clips.shape[1] < MIN_FRAMES:
            raise UsageError(f"clips of {clips.shape[1]} frames have no motion to score: take {MIN_FRAMES} or more")
        at_once = max(1, FRAMES_AT_ONCE // clips.shape[1])
        parts = [self._look(part) for part in clips.split(at_once)]
        return VideoFeatures(*(torch.cat(column).cpu() for column in zip(*parts, strict=True)))

    @torch.no_grad()
    def frames(self, images: NDArray[np.uint8]) -> Tensor:
        """The frame features (F, D) of single frames (F, S, S, 3)."""
        parts = torch.from_numpy(np.ascontiguousarray(images)).split(FRAMES_AT_ONCE)
        return torch.cat([_frames(self._maps(part)).cpu() for part in parts])

    def _maps(self, images: Tensor) -> tuple[Tensor, ...]:
        """The feature maps of frames (B, S, S, 3)."""
        inputs = rearrange(images, "b h w c -> b c h w").to(self.device).float() / 127.5 - 1
        with torch.autocast(self.device.type, enabled=False):
            maps: tuple[Tensor, ...] = self.network(inputs)
        return maps

    def _look(self, clips: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        flat = self._maps(clips.flatten(0, 1))
        maps = [stage.unflatten(0, clips.shape[:2]) for stage in flat]
        frames = _frames(flat).unflatten(0, clips.shape[:2])
        motion = torch.cat([_motion(maps[stage]) for stage in MOTION_STAGES], -1)
        return frames, motion, torch.cat([_action(maps[stage]) for stage in ACTION_STAGES], -1)


def as_tensor(clips: Clips) -> Tensor:
    """Clips as a uint8 tensor (N, T, S, S, 3) on the CPU. Raises ValueError when they are something else."""
    tensor = clips if isinstance(clips, Tensor) else torch.from_numpy(np.ascontiguousarray(clips))
    if tensor.ndim != 5 or tensor.shape[-1] != 3 or tensor.dtype != torch.uint8 or not len(tensor):
        raise ValueError(f"expected uint8 clips (N, T, S, S, 3), got {tensor.dtype} {tuple(tensor.shape)}")
    return tensor.cpu()


def _frames(maps: tuple[Tensor, ...]) -> Tensor:
    """Maps (B, C, h, w) of all stages averaged over the picture, (B, D)."""
    return torch.cat([maps[stage].mean((-2, -1)) for stage in FRAME_STAGES], -1)


def _motion(maps: Tensor) -> Tensor:
    """Mean absolute first and second difference (N, T - 2, 2 C) of maps (N, T, C, h, w)."""
    first = maps[:, 1:] - maps[:, :-1]
    second = first[:, 1:] - first[:, :-1]
    return torch.cat([first[:, :-1].abs().mean((-2, -1)), second.abs().mean((-2, -1))], -1)


def _action(maps: Tensor) -> Tensor:
    """Where maps (N, T, C, h, w) change: standard deviation over time in each cell of the grid, of length 1 in all."""
    deviation = functional.adaptive_avg_pool2d(maps.var(1, correction=0), ACTION_GRID).sqrt()
    return functional.normalize(deviation.flatten(1), dim=1)
