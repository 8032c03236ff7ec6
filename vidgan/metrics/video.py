"""A whole video against the true one, streamed: what a benchmark prints for each method."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from vidgan.losses.perceptual import PerceptualLoss
from vidgan.metrics.flicker import Flicker
from vidgan.metrics.frames import Box, Image, Mask, finite_mean
from vidgan.metrics.mask_iou import mask_iou
from vidgan.metrics.perceptual import perceptual_distances
from vidgan.metrics.psnr import psnr
from vidgan.metrics.sharpness import sharpness
from vidgan.metrics.ssim import ssim

Scores = dict[str, float | None]


@dataclass
class VideoScores:
    """Scores of a video against the truth on the person's box; feed frame pairs in order to `update`.

    Keys of `result`: perceptual and flicker (lower is better), ssim, psnr, sharpness (share of the truth's), mask_iou
    when masks are given; None for what no frame could be scored on.
    """

    loss: PerceptualLoss
    batch: int = 8
    _flicker: Flicker = field(default_factory=Flicker)
    _values: dict[str, list[float]] = field(default_factory=dict)
    _waiting: list[tuple[Image, Image]] = field(default_factory=list)

    def update(
        self,
        frame: Image,
        truth: Image,
        box: Box | None = None,
        mask: Mask | None = None,
        true_mask: Mask | None = None,
    ) -> None:
        """Add a frame pair (H, W, 3), scored inside `box` (None: the whole frame).

        A pair with an empty box is not scored but for its masks, and flicker starts anew after it. Masks (H, W) are
        bool or probabilities * 255.
        """
        if mask is not None and true_mask is not None:
            self._add("mask_iou", mask_iou(mask, true_mask))
        if box is not None and box.empty:
            self._flicker.cut()
            return
        region = None if box is None else box.mask(*frame.shape[:2])
        self._flicker.update(frame, truth, region)
        ours, theirs = (frame, truth) if box is None else (box.crop(frame), box.crop(truth))
        self._add("psnr", psnr(ours, theirs))
        self._add("ssim", ssim(ours, theirs))
        detail = sharpness(theirs)
        self._add("sharpness", sharpness(ours) / detail if detail > 0 else float("nan"))
        self._waiting.append((ours.copy(), theirs.copy()))
        if len(self._waiting) >= self.batch:
            self._score_waiting()

    def result(self) -> Scores:
        """Every score so far, averaged over frames."""
        self._score_waiting()
        scores: Scores = {
            name: finite_mean(self._values.get(name, [])) for name in ("perceptual", "ssim", "psnr", "sharpness")
        }
        scores["flicker"] = self._flicker.value
        if "mask_iou" in self._values:
            scores["mask_iou"] = finite_mean(self._values["mask_iou"])
        return scores

    def _add(self, name: str, value: float) -> None:
        self._values.setdefault(name, []).append(value)

    def _score_waiting(self) -> None:
        if self._waiting:
            ours, theirs = zip(*self._waiting, strict=True)
            for value in perceptual_distances(ours, theirs, self.loss, self.batch):
                self._add("perceptual", value)
            self._waiting.clear()


def compare(
    frames: Iterable[Image],
    truths: Iterable[Image],
    loss: PerceptualLoss,
    boxes: Iterable[Box | None] | None = None,
    masks: Iterable[Mask] | None = None,
    true_masks: Iterable[Mask] | None = None,
) -> Scores:
    """Score a video against the truth, streaming; all iterables in step, see `VideoScores`.

    Raises:
        ValueError: the iterables differ in length.
    """
    columns: dict[str, Iterable[Any] | None] = {
        "frame": frames, "truth": truths, "box": boxes, "mask": masks, "true_mask": true_masks,
    }  # fmt: skip
    given = {name: column for name, column in columns.items() if column is not None}
    scores = VideoScores(loss)
    for values in zip(*given.values(), strict=True):
        scores.update(**dict(zip(given, values, strict=True)))
    return scores.result()
