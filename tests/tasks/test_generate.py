from __future__ import annotations

import copy
import math

import numpy as np
import pytest
import torch

from tests.tasks.squares import settings, square_clip, square_clips, task
from tests.train.walks import same
from vidgan.config import check_layer, read_layers
from vidgan.errors import ConfigError
from vidgan.nets.video import VideoGenerator
from vidgan.progress import Silent
from vidgan.resources import shipped
from vidgan.tasks.generate import channels_last_, clip_, gradient_norm, overall
from vidgan.tasks.generate_config import ClippingConfig, GenerateConfig
from vidgan.tasks.sequences import Latents
from vidgan.train.loop import train


def steps(one, count, first=0):
    return [one.step(number, number / 10) for number in range(first, first + count)]


EVERYTHING = {
    "augment": {"strength": 0.5, "adaptive": True, "ramp": 100, "interval": 1},
    "regularisers": {"r1": 0.1, "r2": 0.1, "interval": 2, "gradient_penalty": 1.0},
    "instance_noise": 0.1,
    "label_smoothing": 0.1,
    "mismatch": 0.5,
    "critic_steps": 2,
    "accumulate": 2,
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"objective": "wgan", "clipping": {"kind": "weights", "bound": 0.02}, "optimiser": {"kind": "rmsprop"}},
        {"objective": "relativistic", "regularisers": {"r1": 0.1, "r2": 0.1}, "critic": {"norm": "none"}},
        {
            "objective": "hinge",
            "generator": {"image": "biggan"},
            "critic": {"projection": True, "label_channels": False},
        },
        {"generator": {"image": "stylegan"}, "critic": {"kind": "pair", "norm": "none", "minibatch_std": True}},
        {"shared_latent": True, "conditional": False, "ema": {"half_life": 0}},
        EVERYTHING,
    ],
)
def test_a_stopped_and_resumed_run_is_the_uninterrupted_one_bit_for_bit(more):
    config = settings(**more)
    whole = task(config)
    steps(whole, 4)
    first = task(config)
    steps(first, 2)
    kept = copy.deepcopy(first.state())
    second = task(config)
    second.load_state(kept)
    steps(second, 2, first=2)
    same(whole.state(), second.state())


def test_a_step_changes_both_networks_and_says_how_it_went():
    one = task()
    before = copy.deepcopy(one.state())
    values = steps(one, 1)[0]
    assert {"generator", "critic", "generator_gradient", "critic_gradient", "certainty", "augment"} <= set(values)
    assert all(np.isfinite(value) for value in values.values())
    for name in ("generator", "critic", "ema"):
        assert any(not torch.equal(it, before[name][key]) for key, it in one.state()[name].items())


def test_the_generator_goes_first_and_the_critic_judges_the_same_fakes():
    """TGAN's order; a generator that had stepped in between would make other ones."""
    one = task()
    seen = []
    real_forward = one.judge.forward
    one.judge.forward = lambda clips, label=None: (seen.append(clips.detach().clone()), real_forward(clips, label))[1]
    steps(one, 1)
    for_generator, real, for_critic = seen
    assert torch.equal(for_generator, for_critic)
    assert not torch.equal(real, for_critic)


def test_parts_of_a_batch_add_up_to_the_whole():
    """Without batch norm the gradient of a batch is that of its parts."""
    config = {"generator": {"image": "stylegan", "temporal_norm": "group"}, "optimiser": {"eps": 1e-3}}
    whole, parts = task(settings(**config)), task(settings(**config, accumulate=2))
    one, two = steps(whole, 2)[-1], steps(parts, 2)[-1]
    for name in ("generator", "critic", "generator_gradient", "critic_gradient"):
        assert two[name] == pytest.approx(one[name], rel=1e-4)
    for name, value in whole.generator.module.named_parameters():
        torch.testing.assert_close(parts.generator.module.get_parameter(name), value, atol=1e-5, rtol=1e-4)


def test_more_critic_steps_leave_the_generators_count_alone():
    one = task(settings(critic_steps=3))
    steps(one, 2)
    counts = [it["step"] for it in one.generator_optimiser.state_dict()["state"].values()]
    assert {int(it) for it in counts} == {2}
    assert {int(it["step"]) for it in one.critic_optimiser.state_dict()["state"].values()} == {6}


def test_a_shared_latent_is_theme_and_motion():
    part = task(settings(shared_latent=True))._part(0, 0)
    assert torch.equal(part.theme, part.motion)
    part = task()._part(0, 0)
    assert not torch.equal(part.theme, part.motion)


def test_an_unconditional_run_sees_no_labels():
    one = task(settings(conditional=False))
    assert one._part(0, 0).label is None
    assert one.generator.module.classes == 0
    assert task().generator.module.classes == 2
    assert task(clips=square_clips(labels=False)).generator.module.classes == 0


def test_latents_are_those_of_the_step_whatever_came_before():
    one, other = task(), task()
    steps(other, 2)
    assert torch.equal(one._part(5, 0).theme, other._part(5, 0).theme)
    assert not torch.equal(one._part(5, 0).theme, one._part(6, 0).theme)


@pytest.mark.parametrize(("now", "clipped"), [(0, True), (1, False), (4, False), (5, True)])
def test_clipping_comes_when_it_is_due(now, clipped):
    network = torch.nn.Linear(3, 3)
    torch.nn.init.constant_(network.weight, 5.0)
    clip_(network, ClippingConfig(kind="weights", interval=5, bound=0.01), now)
    assert bool(network.weight.max() <= 0.01) == clipped


def test_singular_values_are_clipped():
    network = torch.nn.Linear(4, 4)
    torch.nn.init.constant_(network.weight, 5.0)
    clip_(network, ClippingConfig(kind="singular-values"), 0)
    assert float(torch.linalg.matrix_norm(network.weight.detach(), 2)) == pytest.approx(1, abs=1e-5)


def test_a_gradient_that_is_no_number_is_seen():
    network = torch.nn.Linear(2, 2)
    network(torch.ones(1, 2)).sum().backward()
    assert gradient_norm(network) == pytest.approx(np.sqrt(4 + 2))
    network.weight.grad[0, 0] = torch.nan
    assert np.isnan(gradient_norm(network))


def test_channels_last_keeps_the_weights():
    network = torch.nn.ModuleList([torch.nn.Conv3d(2, 3, 3), torch.nn.Conv2d(2, 3, 3), torch.nn.Linear(2, 2)])
    before = [it.clone() for it in network.parameters()]
    channels_last_(network)
    assert all(torch.equal(a, b) for a, b in zip(before, network.parameters(), strict=True))
    assert network[0].weight.is_contiguous(memory_format=torch.channels_last_3d)
    assert network[1].weight.is_contiguous(memory_format=torch.channels_last)


def test_evaluation_scores_held_out_clips_and_changes_nothing():
    one = task()
    before = copy.deepcopy(one.state())
    scores = one.evaluate()
    assert scores["score"] == overall(scores) > 0
    assert 0 <= scores["class_accuracy"] <= 1
    assert one.evaluate() == scores
    same(before, one.state())
    assert one.preview().dtype == np.uint8
    assert one.preview().shape[0] % 32 == 0


def test_the_windows_scored_against_are_of_held_out_clips():
    clips = square_clips()
    one = task(clips=clips)
    windows, labels = one.held_windows()
    held = {
        frame.tobytes()
        for clip in clips.clips
        if clip.held
        for frame in clips.frames[clip.start : clip.start + clip.length]
    }
    assert windows.shape == (4, 4, 32, 32, 3)
    assert labels.tolist() == [0, 0, 1, 1]
    assert all(frame.tobytes() in held for window in windows for frame in window)


GOOD = {
    "motion_frechet": 400.0,
    "frame_frechet": 900.0,
    "class_accuracy": 0.5,
    "appearance_diversity_ratio": 0.8,
    "movement_diversity_ratio": 1.7,
}


def test_what_decides_which_state_is_kept_by_hand():
    """√(400 x 900) = 600, over 0.5 x 0.8 x 1: more diversity than real clips have is no merit."""
    assert overall(GOOD) == pytest.approx(1500)
    without_classes = {name: value for name, value in GOOD.items() if name != "class_accuracy"}
    assert overall(without_classes) == pytest.approx(750)
    assert overall(GOOD | {"movement_diversity_ratio": float("nan")}) == pytest.approx(1500)  # one clip of a class
    assert overall(GOOD | {"appearance_diversity_ratio": 0.0}) == pytest.approx(24_000)  # a twentieth at least


def test_a_collapsed_state_is_not_preferred_for_its_lower_distance():
    collapsed = GOOD | {"motion_frechet": 100.0, "movement_diversity_ratio": 0.1}
    assert overall(GOOD) < overall(collapsed)


def test_diversity_is_that_within_classes():
    one = task()
    one.sequences = lambda: Repeated()
    scores = one.evaluate()
    assert scores["appearance_diversity_ratio"] == pytest.approx(0, abs=1e-6)
    assert scores["class_accuracy"] == 1


class Repeated:
    """A generator that makes one clip of each class."""

    def latents(self, seeds):
        count = len(seeds)
        return Latents(torch.zeros(count, 1), torch.zeros(count, 1), torch.arange(count) % 2)

    def sample(self, seeds):
        return np.stack([square_clip(seed % 2, np.array([200, 90, 90]), 2, length=4) for seed in seeds])


def test_mismatch_asks_the_critic_of_real_clips_of_other_classes():
    """Its loss is 2 log 2 at the start of a critic that says 0 to all, and 1 + weight times that with the mismatch."""
    losses = {}
    for weight in (0.0, 0.5):
        one = task(settings(mismatch=weight))
        asked = []
        forward = one.judge.forward

        def judge(clips, label=None, asked=asked, forward=forward):
            asked.append((clips.detach().clone(), label))
            return 0 * forward(clips, label)

        one.judge.forward = judge
        losses[weight] = steps(one, 1)[0]["critic"]
    assert losses[0.0] == pytest.approx(2 * math.log(2), rel=1e-4)
    assert losses[0.5] == pytest.approx(3 * math.log(2), rel=1e-4)
    _, (real, label), _, (again, other) = asked  # the generator's turn, then real, made, real of another class
    assert torch.equal(real, again)
    assert (other == 1 - label).all()


def test_other_classes_are_those_of_the_whole_batch():
    """Two parts hear what one whole would, and a class is never its own other."""
    config = {"batch": 8, "mismatch": 1.0}
    whole, parted = task(settings(**config)), task(settings(**config, accumulate=2))
    whole.classes = parted.classes = 5
    one = whole._part(3, 0)
    others = whole._other_classes(one, 3)
    parts = [parted._part(3, part) for part in range(2)]
    assert torch.equal(others, torch.cat([parted._other_classes(part, 3) for part in parts]))
    assert (others != one.label).all()
    assert set(others.tolist()) <= set(range(5))


def test_collapse_is_said_once_when_it_lasts():
    said = []
    one = task(warn=said.append)
    for parameter in one.ema.network.parameters():
        parameter.zero_()  # every clip is the same
    one.evaluate()
    assert said == []
    one.evaluate()
    one.evaluate()
    assert len(said) == 1
    assert "collapsed" in said[0]


def test_a_loss_that_is_no_number_stops_with_advice(tmp_path):
    from vidgan.errors import TrainingError

    one = task(settings(optimiser={"generator_rate": 1e30}, checkpoint_seconds=0, steps=8))
    with pytest.raises(TrainingError, match=r"last good state is kept.*vidgan generate.*optimiser\.generator_rate"):
        train(one, one.config, tmp_path, Silent())


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"batch": 5, "accumulate": 2}, "batch 5 cannot be shared evenly"),
        ({"batch": 4, "accumulate": 4}, "at least 8"),
        ({"objective": "hinge", "label_smoothing": 0.1}, "smooth"),
    ],
)
def test_settings_that_do_not_go_together(more, says):
    with pytest.raises(ConfigError, match=says):
        task(settings(**more))


def test_size_and_frames_are_given_once():
    config = GenerateConfig.model_validate({"clips": {"size": 32}, "generator": {"frames": 8}})
    assert (config.clips.size, config.generator.size) == (32, 32)
    assert (config.clips.frames, config.generator.frames) == (8, 8)
    with pytest.raises(ValueError, match=r"clips.size is 32 and generator.size 64"):
        GenerateConfig.model_validate({"clips": {"size": 32}, "generator": {"size": 64}})


def test_the_faithful_reference_is_what_the_paper_says():
    config = check_layer(GenerateConfig, read_layers(shipped("configs")["generate/tgan"]))
    generator = config.generator
    assert (generator.prior, generator.latent, generator.motion) == ("uniform", 100, 100)
    assert (generator.size, generator.frames, generator.image) == (64, 16, "dcgan")
    assert generator.temporal_widths == (512, 256, 128, 128)
    assert (config.batch, config.critic_steps, config.objective, config.shared_latent) == (32, 1, "wgan", True)
    assert (config.clipping.kind, config.clipping.interval) == ("singular-values", 5)
    assert (config.optimiser.kind, config.optimiser.generator_rate, config.optimiser.critic_rate) == (
        "rmsprop",
        5e-5,
        5e-5,
    )
    assert (config.regularisers.r1, config.regularisers.gradient_penalty, config.augment.strength) == (0, 0, 0)


@pytest.mark.parametrize("name", ["tgan", "tgan-conditional", "small-data", "tiny"])
def test_every_shipped_configuration_fits(name):
    config = check_layer(GenerateConfig, read_layers(shipped("configs")[f"generate/{name}"]))
    assert config.conditional == (name != "tgan")
    assert isinstance(VideoGenerator(config.generator, 0), VideoGenerator)
