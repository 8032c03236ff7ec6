import numpy as np
import pytest
import torch

from vidgan.progress import Silent
from vidgan.tasks.voice import Spoken, VoiceConfig, VoiceTask, predict
from vidgan.train.loop import train


def spoken(frames=160, seed=0, noise=0.1):
    """Mouths that follow two bands of a spectrum, 40 ms later."""
    rng = np.random.default_rng(seed)
    count = 4 * frames + 40
    kernel = np.hanning(15) / np.hanning(15).sum()
    features = np.stack([np.convolve(column, kernel, "same") for column in rng.normal(size=(12, count))], 1)
    features = (features / features.std(0)).astype(np.float32)
    centres = (20 + 4 * np.arange(frames)).astype(np.float32)
    heard = features[centres.astype(int) - 4]
    mouths = np.stack([heard[:, 2] - heard[:, 7], np.tanh(heard[:, 4])], 1) + noise * rng.normal(size=(frames, 2))
    return Spoken(features, 100, True, centres, mouths.astype(np.float32), np.array([1.0, 0.5], np.float32))


def config(**changes):
    return VoiceConfig(**({"steps": 12, "members": 2, "width": 8, "batch": 16} | changes))


def test_mouth_follows_speech_that_it_has_not_seen(tmp_path):
    known, rest = spoken().part(slice(0, 120)), spoken().part(slice(128, None))
    task = VoiceTask(known, config(), seed=0)
    train(task, config(), tmp_path, Silent())
    made = predict(task.ensemble, rest, task.reach)
    assert np.corrcoef(made[:, 0], rest.mouths[:, 0])[0, 1] > 0.8
    task.trust(0.0)
    linear = predict(task.ensemble, rest, task.reach)
    assert not np.allclose(linear, made)


def test_corrections_learn_what_the_linear_map_misses():
    data = spoken(noise=0.0)
    bent = Spoken(**(vars(data) | {"mouths": np.abs(data.mouths)}))  # no linear map can do that
    plain = config(steps=300, dropout=0.0, weight_decay=0.0, width=16, augment={"noise": 0.05, "gain": 0, "tilt": 0})
    task = VoiceTask(bent, plain, seed=0)
    first = np.mean([task.step(step, step / 300)["loss"] for step in range(5)])
    last = np.mean([task.step(step, step / 300)["loss"] for step in range(5, 150)][-20:])
    assert last < 0.85 * first


def test_resumed_training_equals_uninterrupted_bit_for_bit(tmp_path):
    data = spoken(60)
    straight = VoiceTask(data, config(steps=10), seed=3)
    train(straight, config(steps=10), tmp_path / "straight", Silent())
    train(VoiceTask(data, config(steps=4), seed=3), config(steps=4), tmp_path / "first", Silent())
    resumed = VoiceTask(data, config(steps=10), seed=3)
    state = torch.load(tmp_path / "first" / "checkpoint.pt", weights_only=True)
    resumed.load_state(state["task"])
    for step in range(4, 10):
        resumed.step(step, step / 10)
    other = VoiceTask(data, config(steps=10), seed=3)
    for step in range(10):
        # The rate depends on the share of the whole run that is done.
        other.step(step, step / 4 if step < 4 else step / 10)
    for name, value in other.ensemble.state_dict().items():
        assert torch.equal(value, resumed.ensemble.state_dict()[name]), name


def test_seed_decides_and_global_randomness_stays():
    before = torch.get_rng_state()
    one, two, three = (VoiceTask(spoken(40), config(), seed=seed) for seed in (0, 0, 1))
    assert torch.equal(before, torch.get_rng_state())
    assert torch.equal(one.members[0].layers[0].weight, two.members[0].layers[0].weight)
    assert not torch.equal(one.members[0].layers[0].weight, three.members[0].layers[0].weight)
    one.step(0, 0.0)
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize("frames", [3, 8])
def test_few_frames_are_enough_to_run(frames):
    task = VoiceTask(spoken(frames), config(), seed=0)
    assert np.isfinite(task.step(0, 0.0)["loss"])
    assert task.evaluate()["score"] >= 0
    assert task.preview().shape[2] == 3
