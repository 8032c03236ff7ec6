"""The generate task: a temporal GAN learns short clips.

Legend: B clips of one part of the batch, T frames, S pixels of a side, Z latent length, P judgements of a clip.

All draws (windows, latents, augmentation, noise) are functions of (seed, step) for the batch of all processes, of
which each takes its rows. A process goes through its rows in `accumulate` parts; a part is row block number
`rank * accumulate + part` of `world * accumulate`, so that parts and processes are the same to every draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from torch import Tensor, nn

from vidgan.clips.grain import grain_filter
from vidgan.clips.model import ClipSet
from vidgan.errors import ConfigError
from vidgan.losses.clipping import clip_singular_values_, clip_weights_
from vidgan.losses.objectives import find_objective
from vidgan.losses.regularisers import gradient_penalty, lazy_weight, r1, r2
from vidgan.metrics.diversity import collapse_warning
from vidgan.metrics.motion_frechet import MotionScore
from vidgan.nets.critics import build_critic
from vidgan.nets.video import VideoGenerator, build_generator, draw_latents
from vidgan.tasks.generate_config import ClippingConfig, GenerateConfig, OptimiserConfig
from vidgan.tasks.sequences import Sequences
from vidgan.train.augment import AdaptiveStrength, augment, instance_noise, noise_strength
from vidgan.train.ema import HalfLifeEMA
from vidgan.train.engine import Team
from vidgan.train.loop import Trainable
from vidgan.train.randomness import generator as counter_rng
from vidgan.train.sampler import WindowSampler, as_clips

PREVIEWED, PREVIEW_FRAMES, PREVIEW_SIZE = 6, 8, 96
LEARNT = 3
"""How many times as many training windows the classifier of the scores learns from as held-out ones are scored."""
DIVERSITIES = ("appearance_diversity_ratio", "movement_diversity_ratio")
LEAST = 0.05
LOW_LOOKS = 2
"""Evaluations in a row that must look collapsed before it is said: an untrained generator does, too."""


@dataclass(frozen=True)
class Part:
    """Real clips (B, 3, T, S, S), their labels (B,), latents (B, Z) for as many fakes, and which row block it is."""

    real: Tensor
    label: Tensor | None
    theme: Tensor
    motion: Tensor
    block: int


class GenerateTask(Trainable):
    """Trains a video generator and its critic on prepared clips. See `GenerateConfig`.

    `warn` is told when the samples look collapsed.

    Raises:
        ConfigError: settings that do not go together (batch and processes, objective and smoothing, sizes).
    """

    advice: ClassVar[str] = (
        "`vidgan generate` draws from it; train anew with -o NEW and lower learning rates (--set "
        "optimiser.generator_rate=1e-4 --set optimiser.critic_rate=1e-4) or a stronger regularisers.r1"
    )

    def __init__(
        self,
        clips: ClipSet,
        config: GenerateConfig,
        fabric: Fabric,
        seed: int,
        warn: Callable[[str], None] = lambda message: None,
    ) -> None:
        self.clips, self.config, self.fabric, self.seed, self.warn = clips, config, fabric, seed, warn
        self.device, self.team = fabric.device, Team(fabric)
        self.blocks = self.team.size * config.accumulate
        if config.batch % self.blocks or config.batch == self.blocks:
            raise ConfigError(
                f"batch {config.batch} cannot be shared evenly by {self.team.size} processes in {config.accumulate} "
                f"parts of two clips or more: make it a multiple of {self.blocks}, at least {2 * self.blocks}"
            )
        self.objective = find_objective(config.objective)
        self.objective.check(config.label_smoothing)
        self.classes = len(clips.classes) if config.conditional else 0
        self.sampler = WindowSampler(clips.train(), config.clips.frames, config.clips.stride, seed, config.clips.mirror)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            generator = build_generator(config.generator, self.classes)
            critic = build_critic(config.critic, config.generator.size, config.generator.frames, self.classes)
        if generator.grain is not None:
            generator.grain.filter.copy_(torch.from_numpy(grain_filter(clips.train(), config.clips.stride)))
        half_life = config.ema.half_life or 1e-9
        self.ema = HalfLifeEMA(generator.to(self.device), half_life, config.ema.ramp)
        self.strength = AdaptiveStrength(config.augment)
        self.judge = channels_last_(critic.to(self.device))  # bare: for penalties, and frozen for the generator's turn
        self.judge_fast = self._compiled(self.judge)
        self.generator, self.generator_optimiser = fabric.setup(
            self._compiled(channels_last_(generator)),
            build_optimiser(generator, config.optimiser, config.optimiser.generator_rate),
        )
        self.critic, self.critic_optimiser = fabric.setup(
            self.judge_fast, build_optimiser(critic, config.optimiser, config.optimiser.critic_rate)
        )
        self.scorer: MotionScore | None = None
        self.low_looks = 0
        self.looked_at: NDArray[np.uint8] | None = None

    def _compiled(self, network: nn.Module) -> nn.Module:
        wanted = self.config.compile == "auto" and self.device.type == "cuda"
        return torch.compile(network) if wanted else network  # type: ignore[return-value]

    # --- the step -----------------------------------------------------------------------------------------------

    def step(self, step: int, fraction: float) -> dict[str, float]:
        """`critic_steps` turns of the critic, and before the first one turn of the generator on the same fakes.

        The order is TGAN's: the generator learns from the critic as it was, then the critic from the very same fakes.
        """
        noise = noise_strength(fraction, self.config.instance_noise, self.config.instance_noise_until)
        values: dict[str, float] = {}
        for turn in range(self.config.critic_steps):
            now = step * self.config.critic_steps + turn
            parts = [self._part(now, part) for part in range(self.config.accumulate)]
            if turn == 0:
                fakes, values = self._generator_turn(parts, now, noise)
            else:
                fakes = self._fakes(parts)
            values |= self._critic_turn(parts, fakes, now, noise)
        values = self.team.mean(values)
        self.strength.observe(values["certainty"], self.config.batch * self.config.critic_steps)
        seen = (step + 1) * self.config.batch
        self.ema.update(self.generator.module, seen, self.config.batch)
        return values | {"augment": self.strength.strength}

    def _part(self, now: int, part: int) -> Part:
        block = self.team.rank * self.config.accumulate + part
        pixels, label = self.sampler.draw(now, self.config.batch, block, self.blocks)
        rows = slice(block * len(pixels), (block + 1) * len(pixels))
        theme, motion = (self._latents(now, name)[rows].to(self.device) for name in ("theme", "motion"))
        if self.config.shared_latent:
            motion = theme
        label = label.to(self.device) if label is not None and self.classes else None
        return Part(as_clips(pixels.to(self.device)), label, theme, motion, block)

    def _latents(self, now: int, purpose: str) -> Tensor:
        config = self.config.generator
        return draw_latents((self.config.batch, config.latent), config.prior, counter_rng(purpose, self.seed, now))

    def _generator_turn(self, parts: list[Part], now: int, noise: float) -> tuple[list[Tensor], dict[str, float]]:
        """A step of the generator; returns its fakes of before the step."""
        self.judge.requires_grad_(False)
        self.generator_optimiser.zero_grad(set_to_none=True)
        fakes, total = [], 0.0
        for part in parts:
            with self.fabric.no_backward_sync(self.generator, enabled=part is not parts[-1]):
                fake = self.generator(part.theme, part.motion, part.label)
                fakes.append(fake.detach())
                shown = self._shown(fake, part, "generator", now, noise)
                with self.fabric.autocast():
                    verdict = self.judge_fast(shown, part.label)
                    real = None
                    if self.objective.needs_real_in_generator:
                        with torch.no_grad():
                            real = self.judge_fast(self._shown(part.real, part, "real", now, noise), part.label)
                loss = self.objective.generator(verdict, real) / len(parts)
                self.fabric.backward(loss)
            total += float(loss.detach())
        norm = gradient_norm(self.generator)
        self.generator_optimiser.step()
        return fakes, {"generator": total, "generator_gradient": norm}

    @torch.no_grad()
    def _fakes(self, parts: list[Part]) -> list[Tensor]:
        with self.fabric.autocast():
            return [self.generator.module(part.theme, part.motion, part.label) for part in parts]

    def _critic_turn(self, parts: list[Part], fakes: list[Tensor], now: int, noise: float) -> dict[str, float]:
        """A step of the critic, then its clipping when due."""
        self.judge.requires_grad_(True)
        self.critic_optimiser.zero_grad(set_to_none=True)
        loss_total = penalty_total = certainty = 0.0
        for part, fake in zip(parts, fakes, strict=True):
            shown_real = self._shown(part.real, part, "real", now, noise)
            shown_fake = self._shown(fake, part, "fake", now, noise)
            with self.fabric.no_backward_sync(self.critic, enabled=part is not parts[-1]):
                real, made = self.critic(shown_real, part.label), self.critic(shown_fake, part.label)
                loss = self.objective.critic(real, made, self.config.label_smoothing)
                if self.classes > 1 and self.config.mismatch:
                    wrong = self.critic(shown_real, self._other_classes(part, now))
                    loss = loss + self.config.mismatch * self.objective.critic(real, wrong)
                loss = loss / len(parts)
                penalty = self._penalty(shown_real, shown_fake, part, now) / len(parts)
                self.fabric.backward(loss + penalty)
            loss_total += float(loss.detach())
            penalty_total += float(penalty.detach())
            certainty += self.objective.certainty(real, made) / len(parts)
        norm = gradient_norm(self.critic)
        self.critic_optimiser.step()
        clip_(self.judge, self.config.clipping, now)
        values = {"critic": loss_total, "critic_gradient": norm, "certainty": certainty}
        return values | ({"penalty": penalty_total} if penalty_total else {})

    def _other_classes(self, part: Part, now: int) -> Tensor:
        """A class (B,) for each clip of the part that it is not of, all others equally likely."""
        assert part.label is not None
        steps = torch.randint(1, self.classes, (self.config.batch,), generator=counter_rng("other", self.seed, now))
        rows = slice(part.block * len(part.label), (part.block + 1) * len(part.label))
        return (part.label + steps[rows].to(part.label.device)) % self.classes

    def _penalty(self, real: Tensor, fake: Tensor, part: Part, now: int) -> Tensor:
        config = self.config.regularisers
        weight = lazy_weight(now, config.interval)
        total = torch.zeros((), device=self.device)
        if config.r1 and weight:
            total = total + weight * r1(self.judge, real, part.label, config.r1)
        if config.r2 and weight:
            total = total + weight * r2(self.judge, fake, part.label, config.r2)
        if config.gradient_penalty:
            rng = counter_rng("penalty", self.seed, now)
            total = total + gradient_penalty(
                self.judge, real, fake, part.label, rng, config.gradient_penalty, part.block, self.blocks
            )
        return total

    def _shown(self, clips: Tensor, part: Part, whose: str, now: int, noise: float) -> Tensor:
        """The clips as the critic sees them: augmented, with noise."""
        rng = counter_rng("augment", whose, self.seed, now)
        clips = augment(clips, self.strength.strength, self.config.augment, rng, part.block, self.blocks)
        rng = counter_rng("noise", whose, self.seed, now)
        return instance_noise(clips, noise, rng, part.block, self.blocks)

    # --- looking ------------------------------------------------------------------------------------------------

    def sequences(self) -> Sequences:
        """What the averaged generator makes of numbered seeds."""
        return Sequences(averaged(self.ema), self.config.shared_latent, self.device)

    def evaluate(self) -> dict[str, float]:
        """Scores against held-out clips (training clips when none are held out); see `overall` for what decides."""
        if self.scorer is None:
            self.scorer = self._new_scorer()
        sequences, seeds = self.sequences(), range(len(self.scorer.held))
        self.looked_at = sequences.sample(seeds)
        scores = self.scorer(self.looked_at, sequences.latents(seeds).label)
        collapsed = collapse_warning(*(scores[name] for name in DIVERSITIES))
        self.low_looks = self.low_looks + 1 if collapsed else 0
        if collapsed and self.low_looks == LOW_LOOKS:
            self.warn(collapsed)
        return {**scores, "score": overall(scores)}

    def _new_scorer(self) -> MotionScore:
        """Knows the held-out clips and, where classes are asked for, what those of training look like."""
        held, labels = self.held_windows()
        scorer = MotionScore(held, self.device, labels)
        if self.classes > 1 and labels is not None:
            scorer.learn_classes(*self._spread(self.clips.train(), LEARNT * self.config.evaluated), self.classes)
        return scorer

    def held_windows(self) -> tuple[NDArray[np.uint8], Tensor | None]:
        """Up to `evaluated` windows (N, T, S, S, 3) spread evenly over the held-out clips, and their classes (N,)."""
        held = self.clips.held()
        enough = len(held.windows(self.config.clips.frames, self.config.clips.stride)) >= 2
        return self._spread(held if enough else self.clips.train(), self.config.evaluated)

    def _spread(self, clips: ClipSet, count: int) -> tuple[NDArray[np.uint8], Tensor | None]:
        frames, stride = self.config.clips.frames, self.config.clips.stride
        windows = clips.windows(frames, stride)
        chosen = windows[np.linspace(0, len(windows) - 1, min(len(windows), count)).round().astype(int)]
        labels = clips.labels
        return clips.gather(chosen, frames, stride), None if labels is None else torch.from_numpy(labels[chosen[:, 0]])

    def preview(self) -> NDArray[np.uint8]:
        """Some of the sequences evaluated last, a row each, time to the right; small pictures magnified."""
        assert self.looked_at is not None
        clips = self.looked_at[:PREVIEWED]
        shown = np.linspace(0, clips.shape[1] - 1, min(PREVIEW_FRAMES, clips.shape[1])).round().astype(int)
        picture = np.concatenate([np.concatenate(list(clip[shown]), 1) for clip in clips])
        times = max(1, PREVIEW_SIZE // clips.shape[2])
        return picture.repeat(times, 0).repeat(times, 1)

    # --- the state ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Networks, optimisers, the average and the augmentation's strength."""
        return {
            "generator": self.generator.module.state_dict(), "critic": self.judge.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "critic_optimiser": self.critic_optimiser.state_dict(), "ema": self.ema.network.state_dict(),
            "augment": self.strength.state(),
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self.generator.module.load_state_dict(state["generator"])
        self.judge.load_state_dict(state["critic"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.critic_optimiser.load_state_dict(state["critic_optimiser"])
        self.ema.network.load_state_dict(state["ema"])
        self.strength.load_state(state["augment"])

    def best(self) -> dict[str, Any]:
        """The averaged generator."""
        return {"ema": self.ema.network.state_dict()}


def overall(scores: Mapping[str, float]) -> float:
    """What decides which state is kept, lower is better: √(motion x frame Fréchet distance) / (class accuracy x
    min(1, diversity of looks over real clips') x min(1, diversity of movement over real clips')).

    The distances alone prefer a blur to a person and one clip again and again to many: half the diversity, or half the
    class accuracy, counts as twice the distance here, down to a share of `LEAST`. What is not known counts as 1.
    """
    shares = [scores.get(name, 1.0) for name in ("class_accuracy", *DIVERSITIES)]
    known = [min(1.0, max(LEAST, share)) for share in shares if math.isfinite(share)]
    return math.sqrt(scores["motion_frechet"] * scores["frame_frechet"]) / math.prod(known)


def averaged(ema: HalfLifeEMA) -> VideoGenerator:
    """The averaged generator, in evaluation mode."""
    assert isinstance(ema.network, VideoGenerator)
    return ema.network


def build_optimiser(network: nn.Module, config: OptimiserConfig, rate: float) -> torch.optim.Optimizer:
    """The optimiser of a network."""
    if config.kind == "adam":
        return torch.optim.Adam(network.parameters(), lr=rate, betas=config.betas, eps=config.eps)
    return torch.optim.RMSprop(network.parameters(), lr=rate, alpha=0.99, eps=config.eps)


def clip_(critic: nn.Module, config: ClippingConfig, now: int) -> None:
    """Clip the critic after its step number `now` (from 0), when that is due."""
    if config.kind == "none" or now % config.interval:
        return
    if config.kind == "weights":
        clip_weights_(critic, config.bound)
    else:
        clip_singular_values_(critic)


def gradient_norm(network: nn.Module) -> float:
    """The norm of all gradients together; not-a-number when any is."""
    return float(torch.nn.utils.get_total_norm([it.grad for it in network.parameters() if it.grad is not None]))


def channels_last_(network: nn.Module) -> nn.Module:
    """Lay out the weights of 2-D and 3-D convolutions with channels last, which CPUs and tensor cores want."""
    formats = {4: torch.channels_last, 5: torch.channels_last_3d}
    for weight in network.parameters():
        if weight.ndim in formats:
            weight.data = weight.data.contiguous(memory_format=formats[weight.ndim])
    return network
