"""The repair task: its networks, losses and step. What a generator learns from a subject's own footage, body or face.

Legend: B sequences, R frames of rollout, K references, S pixels of the network; pictures in [-1, 1], mattes in [0, 1].
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import cv2
import numpy as np
import torch
from lightning_fabric import Fabric
from numpy.typing import NDArray
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.losses.adversarial import feature_matching, hinge_discriminator, hinge_generator
from vidgan.losses.perceptual import PerceptualLoss
from vidgan.nets.discriminator import TupleDiscriminator
from vidgan.nets.repair import PoseOnlyGenerator, RepairGenerator
from vidgan.subject.draft import Warped
from vidgan.subject.footage import ExampleConfig, Footage, Sequences, relit
from vidgan.subject.paint import Painted, Previous, nothing_before, paint, pull, repair, with_previous
from vidgan.subject.reconstruct import heldout_scores
from vidgan.subject.references import ReferenceConfig
from vidgan.subject.stored import with_matte
from vidgan.train.ema import PowerEMA
from vidgan.train.loop import LoopConfig, Trainable
from vidgan.train.randomness import generator as counter_rng

POOL = 16
"""Batches whose last outputs later sequences may go on from."""

POSE_COLOURS = 3
LOOKED_AT = 24


class RepairConfig(LoopConfig):
    """Settings of the repair task. Weights of zero turn a loss off.

    A `batch` of "auto" is 2 on a CPU and 8 on a GPU, which smaller ones leave idle. Up to the share `choose_after` of a
    run the references keep the draft's weights: the own picture learns first, and is not given up while it is still
    worse everywhere. With 1 its share stays fixed. A `prior` of "auto" starts from shipped weights where they fit (see
    `vidgan.tasks.prior`), "none" from random ones.
    """

    enabled: bool = True
    network: Literal["repair", "pose-only"] = "repair"
    prior: Literal["auto", "none"] = "auto"
    width: int = Field(40, ge=8, multiple_of=8)
    depth: int = Field(3, ge=1, le=4)
    batch: Annotated[int, Field(ge=1)] | Literal["auto"] = "auto"
    rollout: int = Field(3, ge=1)
    held_out: float = Field(0.15, gt=0, le=0.5)
    learning_rate: float = 6e-4
    precision: Literal["bf16-mixed", "32-true", "auto"] = "auto"
    references: ReferenceConfig = ReferenceConfig()
    examples: ExampleConfig = ExampleConfig()
    perceptual: Literal["auto", "efficientnet-lite0", "vgg19"] = "auto"
    pixel_weight: float = 4.0
    perceptual_weight: float = 1.0
    change_weight: float = 4.0
    own_weight: float = 0.5
    matte_weight: float = 1.0
    adversarial_weight: float = 0.05
    matching_weight: float = 0.5
    choose_after: float = Field(0.0, ge=0, le=1)
    adversarial_start: float = 0.35
    adversarial_ramp: float = 0.3
    discriminator_frames: int = Field(2, ge=1)


def batch_for(asked: int | Literal["auto"], device: torch.device) -> int:
    """Sequences to a step."""
    if asked != "auto":
        return asked
    return 2 if device.type == "cpu" else 8


def build_generator(network: str, maps: int, references: int, width: int, depth: int) -> nn.Module:
    """The generator of a configuration; its references are the pictures and the previous output."""
    kind = {"repair": RepairGenerator, "pose-only": PoseOnlyGenerator}[network]
    return kind(maps, references + 1, width, depth)


class RepairTask(Trainable):
    """Trains a generator (and its discriminator) on one subject, from the weights `prior` or from random ones. See
    `RepairConfig`.
    """

    def __init__(
        self, footage: Footage, config: RepairConfig, fabric: Fabric, seed: int,
        prior: Mapping[str, Tensor] | None = None,
    ) -> None:  # fmt: skip
        self.footage, self.config, self.fabric, self.seed = footage, config, fabric, seed
        self.device, self.rig, self.size = fabric.device, footage.rig, footage.size
        self.batch = batch_for(config.batch, self.device)
        self.tuple_length = min(config.discriminator_frames, config.rollout)
        self.starts = footage.starts(config.rollout)
        self.going_on = set((self.starts[footage.follows(self.starts)] - 1).tolist())
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            network = build_generator(config.network, self.rig.maps, footage.references, config.width, config.depth)
            judge = TupleDiscriminator(self.tuple_length * (3 + POSE_COLOURS))
        if prior is not None:
            network.load_state_dict(prior)
        self.ema = PowerEMA(network.to(self.device))
        network = network.to(memory_format=torch.channels_last)
        judge = judge.to(memory_format=torch.channels_last)
        rate = config.learning_rate
        self.generator, self.generator_optimiser = fabric.setup(
            network, torch.optim.Adam(network.parameters(), lr=rate, betas=(0.5, 0.99))
        )
        self.judge, self.judge_optimiser = fabric.setup(
            judge, torch.optim.Adam(judge.parameters(), lr=rate, betas=(0.0, 0.99))
        )
        self.perceptual = PerceptualLoss(config.perceptual, self.device).to(self.device)
        self.palette = _palette(self.rig.maps, self.device)
        self.pool: list[dict[str, Any]] = []

    # --- the step -----------------------------------------------------------------------------------------------

    def step(self, step: int, fraction: float) -> dict[str, float]:
        """One generator step and, once the adversarial term is on, one discriminator step, on rolled-out sequences."""
        rng = counter_rng("repair", self.seed, self.fabric.global_rank, step)
        self._set_rate(fraction)
        batch, before = self._draw(rng)
        maps = self._maps(batch)
        painted = self._roll_out(batch, before, maps, fraction >= self.config.choose_after)
        fake = torch.stack([one.picture for one in painted], 1)
        strength = self._strength(fraction)
        terms = self._losses(batch, painted, fake)
        if strength > 0:
            poses = self._coloured(maps)
            real, made = (self._tuples(batch, poses, pictures) for pictures in (batch.picture, fake))
            terms.update(self._adversarial(real, made))
            terms["generator"] = terms["generator"] * strength
            terms["matching"] = terms["matching"] * strength
        total = sum(terms.values(), torch.zeros((), device=self.device))
        self.generator_optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(total)
        norm = torch.nn.utils.clip_grad_norm_(self.generator.parameters(), 10.0)
        self.generator_optimiser.step()
        self.ema.update(self.generator.module, step + 1)
        shown = torch.stack([*terms.values(), norm]).detach().tolist()  # one wait for the device, not one for each
        values = dict(zip((*terms, "gradient"), shown, strict=True))
        if strength > 0:
            values.update(self._judge_step(real, made.detach()))
        self._remember(batch, painted)
        return values

    def _set_rate(self, fraction: float) -> None:
        """Constant, then down to a tenth over the last 30 % of the run."""
        rate = self.config.learning_rate * min(1.0, 0.1 + 3.0 * (1 - fraction))
        for optimiser in (self.generator_optimiser, self.judge_optimiser):
            for group in optimiser.param_groups:
                group["lr"] = rate

    def _strength(self, fraction: float) -> float:
        """Of the adversarial terms, ramped in: early, they only shake what the other losses have yet to find."""
        if self.config.adversarial_weight == 0 and self.config.matching_weight == 0:
            return 0.0
        return min(1.0, max(0.0, fraction - self.config.adversarial_start) / self.config.adversarial_ramp)

    def _draw(self, rng: torch.Generator) -> tuple[Sequences, Previous]:
        """A batch, partly going on from outputs of earlier steps, so that rollouts become as deep as in a render."""
        config = self.config
        starts = self.starts[torch.randint(len(self.starts), (self.batch,), generator=rng).numpy()]
        kept = [entry for entry in self.pool if entry["position"] in self.going_on]
        resumed: list[dict[str, Any] | None] = [None] * self.batch
        for index in range(self.batch):
            if kept and float(torch.rand(1, generator=rng)) < 0.6:
                entry = kept[int(torch.randint(len(kept), (1,), generator=rng))]
                resumed[index], starts[index] = entry, entry["position"] + 1
        batch = self.footage.draw(starts, config.rollout, rng)
        self.last_positions = starts + config.rollout - 1
        before = nothing_before(batch.points[:, 0], batch.heights[:, 0], self.size)
        for index, found in enumerate(resumed):
            if found is not None:
                picture = with_matte(found["picture"].to(self.device).float() / 127.5 - 1)
                before.picture[index] = picture
                change = batch.light[index] / found["light"].to(self.device)
                before.picture[index, :3] = relit(picture[:3], change)
                before.trust[index] = 1.0
                before.points[index], before.heights[index] = found["points"], found["height"]
        return batch, before

    def _maps(self, batch: Sequences) -> Tensor:
        """The pose maps of all frames, once for all networks: (B, R, M, S / 2, S / 2)."""
        maps = self.rig.conditioning(batch.points.flatten(0, 1), batch.visibility.flatten(0, 1), self.size)
        return maps.unflatten(0, batch.heights.shape)

    def _roll_out(self, batch: Sequences, before: Previous, maps: Tensor, choosing: bool = True) -> list[Painted]:
        """Paint the frames one after another, each seeing the one before: R paintings of (B, ...).

        maps: (B, R, M, S / 2, S / 2); choosing: whether the generator's blend weights count.
        """
        b, r = batch.heights.shape
        warped, inner = batch.warped(), self.rig.columns(batch.points, self.size)
        painted: list[Painted] = []
        for t in range(r):
            here = Warped(*(value.unflatten(0, (b, r))[:, t] for value in vars(warped).values()))
            points, heights = batch.points[:, t], batch.heights[:, t]
            pulled = pull(before, points, heights, self.size, self.rig)
            full = with_previous(here, pulled)
            out = repair(self.generator, maps[:, t], inner, batch.plate[:, t], full)
            out = out if choosing else out._replace(logits=torch.zeros_like(out.logits))
            painted.append(paint(out, here, batch.plate[:, t], self.rig))
            before = Previous.of(painted[-1].colour, painted[-1].matte, points, heights).detached()
        return painted

    def _remember(self, batch: Sequences, painted: list[Painted]) -> None:
        """Keep the last outputs as starting points for later sequences."""
        last = painted[-1]
        pictures = torch.cat([last.colour, last.matte * 2 - 1], 1).detach()
        stored = ((pictures + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        for index, position in enumerate(self.last_positions):
            self.pool.append({
                "position": int(position), "picture": stored[index].clone(),
                "points": batch.points[index, -1].clone(), "height": batch.heights[index, -1].clone(),
                "light": batch.light[index].clone(),
            })  # fmt: skip
        self.pool = self.pool[-POOL * self.batch :]

    # --- the losses ---------------------------------------------------------------------------------------------

    def _losses(self, batch: Sequences, painted: list[Painted], fake: Tensor) -> dict[str, Tensor]:
        """Terms on what is shown, and on the generator's own picture: so that learns where the references have the
        weight, too. Its perceptual distance is taken on the last frame alone, which costs a third.
        """
        config = self.config
        inner = self.rig.columns(batch.points, self.size)
        terms = self._likeness(batch, fake)
        matte = torch.stack([one.matte for one in painted], 1)
        terms["matte"] = config.matte_weight * F.l1_loss(matte, batch.matte)
        own = torch.stack([one.own for one in painted], 1)
        has_own = self.generator.module.blends and config.own_weight
        own_terms = self._likeness(batch, own) if has_own else {}
        if config.perceptual_weight:
            compare, features = self.perceptual.compare, self.perceptual.features
            with torch.no_grad():
                wanted = features(batch.picture.flatten(0, 1)[..., inner])
            terms["perceptual"] = config.perceptual_weight * compare(features(fake.flatten(0, 1)[..., inner]), wanted)
            if has_own:
                last = tuple(maps.unflatten(0, batch.heights.shape)[:, -1] for maps in wanted)
                distance = compare(features(own[:, -1][..., inner]), last)
                own_terms["perceptual"] = config.perceptual_weight * distance
        if own_terms:
            terms["own"] = config.own_weight * torch.stack(list(own_terms.values())).sum()
        return terms

    def _likeness(self, batch: Sequences, pictures: Tensor) -> dict[str, Tensor]:
        """Pictures (B, R, 3, S, S) against the footage, pixel by pixel: each, and its change from the one before."""
        config = self.config
        emphasis = batch.emphasis
        wrong = pictures - batch.picture
        terms = {"pixel": config.pixel_weight * (emphasis * wrong.abs()).mean()}
        if pictures.shape[1] > 1 and config.change_weight:
            # The change from frame to frame as in the footage: flicker is what this misses.
            change = wrong[:, 1:] - wrong[:, :-1].detach()
            terms["change"] = config.change_weight * (emphasis[:, 1:] * change.abs()).mean()
        return terms

    def _coloured(self, maps: Tensor) -> Tensor:
        """The poses as the discriminator sees them: (B, R, M, S / 2, S / 2) → (B, R, 3, S, S)."""
        poses = torch.einsum("bmhw,mc->bchw", maps.flatten(0, 1), self.palette)
        poses = F.interpolate(poses, (self.size, self.size), mode="bilinear", align_corners=False)
        return poses.unflatten(0, maps.shape[:2])

    def _tuples(self, batch: Sequences, poses: Tensor, pictures: Tensor) -> Tensor:
        """Consecutive (pose, frame) tuples: (B, R, 3, S, S) → (B * (R - n + 1), n * (3 + 3), S, S)."""
        r, n = pictures.shape[1], self.tuple_length
        frames = torch.cat([pictures, poses], 2)
        frames = frames[..., self.rig.columns(batch.points, self.size)]
        return torch.stack([frames[:, t : t + n].flatten(1, 2) for t in range(r - n + 1)], 1).flatten(0, 1)

    def _adversarial(self, real: Tensor, made: Tensor) -> dict[str, Tensor]:
        self.judge.requires_grad_(False)
        module = self.judge.module
        with self.fabric.autocast():
            verdict, features = module(made)
            with torch.no_grad():
                _, wanted = module(real)
        self.judge.requires_grad_(True)
        return {
            "generator": self.config.adversarial_weight * hinge_generator(verdict.float()),
            "matching": self.config.matching_weight * feature_matching(features, wanted).float(),
        }

    def _judge_step(self, real: Tensor, made: Tensor) -> dict[str, float]:
        truth, guess = self.judge(torch.cat([real, made]))[0].float().chunk(2)
        loss = hinge_discriminator(truth, guess)
        self.judge_optimiser.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        self.judge_optimiser.step()
        return {"discriminator": float(loss.detach())}

    # --- looking ------------------------------------------------------------------------------------------------

    def evaluate(self) -> dict[str, float]:
        """Perceptual distance and flicker on the held-out tail; the score weighs a grey level of flicker as 0.05."""
        held = self.footage.held[:LOOKED_AT]
        self.truth = self.footage.truth(held)[..., :3]
        self.looked_at = np.stack([one.picture for one in self.footage.make(self.ema.network, held)])
        scores = heldout_scores(self.looked_at, self.truth, self.perceptual, self.device)
        return {**scores, "score": scores["perceptual"] + 0.05 * scores["flicker"]}

    def preview(self) -> NDArray[np.uint8]:
        """Four of the frames evaluated last, truth over output."""
        shown = np.linspace(0, len(self.looked_at) - 1, min(4, len(self.looked_at))).astype(int)
        pairs = [np.vstack([self.truth[i], self.looked_at[i]]) for i in shown]
        return np.asarray(cv2.resize(np.hstack(pairs), None, fx=0.75, fy=0.75, interpolation=cv2.INTER_AREA))

    # --- the state ----------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """Networks, optimisers, the average and the pool of earlier outputs."""
        return {
            "generator": self.generator.module.state_dict(), "judge": self.judge.module.state_dict(),
            "generator_optimiser": self.generator_optimiser.state_dict(),
            "judge_optimiser": self.judge_optimiser.state_dict(), "ema": self.ema.network.state_dict(),
            "pool": self.pool,
        }  # fmt: skip

    def load_state(self, state: dict[str, Any]) -> None:
        """Go back to a `state`."""
        self.generator.module.load_state_dict(state["generator"])
        self.judge.module.load_state_dict(state["judge"])
        self.generator_optimiser.load_state_dict(state["generator_optimiser"])
        self.judge_optimiser.load_state_dict(state["judge_optimiser"])
        self.ema.network.load_state_dict(state["ema"])
        self.pool = state["pool"]

    def best(self) -> dict[str, Any]:
        """The averaged generator."""
        return {"ema": self.ema.network.state_dict()}


def _palette(maps: int, device: torch.device) -> Tensor:
    """Distinct colours for the pose maps, (M, 3): what the discriminator sees of a pose."""
    angle = torch.arange(maps) * 2.399963  # the golden angle
    phases = torch.tensor([0.0, 2.094395, 4.18879])
    return (0.5 + 0.5 * torch.cos(angle[:, None] + phases)).to(device)
