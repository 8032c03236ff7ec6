"""Critics: what judges clips. One over the volume, or a pair, one for frames and one for the motion.

Legend: B clips, T frames, S pixels of a side, K classes, C channels, P verdicts on a clip, F frames judged.
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from einops import rearrange, reduce, repeat
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.parametrizations import spectral_norm

from vidgan.config import Config
from vidgan.errors import ConfigError
from vidgan.nets.initial import Init, initialise
from vidgan.nets.labels import one_hot
from vidgan.nets.norm import BatchNorm, rank

SLOPE = 0.2
DEEPEST = 8


class CriticConfig(Config):
    """A critic; the defaults are TGAN's.

    `width` is the channels of the first layer, doubled each layer up to eightfold. Classes are seen by
    `label_channels` (one-hot constant channels beside the colours, TGAN's), by `projection`, or both. `frames_judged`,
    `motion_scale` and `tuple_frames` are the pair's: how many frames the image critic sees, how much smaller than them
    the motion critic's pictures are, and how many consecutive frames it sees (all when unset). With a
    `deviation` above 0 the motion critic sees not the frames but, that many times larger, how they differ from the
    clip's mean over time: what stands still is 0, and what moves, little of a picture, is not drowned by looks.
    `init` "auto" is uniform
    with batch norm, as in TGAN, orthogonal with spectral norm, and he without.
    """

    kind: Literal["volume", "pair"] = "volume"
    width: int = Field(default=64, ge=8)
    norm: Literal["batch", "spectral", "none"] = "batch"
    minibatch_std: bool = False
    std_group: int = Field(default=4, ge=2)
    projection: bool = False
    label_channels: bool = True
    init: Init = "auto"
    frames_judged: int = Field(default=4, ge=1)
    motion_scale: Literal[1, 2, 4] = 2
    tuple_frames: int | None = Field(default=None, ge=2)
    deviation: float = Field(default=0.0, ge=0)


class MinibatchStd(nn.Module):
    """Appends a channel that says how much the samples of a group differ (Karras et al. 2018, section 3): the standard
    deviation over the group, averaged over channels and places.

    A group is `group` neighbours in the batch, or the most below it that divide the batch, so that processes with
    slices of a batch form the groups that one process would.
    """

    def __init__(self, group: int = 4) -> None:
        super().__init__()
        self.group = group

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, ...) → (B, C + 1, ...)."""
        size = max(g for g in range(1, min(self.group, len(x)) + 1) if len(x) % g == 0)
        groups = x.float().unflatten(0, (-1, size))
        variance = (groups - groups.mean(1, keepdim=True)).square().mean(1)  # Tensor.var takes five times as long here
        deviation = torch.sqrt(variance + 1e-8).flatten(1).mean(1)
        channel = deviation.repeat_interleave(size).view(-1, *[1] * (x.dim() - 1)).to(x.dtype)
        return torch.cat([x, channel.expand(-1, 1, *x.shape[2:])], 1)


class ConvolutionCritic(nn.Module):
    """Convolutions 4/2/1 with leaky ReLUs, a norm after each but the first, down to 4 pixels, then one over all that is
    left: TGAN's critic in three dimensions (Saito et al. 2017, table 1; 11.03 M parameters at 64 pixels, 16 frames,
    width 64), DCGAN's in two.

    Time shrinks with the pictures while there is any left, then kernels are flat. Minibatch standard deviation enters
    before the last convolution through a 1x1 one. Projection adds ⟨e_y, Σ φ⟩ / √places, the inner product of a class
    embedding with the features summed over places (Miyato and Koyama 2018, eq. 3 and figure 1d); the root, ours, keeps
    it at the size of the last convolution's sum over the same places.
    """

    def __init__(self, config: CriticConfig, size: int, frames: int | None, classes: int) -> None:
        super().__init__()
        self.classes, self.label_channels = classes, config.label_channels and classes > 0
        self.volume = frames is not None
        spectral = config.norm == "spectral"
        inputs, outputs = 3 + (classes if self.label_channels else 0), config.width
        time, layers = frames or 1, list[nn.Module]()
        for index in range(size.bit_length() - 3):
            normed = config.norm == "batch" and index > 0
            layers.append(self._convolution(inputs, outputs, (4, 2, 1), time > 1, bias=not normed, spectral=spectral))
            layers += [BatchNorm(outputs)] if normed else []
            layers.append(nn.LeakyReLU(SLOPE))
            time = max(time // 2, 1)
            inputs, outputs = outputs, min(outputs * 2, config.width * DEEPEST)
        if config.minibatch_std:
            mix = self._convolution(inputs + 1, inputs, (1, 1, 0), True, bias=True, spectral=spectral)
            layers += [MinibatchStd(config.std_group), mix, nn.LeakyReLU(SLOPE)]
        self.layers = nn.Sequential(*layers)
        head = nn.Conv3d(inputs, 1, (time, 4, 4)) if self.volume else nn.Conv2d(inputs, 1, 4)
        self.head: nn.Module = spectral_norm(head) if spectral else head
        embedding = nn.Embedding(classes, inputs) if config.projection and classes else None
        self.embedding: nn.Module | None = spectral_norm(embedding) if embedding and spectral else embedding

    def _convolution(
        self, inputs: int, outputs: int, shape: tuple[int, int, int], in_time: bool, bias: bool, spectral: bool
    ) -> nn.Module:
        if self.volume:
            kernel, stride, pad = (
                (first if in_time else flat, first, first) for first, flat in zip(shape, (1, 1, 0), strict=True)
            )
            made: nn.Module = nn.Conv3d(inputs, outputs, kernel, stride, pad, bias=bias)
        else:
            made = nn.Conv2d(inputs, outputs, *shape, bias=bias)
        return spectral_norm(made) if spectral else made

    def forward(self, x: Tensor, label: Tensor | None = None) -> Tensor:
        """x (B, 3, T, S, S) or (B, 3, S, S), label (B,) → logits (B, 1)."""
        hot = one_hot(label, self.classes)
        if hot is not None and self.label_channels:
            voxels = hot.to(x.dtype).view(*hot.shape, *[1] * (x.dim() - 2)).expand(-1, -1, *x.shape[2:])
            x = torch.cat([x, voxels], 1)
        features = self.layers(
            x.contiguous(memory_format=torch.channels_last_3d if self.volume else torch.channels_last)
        )
        logits = self.head(features).flatten(1)
        if self.embedding is not None:
            places = features.float().flatten(2)
            pooled = places.sum(2) / math.sqrt(places.shape[2])
            logits = logits + (self.embedding(label).float() * pooled).sum(1, keepdim=True)
        return logits


class PairCritic(nn.Module):
    """One critic for single frames, one for the motion of the clip at a smaller size (as DVD-GAN's two, Clark et al.
    2019, section 3.2).

    Which frames are judged turns with the place of the clip in the (global) batch, evenly spaced ones, or
    `tuple_frames` consecutive ones, so that all are judged in time and no randomness is needed. The verdicts on a
    clip's frames are averaged, so that quality and motion weigh the same.
    """

    def __init__(self, config: CriticConfig, size: int, frames: int, classes: int) -> None:
        super().__init__()
        self.judged = min(config.frames_judged, frames)
        self.scale = min(config.motion_scale, size // 8)
        self.tuple = min(config.tuple_frames or frames, frames)
        self.deviation = config.deviation
        self.image = ConvolutionCritic(config, size, None, classes)
        self.motion = ConvolutionCritic(config, size // self.scale, self.tuple, classes)

    def forward(self, clips: Tensor, label: Tensor | None = None) -> Tensor:
        """clips (B, 3, T, S, S), label (B,) → logits (B, 2): the frames' mean, the motion's."""
        frames = rearrange(turning_frames(clips, self.judged), "b c f h w -> (b f) c h w")
        quality = self.image(frames, None if label is None else repeat(label, "b -> (b f)", f=self.judged))
        moving = F.avg_pool3d(turning_tuple(clips, self.tuple), (1, self.scale, self.scale))
        if self.deviation:
            moving = self.deviation * (moving - moving.mean(2, keepdim=True))
        return torch.cat([reduce(quality, "(b f) 1 -> b 1", "mean", f=self.judged), self.motion(moving, label)], 1)


def turning_frames(clips: Tensor, count: int) -> Tensor:
    """(B, 3, T, S, S) → (B, 3, count, S, S): every (T // count)-th frame, the first moving on from clip to clip."""
    stride = clips.shape[2] // count
    return _taken(clips, _turn(clips, stride)[:, None] + stride * torch.arange(count, device=clips.device))


def turning_tuple(clips: Tensor, count: int) -> Tensor:
    """(B, 3, T, S, S) → (B, 3, count, S, S): consecutive frames, the first moving on from clip to clip."""
    if count == clips.shape[2]:
        return clips
    starts = clips.shape[2] - count + 1
    return _taken(clips, _turn(clips, starts)[:, None] + torch.arange(count, device=clips.device))


def _turn(clips: Tensor, period: int) -> Tensor:
    """The place of each clip in the batch of all processes, modulo `period`."""
    return (torch.arange(len(clips), device=clips.device) + rank() * len(clips)) % period


def _taken(clips: Tensor, frames: Tensor) -> Tensor:
    clip = torch.arange(len(clips), device=clips.device)[:, None]
    return rearrange(rearrange(clips, "b c t h w -> b t h w c")[clip, frames], "b f h w c -> b c f h w")


def build_critic(config: CriticConfig, size: int, frames: int, classes: int = 0) -> nn.Module:
    """A new critic of clips (B, 3, frames, size, size), its weights from the global random state.

    Its forward takes clips and labels (None without classes) and gives logits (B, P), P = 1 for a volume, 2 for a pair.

    Raises:
        ConfigError: there are classes and nothing to see them by.
    """
    if classes and not (config.projection or config.label_channels):
        raise ConfigError("critic.projection and critic.label_channels are both off: set one, or clips.label to none")
    if config.kind == "volume":
        critic: nn.Module = ConvolutionCritic(config, size, frames, classes)
    else:
        critic = PairCritic(config, size, frames, classes)
    own: dict[str, Init] = {"batch": "uniform", "spectral": "orthogonal", "none": "he"}
    initialise(critic, own[config.norm] if config.init == "auto" else config.init)
    return critic
