from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.metrics.moving import swinging_discs
from vidgan.metrics.class_accuracy import WEIGHT_DECAY, ActionClassifier
from vidgan.metrics.video_features import VideoFeatureNetwork


def test_tells_motions_apart_on_clips_never_seen_and_is_fooled_by_neither_colour():
    network = VideoFeatureNetwork()
    (train, labels), (held, truth) = swinging_discs(12, seed=3), swinging_discs(8, seed=4)
    classifier = ActionClassifier(network(train).action, torch.from_numpy(labels), 2)
    action = network(held).action
    assert classifier.accuracy(action, torch.from_numpy(truth)) == 1
    assert classifier.accuracy(action, torch.from_numpy(1 - truth)) == 0
    turned = network(np.ascontiguousarray(held.transpose(0, 1, 3, 2, 4))).action
    assert classifier.predict(turned).tolist() == (1 - truth).tolist()


def test_weights_stand_where_the_loss_is_level():
    """At the minimum the gradient, written out by hand, is zero."""
    generator = torch.Generator().manual_seed(0)
    x, y = torch.randn(40, 5, generator=generator), torch.randint(0, 3, (40,), generator=generator)
    classifier = ActionClassifier(x, y, 3)
    inputs, weights = classifier._inputs(x).double(), classifier.weights.double()
    balance = (40 / (torch.bincount(y).double() * 3))[y]
    error = torch.softmax(inputs @ weights, 1) - torch.nn.functional.one_hot(y).double()
    gradient = inputs.T @ (error * balance[:, None]) / balance.sum()
    gradient[:-1] += 2 * WEIGHT_DECAY * weights[:-1]
    assert gradient.abs().max() < 1e-3


def test_a_rare_class_counts_as_much_as_a_common_one():
    x = torch.tensor([[0.0]] * 30 + [[1.0]] * 2)
    y = torch.tensor([0] * 30 + [1] * 2)
    classifier = ActionClassifier(x, y, 2)
    assert classifier.predict(torch.tensor([[0.4], [0.6]])).tolist() == [0, 1]


def test_features_without_spread_do_no_harm():
    x = torch.zeros(6, 4)
    assert torch.isfinite(ActionClassifier(x, torch.tensor([0, 1] * 3), 2).weights).all()


def test_accuracy_is_a_share():
    x = torch.tensor([[-1.0], [1.0], [-1.0], [1.0]])
    classifier = ActionClassifier(x, torch.tensor([0, 1, 0, 1]), 2)
    assert classifier.accuracy(x, torch.tensor([0, 1, 0, 0])) == pytest.approx(0.75)
