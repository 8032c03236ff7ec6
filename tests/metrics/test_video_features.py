from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.metrics.moving import shuffled, swinging_discs
from vidgan.errors import UsageError
from vidgan.metrics import video_features
from vidgan.metrics.video_features import VideoFeatureNetwork


@pytest.fixture(scope="module")
def network():
    return VideoFeatureNetwork()


def test_shapes_and_the_name_of_the_network(network):
    features = network(swinging_discs(3, frames=6)[0])
    assert network.name == "efficientnet-lite0"
    assert features.frames.shape == (3, 6, 40 + 112 + 320)
    assert features.motion.shape == (3, 4, 2 * (40 + 112))
    assert features.action.shape == (3, (40 + 112) * 16)
    assert (features.appearance.shape, features.movement.shape) == ((3, 472), (3, 304))
    assert len(features[torch.tensor([2, 0])]) == 2


def test_single_frames_look_as_they_do_in_clips(network):
    clips = swinging_discs(2, frames=4)[0]
    expected = network(clips).frames.flatten(0, 1)
    torch.testing.assert_close(network.frames(clips.reshape(8, 32, 32, 3)), expected, rtol=1e-3, atol=1e-4)


def test_does_not_depend_on_the_batch(network, monkeypatch):
    clips = swinging_discs(5, frames=8)[0]
    together = network(clips)
    monkeypatch.setattr(video_features, "FRAMES_AT_ONCE", 8)
    alone = network(clips)
    for name in ("frames", "motion", "action"):
        torch.testing.assert_close(getattr(together, name), getattr(alone, name), rtol=1e-3, atol=1e-4)


def test_motion_is_the_difference_of_maps_made_by_hand(network):
    clip = swinging_discs(1, frames=3)[0]
    images = torch.from_numpy(clip[0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    maps = network.network(images)[3]
    motion = network(clip).motion[0, 0]
    torch.testing.assert_close(motion[:40], (maps[1] - maps[0]).abs().mean((1, 2)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(
        motion[40:80], (maps[2] - 2 * maps[1] + maps[0]).abs().mean((1, 2)), rtol=1e-4, atol=1e-5
    )


def test_order_of_frames_matters_to_motion_alone(network):
    clips = swinging_discs(4)[0]
    ordered, mixed = network(clips), network(shuffled(clips))
    torch.testing.assert_close(ordered.appearance, mixed.appearance, rtol=1e-3, atol=1e-4)
    assert (mixed.motion.mean() / ordered.motion.mean()) > 1.1


def test_action_is_the_spread_over_time_in_each_cell(network):
    clip = swinging_discs(1, frames=5)[0]
    images = torch.from_numpy(clip[0]).permute(0, 3, 1, 2).float() / 127.5 - 1
    spread = network.network(images)[3].std(0, correction=0).flatten()  # 4 x 4 pixels: each is a cell
    torch.testing.assert_close(network(clip).action[0, :640], spread / spread.norm(), rtol=1e-3, atol=1e-4)


def test_a_still_clip_does_not_move(network):
    features = network(np.repeat(swinging_discs(1)[0][:, :1], 5, 1))
    assert features.motion.abs().max() == 0
    assert features.action.abs().max() == 0


def test_too_few_frames_is_said(network):
    with pytest.raises(UsageError, match="2 frames"):
        network(swinging_discs(1, frames=2)[0])


@pytest.mark.parametrize("clips", [np.zeros((2, 4, 8, 8, 3), np.float32), np.zeros((4, 8, 8, 3), np.uint8)])
def test_what_is_no_clips_is_refused(network, clips):
    with pytest.raises(ValueError, match="uint8 clips"):
        network(clips)
