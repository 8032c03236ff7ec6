from __future__ import annotations

import numpy as np

from tests.face.talker import talking_track, voice
from vidgan.audio.sound import Sound
from vidgan.stages.speaker import speaking


def test_who_speaks_moves_the_mouth_with_the_voice():
    sound = Sound(voice(6, seed=0))
    speaker, listener = talking_track(6, seed=0), talking_track(6, seed=1)
    still = talking_track(6, seed=0)[np.full(150, 12)]
    scores = [speaking(track, sound) for track in (speaker, listener, still)]
    assert scores[0] == max(scores)
    assert scores[0] > scores[1] + 0.2


def test_face_that_is_hardly_seen_speaks_never():
    track = talking_track(2)
    assert speaking(track[np.arange(5)], Sound(voice(2))) == -np.inf
