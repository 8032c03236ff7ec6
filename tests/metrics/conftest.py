from __future__ import annotations

import numpy as np
import pytest

from tests.metrics import people
from vidgan.losses.perceptual import PerceptualLoss


@pytest.fixture
def standing_track():
    """A person who stands still for six frames, all landmarks visible."""
    return people.standing_track()


@pytest.fixture(scope="session")
def perceptual_loss():
    return PerceptualLoss("efficientnet-lite0")


@pytest.fixture
def smooth_frames():
    """Eight different smooth colour frames, 60 x 48."""
    y, x = np.mgrid[0:60, 0:48]
    waves = [[np.sin((x * a + y * b) / 9 + t / 3) for a, b in ((1, 0), (0.3, 1), (1, 1))] for t in range(8)]
    return [(np.stack(wave, -1) * 100 + 128).astype(np.uint8) for wave in waves]
