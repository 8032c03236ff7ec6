import numpy as np
import pytest
import torch

from vidgan.metrics.auc import auc
from vidgan.nets.forensic import FACE, GROUND
from vidgan.progress import Silent
from vidgan.tasks.forensic import Bags, ForensicConfig, ForensicTask, scores, statistics
from vidgan.train.engine import launch
from vidgan.train.loop import train


def noisy_and_frozen(videos=12, each=4, seed=0, side=16):
    """Real videos have new noise in every frame; in made ones it stands still."""
    rng = np.random.default_rng(seed)
    patches, methods = [], []
    for number in range(videos):
        made = number % 2 == 1
        scene = 128 + 30 * np.sin(np.arange(side) * rng.uniform(0.05, 0.3))
        noise = rng.normal(0, 3, (each, GROUND + FACE, 1 if made else 3, side, side)).repeat(3 if made else 1, 2)
        noise[:, GROUND:] = -255  # no face
        patches.append(scene + noise)
        methods.append("made" if made else "")
    video = np.repeat(np.arange(videos), each)
    return Bags(np.clip(np.concatenate(patches), 0, 255).astype(np.uint8), video, tuple(methods), tuple(methods))


def config(**changes):
    return ForensicConfig(**({"steps": 8, "width": 4, "batch": 8} | changes))


def task(steps=8, seed=0, attack=None):
    return ForensicTask(noisy_and_frozen(), config(steps=steps), launch("cpu", "32-true"), seed, attack)


def test_it_learns_what_only_time_shows(tmp_path):
    one = task(steps=60)
    _, best = train(one, config(steps=60), tmp_path, Silent())
    one.average.load_state_dict(best["ema"])
    other = noisy_and_frozen(seed=1)
    made = np.array([bool(other.methods[video]) for video in other.video])
    logits = scores(one.average, other.patches)
    assert auc(logits[made], logits[~made]) > 0.95
    few = statistics(one.average, other.patches, at_once=5)
    np.testing.assert_allclose(one.average.judge(few).detach(), logits, atol=1e-5)


def test_half_of_a_batch_is_real_and_groups_count_alike():
    many = noisy_and_frozen(videos=10)
    groups = tuple("rare" if number == 1 else method or "real" for number, method in enumerate(many.methods))
    bags = Bags(many.patches, many.video, many.methods, groups)
    one = ForensicTask(bags, config(batch=64), launch("cpu", "32-true"), 0)
    assert [len(videos) for videos in one.made] == [4, 1]
    rows, labels = one._draw(torch.Generator().manual_seed(0))
    frozen = (np.diff(many.patches[rows], axis=2) == 0).all((1, 2, 3, 4))
    assert frozen.tolist() == labels.bool().tolist()
    assert labels.sum() == 32


def test_an_attack_takes_its_share_of_the_batch():
    seen = []

    def attack(network, bags, labels, rng):
        seen.append(len(bags))
        return bags

    task(attack=attack).step(0, 0.0)
    assert seen == [4]


def test_interrupted_equals_uninterrupted(tmp_path):
    straight = task()
    train(straight, config(), tmp_path / "straight", Silent())
    parted = task()
    for step in range(3):
        parted.step(step, step / 8)
    resumed = task()
    resumed.load_state(parted.state())
    for step in range(3, 8):
        resumed.step(step, step / 8)
    for name, value in straight.network.module.state_dict().items():
        assert torch.equal(value, resumed.network.module.state_dict()[name]), name
    for name, value in straight.average.state_dict().items():
        assert torch.equal(value, resumed.average.state_dict()[name]), name


def test_the_preview_shows_both_kinds():
    picture = task().preview()
    assert picture.shape == (32, 16 * (GROUND + FACE), 3)
    real, made = (noisy_and_frozen().patches[first, 2, 1] for first in (0, 4))
    np.testing.assert_array_equal(picture[:16, 32:48, 0], real)
    np.testing.assert_array_equal(picture[16:, 32:48, 0], made)


def test_videos_of_one_kind_alone_are_refused():
    many = noisy_and_frozen()
    with pytest.raises(ValueError, match="real and made"):
        ForensicTask(Bags(many.patches, many.video, ("",) * 12, ("",) * 12), config(), launch("cpu", "32-true"), 0)
