from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from tests.train.walks import STATE, rows, same
from vidgan.nets.repair import PoseOnlyGenerator, RepairGenerator
from vidgan.progress import Silent
from vidgan.tasks.repair import build_generator
from vidgan.train.checkpoint import load_checkpoint
from vidgan.train.loop import train
from vidgan.train.randomness import generator


class Stopped(Exception):
    pass


def state_of(folder, name):
    state = load_checkpoint(folder / name)
    state.get("run", {}).pop("elapsed", None)
    state.get("pending", {}).pop("seconds_per_step", None)
    return state


@pytest.mark.parametrize("network", ["repair", "pose-only"])
def test_a_run_interrupted_and_resumed_equals_one_that_was_not(make_task, tmp_path, network):
    whole, cut = tmp_path / "whole", tmp_path / "cut"
    task = make_task(network=network)
    train(task, task.config, whole, Silent())

    stopped = make_task(network=network)
    step = stopped.step

    def until_the_third(number, fraction):
        if number == 3:
            raise Stopped
        return step(number, fraction)

    stopped.step = until_the_third
    with pytest.raises(Stopped):
        train(stopped, stopped.config, cut, Silent())
    torch.rand(5)  # whatever another process's global generator did
    resumed = make_task(network=network)
    train(resumed, resumed.config, cut, Silent())

    for name in STATE:
        same(state_of(whole, name), state_of(cut, name))
    assert rows(cut) == rows(whole)
    assert rows(whole)[-1]["discriminator"] > 0


def test_the_seed_decides(make_task):
    one, two, other = make_task(0), make_task(0), make_task(1)
    same(one.state(), two.state())
    assert not torch.equal(*(next(task.generator.parameters()) for task in (one, other)))
    assert one.step(0, 0.5) == two.step(0, 0.5)
    assert one.step(1, 0.5) != other.step(1, 0.5)


def test_the_global_generator_does_not_count(make_task):
    values = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        task = make_task()
        values.append((task.step(0, 0.5), task.state()["generator"]))
    same(*values)


def judged(task):
    """What the discriminator judges of a drawn batch: the real tuples and the made ones."""
    batch, before = task._draw(generator(0))
    maps = task._maps(batch)
    fake = torch.stack([one.picture for one in task._roll_out(batch, before, maps)], 1)
    poses = task._coloured(maps)
    return task._tuples(batch, poses, batch.picture), task._tuples(batch, poses, fake)


def gradients(module):
    return [value.grad for value in module.parameters() if value.grad is not None]


def test_the_generators_step_leaves_no_gradient_in_the_discriminator(make_task):
    task = make_task()
    terms = task._adversarial(*judged(task))
    task.fabric.backward(terms["generator"] + terms["matching"])
    assert not gradients(task.judge)
    assert gradients(task.generator)
    assert all(value.requires_grad for value in task.judge.parameters())


def test_the_discriminators_step_leaves_the_generator_alone(make_task):
    task = make_task()
    real, made = judged(task)
    weights = [value.detach().clone() for value in task.judge.parameters()]
    task._judge_step(real, made.detach())
    assert not gradients(task.generator)
    assert any(not torch.equal(a, b) for a, b in zip(weights, task.judge.parameters(), strict=True))


def test_the_discriminator_rests_while_the_adversarial_term_is_off(make_task):
    task = make_task(adversarial_start=0.5)
    before = [value.detach().clone() for value in task.judge.parameters()]
    values = task.step(0, 0.2)
    assert "discriminator" not in values
    assert "generator" not in values
    same(before, [value.detach() for value in task.judge.parameters()])
    assert "discriminator" in task.step(1, 0.9)


@pytest.mark.parametrize(
    ("settings", "absent"),
    [
        ({"adversarial_weight": 0, "matching_weight": 0}, {"generator", "matching", "discriminator"}),
        ({"perceptual_weight": 0}, {"perceptual"}),
        ({"change_weight": 0}, {"change"}),
        ({"own_weight": 0}, {"own"}),
        ({"network": "pose-only"}, {"own"}),  # all that it shows is its own
    ],
)
def test_a_weight_of_zero_turns_a_loss_off(make_task, settings, absent):
    values = make_task(**settings).step(0, 0.9)
    assert not absent & set(values)
    assert "pixel" in values
    assert all(math.isfinite(value) for value in values.values())


def test_a_few_steps_learn(make_task):
    task = make_task(adversarial_weight=0, matching_weight=0, perceptual_weight=0, learning_rate=2e-3)
    losses = [task.step(step, 0.0)["pixel"] for step in range(24)]
    assert np.mean(losses[-6:]) < np.mean(losses[:6])


def test_the_own_picture_learns_where_the_references_have_the_weight(make_task):
    """Trusted next to nothing, the own picture gets no gradient from what is shown, only from its own loss."""
    values = []
    for weight in (0.0, 0.5):
        task = make_task(own_weight=weight, adversarial_weight=0, matching_weight=0, learning_rate=2e-3)
        head = task.generator.module.net.head
        with torch.no_grad():
            head.bias.view(-1, 4)[task.config.references.count] -= 60.0  # pixel shuffle: four values a channel
        before = head.weight.detach().clone().view(-1, 4, *head.weight.shape[1:])
        task.step(0, 0.0)
        after = head.weight.detach().view_as(before)
        values.append(float((after - before)[-4:-1].abs().max()))
    assert values[0] < 1e-6 < values[1]


def test_the_blend_is_the_drafts_until_it_is_chosen(make_task):
    moved = []
    for fraction in (0.2, 0.8):
        task = make_task(choose_after=0.5, learning_rate=2e-3)
        head = task.generator.module.net.head.weight
        before = head.detach().clone()
        task.step(0, fraction)
        change = (head.detach() - before).abs().view(-1, 4, *head.shape[1:]).amax((1, 2, 3, 4))
        slots = task.config.references.count + 1  # the references' weights and the own picture's
        moved.append((float(change[:slots].max()), float(change[slots:].min())))
    assert moved[0][0] == 0 < moved[0][1]
    assert moved[1][0] > 0


def test_the_average_follows_the_generator(make_task):
    task = make_task()
    task.step(0, 0.0)
    for average, value in zip(task.ema.network.parameters(), task.generator.module.parameters(), strict=True):
        torch.testing.assert_close(average, value.detach())


def test_sequences_go_on_from_earlier_outputs(make_task):
    """After some steps, part of the batch starts from what the generator made, not from nothing."""
    task = make_task()
    for step in range(4):
        task.step(step, 0.1)
    trusts = torch.cat([task._draw(generator(seed))[1].trust for seed in range(12)])
    assert 0 < trusts.mean() < 1
    assert set(trusts.tolist()) == {0.0, 1.0}


def test_only_what_may_be_trained_on_is_drawn(make_task, subject, monkeypatch):
    task = make_task()
    seen = []
    draw = task.footage.draw
    monkeypatch.setattr(task.footage, "draw", lambda starts, *rest: seen.extend(starts) or draw(starts, *rest))
    for step in range(5):
        task.step(step, 0.1)
    last = np.array(seen) + task.config.rollout - 1
    assert set(np.concatenate([seen, last])) <= set(task.footage.train)
    assert not set(task.footage.train) & set(task.footage.held)


def test_the_learning_rate_falls_at_the_end(make_task):
    task = make_task()
    rates = []
    for fraction in (0.0, 0.5, 0.9, 0.99):
        task._set_rate(fraction)
        rates.append(task.generator_optimiser.param_groups[0]["lr"])
    assert rates[0] == rates[1] == task.config.learning_rate
    assert rates[1] > rates[2] > rates[3] > 0


def test_scores_and_preview(make_task):
    task = make_task()
    scores = task.evaluate()
    assert {"perceptual", "flicker", "score"} <= set(scores)
    assert all(math.isfinite(value) for value in scores.values())
    assert task.evaluate() == scores
    preview = task.preview()
    assert preview.dtype == np.uint8
    assert preview.ndim == 3


def test_the_best_is_a_part_of_the_state(make_task):
    task = make_task()
    task.step(0, 0.0)
    same(task.best()["ema"], task.state()["ema"])


@pytest.mark.parametrize(("name", "kind"), [("repair", RepairGenerator), ("pose-only", PoseOnlyGenerator)])
def test_the_setting_chooses_the_network(name, kind):
    network = build_generator(name, 5, 2, 8, 1)
    assert isinstance(network, kind)
    assert network.references == 3


def test_going_on_from_an_earlier_output_leaves_the_batch_its_own_poses(make_task):
    task = make_task()
    for step in range(3):
        task.step(step, 0.1)
    drawn = []
    draw = task.footage.draw

    def remember(*args, **kwargs):
        batch = draw(*args, **kwargs)
        drawn.append((batch.points.clone(), batch.heights.clone()))
        return batch

    task.footage.draw = remember
    went_on = 0
    for seed in range(6):
        batch, before = task._draw(generator("draws", seed))
        went_on += int(before.trust.sum())
        assert torch.equal(batch.points, drawn[-1][0])
        assert torch.equal(batch.heights, drawn[-1][1])
    assert went_on > 0
