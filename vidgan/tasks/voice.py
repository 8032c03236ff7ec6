"""The voice task: how one person's mouth follows speech, learnt from their own film's sound and picture.

Legend: T frames of the film with a face, F feature frames, D features, W feature frames of a window, K coefficients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor

from vidgan.audio.features import Extractor
from vidgan.audio.windows import AugmentConfig, augmented, windows
from vidgan.config import extends
from vidgan.nets.ridge import ridge, unseen
from vidgan.nets.speech import MouthEnsemble, MouthNetwork
from vidgan.train.loop import LoopConfig, Trainable
from vidgan.train.randomness import generator

WARM_UP = 30
PREVIEW = (240, 800)


class VoiceConfig(LoopConfig):
    """Settings of the voice task.

    `reach`: seconds of speech seen before and after a frame; `coefficients` of the mouth; `ridge`: strength of the
    linear map; `held_out`: the share at the film's end on which it is checked before all of it is learnt;
    `use`: the share from the film's beginning that is learnt at all; `folds`: stretches of what is learnt on which it
    is tried how much of the networks' correction to trust, among `shares`.
    """

    steps: int | None = extends(160, gt=0)
    evaluations: int = Field(1, ge=1)
    features: Extractor = "log-mel"
    weights: Path | None = None
    reach: float = Field(0.24, gt=0.05, le=1)
    coefficients: int = Field(8, ge=1, le=32)
    members: int = Field(4, ge=1)
    width: int = Field(24, ge=4)
    dropout: float = Field(0.6, ge=0, lt=1)
    batch: int = Field(96, ge=2)
    learning_rate: float = Field(2e-3, gt=0)
    weight_decay: float = Field(1.0, ge=0)
    ridge: float = Field(1.0, gt=0)
    augment: AugmentConfig = AugmentConfig()
    held_out: float = Field(0.3, gt=0, lt=0.9)
    use: float = Field(1.0, gt=0, le=1)
    folds: int = Field(3, ge=2)
    shares: tuple[float, ...] = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Spoken:
    """What a film shows of speech: features (F, D) at `rate` a second, `spectral` when they are a spectrum's bands;
    centres (T,) each frame's place among them; mouths (T, K) coefficients, in their standard deviations; weights (K,)
    how much each counts.
    """

    features: NDArray[np.float32]
    rate: int
    spectral: bool
    centres: NDArray[np.float32]
    mouths: NDArray[np.float32]
    weights: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.centres)

    def part(self, frames: slice | NDArray[np.int64]) -> Spoken:
        """Some of the frames, over the same sound."""
        values = vars(self) | {"centres": self.centres[frames], "mouths": self.mouths[frames]}
        return Spoken(**values)

    def reach(self, seconds: float) -> int:
        """Feature frames in so many seconds."""
        return round(seconds * self.rate)

    def frames_in(self, reach: int) -> int:
        """Frames of the film in so many feature frames."""
        step = float(np.median(np.diff(self.centres))) if len(self) > 1 else 1.0
        return int(np.ceil(reach / max(1.0, step)))


class VoiceTask(Trainable):
    """Trains the ensemble's corrections; the linear maps are solved for at the start. See `VoiceConfig`."""

    advice = "run again with a smaller learning rate (--set voice.learning_rate=5e-4)"

    def __init__(self, spoken: Spoken, config: VoiceConfig, seed: int) -> None:
        self.spoken, self.config, self.seed = spoken, config, seed
        self.reach = spoken.reach(config.reach)
        self.features, self.centres = torch.from_numpy(spoken.features), torch.from_numpy(spoken.centres)
        self.weights = torch.from_numpy(spoken.weights)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.ensemble = build_ensemble(spoken.features.shape[1], spoken.mouths.shape[1], self.reach, config)
        self.left = self._linear()
        self.optimisers = [self._optimiser(member) for member in self.members]

    def trust(self, share: float) -> None:
        """Add so much of the corrections, in [0, 1]."""
        for member in self.members:
            member.share.fill_(share)

    @property
    def members(self) -> list[MouthNetwork]:
        """The networks of the ensemble."""
        return list(self.ensemble.members)  # type: ignore[arg-type]

    def _optimiser(self, member: MouthNetwork) -> torch.optim.Optimizer:
        config = self.config
        return torch.optim.AdamW(member.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay)

    def _linear(self) -> Tensor:
        """Give every member the linear map; what is left for the corrections (T, K) is what it misses of frames that it
        has not seen, since of those it has seen it misses too little.
        """
        member = self.members[0]
        seen = windows(self.features, self.centres, self.reach)
        inputs = member.linear_view(seen).numpy()
        wanted = self.spoken.mouths
        gap = self.spoken.frames_in(self.reach)
        matrix, offset = ridge(inputs, wanted, self.config.ridge)
        for one in self.members:
            one.set_linear(torch.from_numpy(matrix).float(), torch.from_numpy(offset).float())
        return torch.from_numpy((wanted - unseen(inputs, wanted, self.config.ridge, gap)).astype(np.float32))

    def step(self, step: int, fraction: float) -> dict[str, float]:
        """One step of every member, each on examples of its own."""
        config = self.config
        rate = config.learning_rate * min(1.0, (step + 1) / WARM_UP) * 0.5 * (1 + float(np.cos(np.pi * fraction)))
        total = 0.0
        self.ensemble.train()
        for number, (member, optimiser) in enumerate(zip(self.members, self.optimisers, strict=True)):
            rng = generator("voice", self.seed, number, step)
            picks = torch.randint(len(self.spoken), (config.batch,), generator=rng)
            seen = augmented(self.features, self.centres[picks], self.reach, config.augment, rng, self.spoken.spectral)
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(int(torch.randint(2**31, (1,), generator=rng)))  # for dropout
                missed = member.correction(seen) - self.left[picks]
            loss = (self.weights * missed.square()).mean()
            for group in optimiser.param_groups:
                group["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
            loss.backward()
            optimiser.step()
            total += float(loss.detach())
        return {"loss": total / config.members}

    def evaluate(self) -> dict[str, float]:
        """The error on the frames that it learns from; the unseen ones are the stage's to score."""
        self.made = predict(self.ensemble, self.spoken, self.reach)
        return {"score": float(np.square(self.made - self.spoken.mouths).mean())}

    def preview(self) -> NDArray[np.uint8]:
        """The first coefficient over time, filmed in grey and made in red."""
        height, width = PREVIEW
        picture = np.full((height, width, 3), 255, np.uint8)
        shown = slice(0, min(len(self.spoken), 400))
        x = np.linspace(0, width - 1, len(self.spoken.mouths[shown]))
        for values, colour in ((self.spoken.mouths, (150, 150, 150)), (self.made, (200, 40, 40))):
            y = height / 2 - np.clip(values[shown, 0], -3, 3) * height / 7
            cv2.polylines(picture, [np.stack([x, y], 1).round().astype(np.int32)], False, colour, 1, cv2.LINE_AA)
        return picture

    def state(self) -> dict[str, Any]:
        """The networks and their optimisers."""
        return {
            "ensemble": self.ensemble.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
        }

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self.ensemble.load_state_dict(state["ensemble"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def best(self) -> dict[str, Any]:
        """The networks."""
        return {"ensemble": self.ensemble.state_dict()}

    def load_best(self, best: dict[str, Any]) -> None:
        """Take what was kept as best."""
        self.ensemble.load_state_dict(best["ensemble"])


def build_ensemble(size: int, outputs: int, reach: int, config: VoiceConfig) -> MouthEnsemble:
    """The networks of a configuration: for `size` features, `outputs` coefficients and windows of 2 * reach + 1."""
    return MouthEnsemble(config.members, size, 2 * reach + 1, outputs, config.width, config.dropout)


@torch.inference_mode()
def predict(ensemble: MouthEnsemble, spoken: Spoken, reach: int, at_once: int = 512) -> NDArray[np.float32]:
    """The mouths (T, K) that the ensemble makes of the frames' speech."""
    ensemble.eval()
    features, centres = torch.from_numpy(spoken.features), torch.from_numpy(spoken.centres)
    parts = [ensemble(windows(features, part, reach)) for part in centres.split(at_once)]
    made: NDArray[np.float32] = torch.cat(parts).numpy()
    return made
