from __future__ import annotations

import numpy as np
import pytest

from tests.tasks.squares import CLASSES, TINY, square_clip


@pytest.fixture(scope="session")
def strips(tmp_path_factory):
    """A folder of image strips in two classes: 8 clips of 8 frames of 32x32."""
    from vidgan.video.sheet import save_png

    folder = tmp_path_factory.mktemp("strips")
    rng = np.random.default_rng(0)
    for number in range(8):
        kind = number % 2
        clip = square_clip(kind, rng.integers(80, 255, 3), int(rng.integers(12)), length=8)
        (folder / CLASSES[kind]).mkdir(exist_ok=True)
        save_png(np.concatenate(list(clip), axis=1), folder / CLASSES[kind] / f"clip{number}.png")
    return folder


@pytest.fixture(scope="session")
def tiny_config(tmp_path_factory):
    """The smallest configuration, as a YAML file."""
    import yaml

    path = tmp_path_factory.mktemp("config") / "least.yaml"
    path.write_text(yaml.safe_dump({**TINY, "checkpoint_seconds": 0}))
    return path


@pytest.fixture(scope="session")
def trained(tmp_path_factory, strips, tiny_config):
    """The folder of a finished run of 4 steps. Only to be read."""
    from vidgan.progress import Silent
    from vidgan.runs.training import prepare

    folder = tmp_path_factory.mktemp("trained") / "run"
    prepare(tiny_config, strips, folder, device="cpu").go(Silent())
    return folder
