"""Frame and motion Fréchet distance on EfficientNet-Lite0 features, and the cheap form that training looks at.

Legend: N clips, T frames, S pixels of a side.

Not FID and not FVD: another network, other features, other numbers (see `vidgan.metrics.video_features`). Each frame,
or each three consecutive frames, is one sample, so tens of clips give hundreds of samples; they are correlated within
a clip, and the distance is biased upwards for few clips (see `vidgan.metrics.frechet`). Measured on 64-pixel real
people, 48 windows of 16 frames against 48 of other people: motion 33-76; the same frames shuffled 820-1510; every
frame shown twice 217-319; standing still 1190-1650.
"""

from __future__ import annotations

import torch
from torch import Tensor

from vidgan.metrics.change import inter_frame_change, ratio, second_difference
from vidgan.metrics.class_accuracy import ActionClassifier
from vidgan.metrics.diversity import diversity
from vidgan.metrics.frechet import frechet_distance
from vidgan.metrics.video_features import Clips, VideoFeatureNetwork, VideoFeatures


def frame_frechet(a: VideoFeatures, b: VideoFeatures) -> float:
    """Fréchet distance of the frames of two sets of clips: what is seen, not how it moves; lower is better."""
    return frechet_distance(a.frames.flatten(0, 1), b.frames.flatten(0, 1))


def motion_frechet(a: VideoFeatures, b: VideoFeatures) -> float:
    """Fréchet distance of the temporal differences of two sets of clips; lower is better."""
    return frechet_distance(a.motion.flatten(0, 1), b.motion.flatten(0, 1))


class MotionScore:
    """Scores samples against real clips that training has not seen, as often as training wants: about 1 ms a frame.

    Call it with as many samples as there are held-out clips: the distance is biased by their number.

    Args:
        held: real clips (N, T, S, S, 3) uint8, N at least 2, T at least 3.
        device: where the feature network runs.
        labels: classes (N,) of the held-out clips, when samples will come with theirs.

    Raises:
        UsageError: the clips have fewer than three frames.
        DependencyError: the feature network's weights are not installed.
    """

    def __init__(self, held: Clips, device: str | torch.device = "cpu", labels: Tensor | None = None) -> None:
        self.network = VideoFeatureNetwork(device)
        self.feature_network = self.network.name
        self.held = self.network(held)
        self.labels = labels
        self.classifier: ActionClassifier | None = None
        self.change = float(inter_frame_change(held).mean())
        self.jitter = float(second_difference(held).mean())

    def learn_classes(self, clips: Clips, labels: Tensor | None, classes: int) -> None:
        """Say from now on also how surely labelled samples move like their class, as real training clips
        (N, T, S, S, 3) of classes (N,) in 0..`classes` - 1 show it.
        """
        assert labels is not None
        self.classifier = ActionClassifier(self.network(clips).action, labels, classes)

    def __call__(self, fake: Clips, labels: Tensor | None = None) -> dict[str, float]:
        """Score samples (N, T, S, S, 3) uint8, diversity within each class when both sides have `labels` (N,).

        `motion_frechet` and `frame_frechet`, lower is better; `change_ratio`, `jitter_ratio` (inter-frame change and
        second difference over real clips'), `appearance_diversity_ratio` and `movement_diversity_ratio` (over real
        clips', see `vidgan.metrics.diversity.collapse_warning`), each best near 1; after
        `learn_classes` also `class_accuracy` in [0, 1] of samples with `labels`.
        """
        features = self.network(fake)
        ours, theirs = (labels, self.labels) if labels is not None and self.labels is not None else (None, None)
        diverse = {
            name: ratio(diversity(getattr(features, name), ours), diversity(getattr(self.held, name), theirs))
            for name in ("appearance", "movement")
        }
        told = {}
        if self.classifier is not None and labels is not None:
            told["class_accuracy"] = self.classifier.accuracy(features.action, labels)
        return {
            "motion_frechet": motion_frechet(features, self.held),
            "frame_frechet": frame_frechet(features, self.held),
            "change_ratio": ratio(float(inter_frame_change(fake).mean()), self.change),
            "jitter_ratio": ratio(float(second_difference(fake).mean()), self.jitter),
            "appearance_diversity_ratio": diverse["appearance"],
            "movement_diversity_ratio": diverse["movement"],
            **told,
        }
