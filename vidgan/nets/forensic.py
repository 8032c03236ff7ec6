"""The forensic detector: what a synthesis leaves in the finest structure of consecutive frames.

Legend: B bags, K patches of a bag, of them P places on the ground and F on the face, T = 3 consecutive frames, S pixels
of a side, D statistics of a patch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

GROUND, FACE = 4, 6
"""Patches of a bag: first those of the whole picture, half of them where it moves, then those at places of a face."""
BODY, FACES, SMALL = KINDS = range(3)
"""What a bag shows: places of the whole picture; a face; or a picture so small that all its places are one."""
BANDS = 10
_PREDICTOR = torch.tensor(
    [[-1, 2, -2, 2, -1], [2, -6, 8, -6, 2], [-2, 8, -12, 8, -2], [2, -6, 8, -6, 2], [-1, 2, -2, 2, -1]]
)
"""The 5x5 predictor of steganalysis (Fridrich and Kodovsky 2012, "Rich Models for Steganalysis of Digital Images"),
over 12: what a pixel is beyond what its neighbours say."""
_KNEES = (1.5, 6.0)
_STILL = 0.6
"""Grey levels of change within which a pixel counts as standing still."""
STATISTICS = 3 * BANDS + 2 * len(_KNEES) + 6
_ABSENT = 8.0
"""Mean luma up to which a patch is too dark to say anything; one that is not there is black, and both are absent."""
_NO_WEIGHT = -1e4
"""The logit of the weight of what counts nowhere."""


class TraceDetector(nn.Module):
    """Judges bags of patches: the higher a logit, the more the moment looks made.

    It sees no picture: of each patch only `statistics` of spectra, residuals and changes, where interpolation, blending
    and frozen noise show and content hardly does. Each of `KINDS` has parts of its own. BODY is judged by its ground:
    each patch gets a logit and a weight, the bag's is the weighted mean, weights by softmax (attention pooling, Ilse et
    al. 2018, eq. 8, without its tanh layer); to it adds, linearly, how the patches that move differ from the others.
    FACES are judged, linearly, by how the places of the face differ from their mean and that from the ground: cameras
    and codecs differ more between films than what is made from what is filmed, but a film that was made in part differs
    in itself. SMALL is judged by its one patch.
    """

    predictor: Tensor
    calibration: Tensor
    ground_scale: Tensor
    motion_scale: Tensor
    face_scale: Tensor
    small_scale: Tensor

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.register_buffer("predictor", _PREDICTOR[None, None] / 12, persistent=False)
        self.register_buffer("calibration", torch.tensor([[1.0, 0.0]] * len(KINDS)))
        for part in ("ground", "motion", "small"):
            self.register_buffer(f"{part}_scale", torch.stack([torch.zeros(STATISTICS), torch.ones(STATISTICS)]))
        places = torch.zeros(FACE + GROUND, STATISTICS)
        self.register_buffer("face_scale", torch.stack([places, places + 1]))
        self.ground = nn.Sequential(nn.Linear(STATISTICS, width), nn.SiLU(), _silent(width, 2))
        self.motion = _silent(STATISTICS, 1)
        self.face = _silent((FACE + GROUND) * STATISTICS, 1)
        self.small = nn.Sequential(nn.Linear(STATISTICS, width), nn.SiLU(), _silent(width, 1))

    def statistics(self, bags: Tensor) -> Tensor:
        """Of bags (B, K, T, S, S) in grey levels: (B, K, D), zeros where a patch is absent."""
        patches = bags.flatten(0, 1).float()
        changes = patches.diff(dim=1)
        residuals = F.conv2d(F.pad(patches.flatten(0, 1)[:, None], (2, 2, 2, 2), "reflect"), self.predictor)
        residuals = residuals.view_as(patches)
        found = [
            *(_band_powers(part) for part in (patches, changes, changes.diff(dim=1))),
            *(
                torch.tanh(part.abs() / knee).mean((1, 2, 3))[:, None]
                for part in (residuals, changes)
                for knee in _KNEES
            ),
            torch.exp(-0.5 * (changes / _STILL).square()).mean((1, 2, 3))[:, None],
            _correlation(residuals[:, 1:], residuals[:, :-1]),
            _correlation(residuals[..., 1:], residuals[..., :-1]),
            _correlation(residuals[..., 1:, :], residuals[..., :-1, :]),
            _correlation(changes[:, 1:], changes[:, :-1]),
            _tails(residuals),
        ]
        there = (patches.mean((1, 2, 3)) > _ABSENT)[:, None]
        return torch.where(there, torch.cat(found, 1), 0.0).view(*bags.shape[:2], -1)

    def scaled_by(self, statistics: Tensor) -> None:
        """Take the means and deviations of statistics (M, K, D) to scale all by."""
        body, faces, small = (_known(statistics[kinds(statistics) == kind]) for kind in KINDS)
        self.ground_scale.copy_(_scale(body[:, :GROUND].flatten(0, 1)))
        self.motion_scale.copy_(_scale(_motion(body)))
        self.face_scale.copy_(_scale(_relative(faces)))
        self.small_scale.copy_(_scale(small[:, 0]))

    def judge(self, statistics: Tensor, kept: Tensor | None = None) -> Tensor:
        """Statistics (B, K, D) to logits (B,), calibrated by the kind of each. Those that are not `kept` count as their
        mean, for training.
        """
        known = _known(statistics)
        ground = _scaled(known[:, :GROUND], self.ground_scale)
        motion = _scaled(_motion(known), self.motion_scale)
        face = _scaled(_relative(known), self.face_scale)
        small = _scaled(known[:, 0], self.small_scale)
        if kept is not None:  # a bag is of one kind, so that parts may share what is left out
            ground, motion = ground * kept[:, :GROUND], motion * kept[:, -1]
            face, small = face * kept, small * kept[:, 0]
        logit, weight = self.ground(ground).unbind(2)
        weight = weight.masked_fill(known[:, :GROUND, 0].isnan(), _NO_WEIGHT)
        body = (torch.softmax(weight, 1) * logit).sum(1) + self.motion(motion)[:, 0]
        logits = torch.stack([body, self.face(face.flatten(1))[:, 0], self.small(small)[:, 0]], 1)
        kind = kinds(statistics)
        scale, offset = self.calibration[kind].unbind(1)
        return scale * logits.gather(1, kind[:, None])[:, 0] + offset

    def forward(self, bags: Tensor) -> Tensor:
        """Bags (B, K, T, S, S) of luma, 0 to 255, to logits (B,)."""
        return self.judge(self.statistics(bags))

    def likelihood(self, logits: Tensor) -> Tensor:
        """A video's score in (0, 1) from the logits (B,) of its moments. The calibration is fitted so that it is at
        most the likelihood of having been made, had half of all videos been.
        """
        return torch.sigmoid(logits.mean())


def kinds(statistics: Tensor) -> Tensor:
    """Which of `KINDS` bags of statistics (B, K, D) are: (B,). What is too dark to say anything is no small picture."""
    faced = there(statistics)[:, GROUND:].any(1)
    alone = (statistics[:, :GROUND] == statistics[:, :1]).flatten(1).all(1) & there(statistics)[:, 0]
    return torch.where(faced, FACES, torch.where(alone, SMALL, BODY))


def there(statistics: Tensor) -> Tensor:
    """Which patches of statistics (B, K, D) are not absent: (B, K)."""
    return (statistics != 0).any(2)


def _known(statistics: Tensor) -> Tensor:
    """Statistics (B, K, D) without numbers (NaN) where a patch is absent."""
    return torch.where(there(statistics)[:, :, None], statistics, torch.nan)


def _motion(known: Tensor) -> Tensor:
    """What the patches that move are beyond the others: (B, D)."""
    return known[:, : GROUND // 2].nanmean(1) - known[:, GROUND // 2 : GROUND].nanmean(1)


def _relative(known: Tensor) -> Tensor:
    """What the places of a face are beyond their mean, and that beyond each patch of the ground: (B, K, D)."""
    middle = known[:, GROUND:].nanmean(1, keepdim=True)
    return torch.cat([known[:, GROUND:] - middle, middle - known[:, :GROUND]], 1)


def _scale(values: Tensor) -> Tensor:
    """Mean and deviation (2, ...) of values (M, ...) that are numbers; 0 and 1 where there are fewer than two."""
    count = values.isfinite().sum(0)
    mean = values.nanmean(0)
    deviation = ((values - mean).square().nansum(0) / (count - 1).clamp(min=1)).sqrt().clamp(min=1e-3)
    return torch.stack([torch.where(count > 1, mean, 0.0), torch.where(count > 1, deviation, 1.0)])


def _scaled(values: Tensor, scale: Tensor) -> Tensor:
    """Values in deviations from the mean; what is no number as the mean."""
    return ((values - scale[0]) / scale[1]).clamp(-4, 4).nan_to_num(0.0)


def _silent(inputs: int, outputs: int) -> nn.Linear:
    """A layer that says nothing yet."""
    layer = nn.Linear(inputs, outputs)
    nn.init.zeros_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def _band_powers(frames: Tensor) -> Tensor:
    """Log powers (N, BANDS) of the DCT-II of frames (N, T, S, S), in rings of equal width, means over time."""
    side = frames.shape[-1]
    steps = torch.arange(side, device=frames.device)
    basis = torch.cos(math.pi / side * (steps[None] + 0.5) * steps[:, None]) * math.sqrt(2 / side)
    powers = (basis @ frames @ basis.T).square().mean(1)
    ring = (
        (torch.hypot(steps[:, None].float(), steps[None].float()) * BANDS / side).long().clamp(max=BANDS - 1).flatten()
    )
    ring[0] = BANDS  # brightness says nothing
    sums = powers.new_zeros(len(powers), BANDS + 1).index_add_(1, ring, powers.flatten(1))
    counts = torch.bincount(ring, minlength=BANDS + 1)
    return torch.log(sums / counts + 0.02)[:, :BANDS]


def _correlation(a: Tensor, b: Tensor) -> Tensor:
    """The correlation (N, 1) of two pictures (N, ...) of mean zero."""
    a, b = a.flatten(1), b.flatten(1)
    return ((a * b).mean(1) / (a.square().mean(1) * b.square().mean(1) + 1e-2).sqrt())[:, None]


def _tails(residuals: Tensor) -> Tensor:
    """How heavy the residuals' tails are: the log of kurtosis, (N, 1)."""
    flat = residuals.flatten(1)
    return torch.log((flat.pow(4).mean(1) + 1e-2) / (flat.square().mean(1).square() + 1e-2))[:, None]
