"""A subject painted in given poses, frame after frame; with its own held-out poses, how well that works.

Legend: T driving frames, K references, s pixels of the network, S of the picture; positions count the subject's frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from vidgan.losses.perceptual import PerceptualLoss
from vidgan.subject.draft import FIRMNESS, Pose, Warped, blended, composite, firm, flows, warp_references
from vidgan.subject.footage import Picture, Positions
from vidgan.subject.model import Motion, Subject
from vidgan.subject.paint import (
    Painted,
    Previous,
    Pulled,
    doubted,
    nothing_before,
    paint,
    pull,
    repair,
    resized,
    steady,
    with_previous,
)
from vidgan.subject.references import Choice, ReferenceConfig, choose, pose_distances
from vidgan.subject.rig import BODY
from vidgan.subject.stored import as_bytes, as_pictures, with_matte

TOGETHER, PIXELS = 8, 1 << 23
"""Frames, and pixels of them, whose references a GPU warps at once."""


@dataclass(frozen=True)
class Scene:
    """One frame to paint: its pose, without trembling too (1, J, 2), the references warped to it and the plate
    (1, 3, S, S); for a generator the seen landmarks (1, J), references and plate (1, 3, s, s) at its size, and how far
    the pose is from those known, see `Choice`.
    """

    pose: Pose
    calm: Tensor
    warped: Warped
    plate: Tensor
    seen: Tensor
    fewer: Warped
    narrow: Tensor
    far: float


class Painter:
    """Paints a subject: with a generator, or without one (None) as the draft."""

    def __init__(
        self, subject: Subject, generator: nn.Module | None, references: ReferenceConfig,
        device: torch.device | str = "cpu",
    ) -> None:  # fmt: skip
        self.subject, self.generator, self.config = subject, generator, references
        self.device = torch.device(device)

    def choose(self, motion: Motion, among: Positions) -> Choice:
        """References for a motion among the subject's positions."""
        driving, target = (poses.compared(self.config.facing_weight) for poses in (motion, self.subject.motion[among]))
        handicap = self.config.blur_weight * self.subject.blur + self.config.doubt_weight * self.subject.doubts
        choice = choose(driving, target, handicap[among], self.config)
        return replace(choice, index=among[choice.index])

    def pose(self, motion: Motion, choice: Choice) -> Pose:
        """A motion and its references' poses as tensors."""
        own = self.subject.motion
        index = choice.index
        references = (own.points[index], own.heights[index], own.facing[index], own.faces[index])
        values = (motion.points, motion.heights, motion.facing, motion.faces, *references)
        return Pose(*(_tensor(value).to(self.device) for value in values))

    @torch.inference_mode()
    def paint(
        self, motion: Motion, choice: Choice, plates: Iterator[NDArray[np.uint8]], size: int,
        before: Previous | None = None,
    ) -> Iterator[tuple[Picture, Previous]]:  # fmt: skip
        """Paint every frame of a motion at size x size pixels.

        plates: the plate inside each frame's window, (S, S, 3) uint8; before: the state after the frame before the
        first, None at the beginning of a shot. Yields each picture with the state after it, to go on from.
        """
        pose, plates, t = self.pose(motion, choice), iter(plates), 0
        calm, seen = (_tensor(values).to(self.device) for values in (motion.calm, motion.visibility))
        while given := list(islice(plates, self._together(size))):
            some = slice(t, t + len(given))
            for scene in self._scenes(pose.at(some), calm[some], choice[some], seen[some], np.stack(given)):
                height = scene.pose.height
                last = before or nothing_before(scene.calm, height, size)
                pulled = pull(last, scene.calm, height, size, BODY)
                colour, matte = self._person(scene, pulled)
                picture = composite(colour, matte, scene.plate)
                before = Previous.of(colour, matte, scene.calm, height)
                if not motion.present[t]:
                    before = nothing_before(scene.calm, height, size)
                yield Picture(as_bytes(picture[0].movedim(0, -1)), as_bytes(matte[0, 0] * 2 - 1)), before
                t += 1

    def _together(self, size: int) -> int:
        """How many frames' references are warped at once: one on a CPU, more on a GPU, which a small frame leaves idle;
        at 4K the flow of a whole segment would take gigabytes.
        """
        return 1 if self.device.type == "cpu" else min(TOGETHER, max(1, PIXELS // size**2))

    def _scenes(
        self, pose: Pose, calm: Tensor, choice: Choice, seen: Tensor, plates: NDArray[np.uint8]
    ) -> Iterator[Scene]:
        """All that frames need and that does not follow from the frame before: calm (N, J, 2), seen (N, J), plates
        (N, S, S, 3).
        """
        small, size = self.subject.crops.shape[1], plates.shape[1]
        pictures = self.subject.references if size > small else self.subject.small_references
        references = with_matte(as_pictures(pictures[choice.index], self.device))
        plate = narrow = as_pictures(plates, self.device)
        flow = flows(pose, references, size, whole=self.generator is not None)
        warped = fewer = warp_references(references, flow, size)
        if self.generator is not None and small != size:
            narrow = F.interpolate(plate, (small, small), mode="area")
            less = with_matte(as_pictures(self.subject.small_references[choice.index], self.device))
            fewer = warp_references(less, flow, small)
        for t in range(len(plates)):
            one = slice(t, t + 1)
            far = float(choice.far[t])
            yield Scene(pose.at(one), calm[one], warped.at(one), plate[one], seen[one], fewer.at(one), narrow[one], far)

    def _person(self, scene: Scene, pulled: Pulled) -> tuple[Tensor, Tensor]:
        """The person's colour (1, 3, S, S) and matte (1, 1, S, S) in a scene, after what was shown before."""
        if self.generator is None:
            colour, matte = blended(scene.warped)
            matte = firm(matte, FIRMNESS["draft"])
        else:
            painted = self._painted(self.generator, scene, pulled)
            colour, matte = painted.colour, painted.matte
            if not self.generator.blends:
                return colour, matte
            upsampled = matte.shape[-1] / scene.narrow.shape[-1]
            matte = firm(matte, FIRMNESS["trained"] * upsampled**0.5)  # its edge grows with the network's pixels
        return steady(colour, matte, pulled)

    def _painted(self, generator: nn.Module, scene: Scene, pulled: Pulled) -> Painted:
        here, small = scene.pose.driving, scene.narrow.shape[-1]
        maps, inner = BODY.conditioning(here, scene.seen, small), BODY.columns(here, small)
        out = repair(generator, maps, inner, scene.narrow, with_previous(scene.fewer, resized(pulled, small)))
        if generator.blends:
            finest = min(scene.plate.shape[-1], self.subject.references.shape[1])
            out = doubted(out, scene.fewer.core, finest / small, scene.far)
        return paint(out, scene.warped, scene.plate, BODY, fine=bool(generator.blends))

    def reconstruct(self, train: Positions, held: Positions) -> Iterator[Picture]:
        """Paint the subject's own held-out frames from training frames, at the network's size."""
        motion = self.subject.motion[held]
        plates = iter(self.subject.plate_crops[held])
        size = self.subject.crops.shape[1]
        for picture, _ in self.paint(motion, self.choose(motion, train), plates, size):
            yield picture


def nearest_pose_frames(subject: Subject, train: Positions, held: Positions, facing_weight: float) -> Iterator[Picture]:
    """The baseline: for each held-out frame the training frame with the nearest pose, as it is."""
    vectors = subject.motion.descriptors(facing_weight)
    for index in train[pose_distances(vectors[held], vectors[train]).argmin(1)]:
        crop = subject.crops[index]
        yield Picture(np.ascontiguousarray(crop[..., :3]), np.ascontiguousarray(crop[..., 3]))


def heldout_scores(
    outputs: NDArray[np.uint8], truth: NDArray[np.uint8], perceptual: PerceptualLoss, device: torch.device
) -> dict[str, float]:
    """Perceptual distance and flicker (grey levels) of consecutive outputs (N, S, S, 3) against the true frames."""
    distances = [
        perceptual.distance(as_pictures(outputs[i : i + 8], device), as_pictures(truth[i : i + 8], device))
        for i in range(0, len(outputs), 8)
    ]
    change = np.diff(outputs.astype(np.float32), axis=0) - np.diff(truth.astype(np.float32), axis=0)
    flicker = float(np.abs(change).mean()) if len(outputs) > 1 else 0.0
    return {"perceptual": float(torch.cat(distances).mean()), "flicker": flicker}


def _tensor(values: NDArray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
