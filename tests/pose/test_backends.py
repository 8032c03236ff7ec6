from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from vidgan.errors import ConfigError, DependencyError
from vidgan.pose.backend import BACKENDS, BackendConfig, open_backend
from vidgan.video.read import ClipReader


@pytest.fixture(scope="module")
def squats(data_dir):
    frames = []
    with ClipReader(data_dir / "body" / "squats_woman_5fps.mp4", max_side=640) as reader:
        for frame in reader:
            frames.append(frame.rgb)
            if len(frames) == 6:
                return frames
    return frames


@pytest.mark.parametrize("name", ["mediapipe", "tasks"])
def test_backends_find_nobody_in_noise(name, wheel_bundle):
    noise = np.random.default_rng(0).integers(0, 255, (120, 160, 3), np.uint8)
    with open_backend(BackendConfig(backend=name, bundle=wheel_bundle), masks=True) as backend:
        assert [backend.detect(noise, i, i / 25) for i in range(2)] == [[], []]


@pytest.mark.parametrize("name", ["mediapipe", "tasks"])
def test_backends_find_the_person(name, wheel_bundle, squats):
    with open_backend(BackendConfig(backend=name, bundle=wheel_bundle), masks=True) as backend:
        for index, rgb in enumerate(squats):
            (found,) = backend.detect(rgb, index, index / 5)
    assert found.image.shape == (33, 2)
    assert found.world.shape == (33, 3)
    assert 0 <= found.visibility.min() <= found.visibility.max() <= 1
    assert found.mask.shape == squats[0].shape[:2]
    assert found.mask.dtype == np.uint8
    x, y = found.image[[11, 12, 23, 24]].mean(axis=0).astype(int)
    assert found.mask[y, x] > 200
    assert found.mask[5, 5] < 50


def test_backends_agree(wheel_bundle, squats):
    results = []
    for name in ("mediapipe", "tasks"):
        with open_backend(BackendConfig(backend=name, bundle=wheel_bundle)) as backend:
            found = [backend.detect(rgb, i, i / 5) for i, rgb in enumerate(squats)]
            assert found[0][0].mask is None
            results.append(np.stack([people[0].image for people in found]))
    assert np.abs(results[0] - results[1]).mean() < 5


def test_reset_forgets_the_frames_before(squats):
    with open_backend(BackendConfig()) as backend:
        first = backend.detect(squats[3], 0, 0.0)[0].image
        backend.detect(squats[5], 1, 0.1)
        backend.reset()
        np.testing.assert_array_equal(backend.detect(squats[3], 2, 0.2)[0].image, first)


def test_opening_writes_nothing_to_standard_error(capfd):
    with open_backend(BackendConfig()) as backend:
        backend.detect(np.zeros((64, 64, 3), np.uint8), 0, 0.0)
        backend.reset()
    assert "W0000" not in capfd.readouterr().err


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"complexity": 2}, DependencyError, "no pose model of complexity 2"),
        ({"backend": "tasks"}, ConfigError, "set bundle"),
        ({"backend": "tasks", "bundle": "nowhere.task"}, DependencyError, "nowhere.task: no such"),
        ({"backend": "precomputed"}, ConfigError, "set precomputed"),
        ({"backend": "precomputed", "precomputed": "nowhere.json"}, DependencyError, "nowhere.json: no such"),
    ],
)
def test_what_is_missing_is_said_in_one_line(settings, error, says):
    with pytest.raises(error, match=says) as caught:
        open_backend(BackendConfig(**settings))
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_bundle(tmp_path):
    bad = tmp_path / "bad.task"
    bad.write_text("no zip")
    with (
        pytest.raises(DependencyError, match="bad.task is no"),
        open_backend(BackendConfig(backend="tasks", bundle=bad)),
    ):
        pass


def test_every_backend_can_be_named_in_the_settings():
    assert [BackendConfig(backend=name).backend for name in BACKENDS] == list(BACKENDS)
    with pytest.raises(ValidationError):
        BackendConfig(backend="openpose")
