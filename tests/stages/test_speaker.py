from __future__ import annotations

import numpy as np
import pytest

from tests.face.talker import SOUND_RATE, talking_track, voice
from tests.video.clips import write_clip
from vidgan.audio.sound import Sound
from vidgan.face.track import FaceTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage, FaceStageConfig
from vidgan.stages.speaker import SpeakerStage, speaking


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


@pytest.mark.parametrize(("talks", "chosen"), [(0, 1), (1, 2)])
def test_auto_takes_the_face_that_goes_with_the_sound(tmp_path, monkeypatch, talks, chosen):
    """Two faces, side by side; a detector without a fault gives each of them as asked."""
    film = tmp_path / "two.mp4"
    frames = [np.full((64, 96, 3), 90, np.uint8)] * 100
    write_clip(film, frames, audio=("aac", SOUND_RATE, voice(4, seed=talks)))
    tracks = [talking_track(4, seed=0), talking_track(4, seed=1)]

    def find(stage, context):
        (context.dir / "raw").mkdir(exist_ok=True)
        return tracks[int(stage.config.person) - 1], {"person": stage.config.person}

    monkeypatch.setattr(FaceStage, "find", find)
    monkeypatch.setattr("vidgan.stages.speaker.survey", lambda faces, reader: ["left", "right"])
    told = []

    class Told(Silent):
        def note(self, message):
            told.append(message)

    context = StageContext(tmp_path, {"video": film}, "cpu", 0, Told())
    facts = SpeakerStage(FaceStageConfig(person="auto")).run(context)
    assert facts["person"] == str(chosen)
    assert f"face {chosen} of 2" in told[0]
    assert np.array_equal(FaceTrack.load(tmp_path / "track.npz").image, tracks[talks].image)
