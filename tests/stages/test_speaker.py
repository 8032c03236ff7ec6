from __future__ import annotations

import cv2
import numpy as np
import pytest

from tests.conftest import ROOT
from tests.face.talker import SOUND_RATE, talking_track, voice
from tests.video.clips import write_clip
from vidgan.audio.own import own_sound
from vidgan.audio.sound import Sound
from vidgan.errors import MediaError
from vidgan.face.track import FaceTrack
from vidgan.progress import Silent
from vidgan.stages.base import StageContext
from vidgan.stages.face import FaceStage
from vidgan.stages.film_face import FilmFaceConfig, shots_of
from vidgan.stages.speaker import SpeakerStage, speaking
from vidgan.video.read import ClipReader


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


@pytest.mark.parametrize("person", ["auto", "largest"])
@pytest.mark.parametrize(("sound", "message"), [(None, "has no sound of its own"), (0.0, "nobody is heard in its own")])
def test_film_to_learn_nothing_from_is_refused_before_faces_are_looked_for(
    tmp_path, monkeypatch, person, sound, message
):
    audio = None if sound is None else ("aac", SOUND_RATE, np.full(SOUND_RATE, sound, np.float32))
    film = write_clip(tmp_path / "film.mp4", [np.full((64, 96, 3), 90, np.uint8)] * 25, audio=audio)
    looked = []
    monkeypatch.setattr(FaceStage, "find", lambda stage, context: looked.append(1))
    monkeypatch.setattr("vidgan.stages.speaker.survey", lambda faces, reader: looked.append(1))
    context = StageContext(tmp_path, {"video": film}, "cpu", 0, Silent())
    with pytest.raises(MediaError, match=rf"film\.mp4: {message}.* is learnt: give a cut of the film") as failed:
        SpeakerStage(FilmFaceConfig(person=person)).run(context)
    assert "\n" not in str(failed.value)
    assert not looked


def test_file_that_cannot_be_read_is_told_from_one_without_sound(tmp_path):
    film = tmp_path / "it has no sound.mp4"
    film.write_text("not a film")
    with pytest.raises(MediaError, match="is not a media file"):
        own_sound(film)


@pytest.mark.parametrize(("talks", "chosen"), [(0, 1), (1, 2)])
def test_auto_takes_the_face_that_goes_with_the_sound(tmp_path, monkeypatch, talks, chosen):
    """Two faces, side by side; a detector without a fault gives each of them as asked."""
    film = tmp_path / "two.mp4"
    frames = [np.full((64, 96, 3), 90, np.uint8)] * 100
    write_clip(film, frames, audio=("aac", SOUND_RATE, voice(4, seed=talks)))
    tracks = [talking_track(4, seed=0), talking_track(4, seed=1)]

    searches = []
    monkeypatch.setattr("vidgan.stages.film_face.find_cuts", lambda path, threshold: searches.append(path) or [50])

    def find(stage, context):
        assert stage.cuts(context) == [50]
        (context.dir / "raw").mkdir(exist_ok=True)
        return tracks[int(stage.config.person) - 1], {"person": stage.config.person}

    monkeypatch.setattr(FaceStage, "find", find)
    monkeypatch.setattr("vidgan.stages.speaker.survey", lambda faces, reader: ["left", "right"])
    told = []

    class Told(Silent):
        def note(self, message):
            told.append(message)

    context = StageContext(tmp_path, {"video": film}, "cpu", 0, Told())
    facts = SpeakerStage(FilmFaceConfig(person="auto")).run(context)
    assert facts["person"] == str(chosen)
    assert f"face {chosen} of 2" in told[0]
    assert searches == [film]
    assert shots_of(tmp_path, np.array([0, 49, 50, 99])).tolist() == [0, 0, 1, 1]
    assert np.array_equal(FaceTrack.load(tmp_path / "track.npz").image, tracks[talks].image)


def faces_of(name, count):
    with ClipReader(ROOT / "samples" / "faces" / name) as reader:
        return [cv2.resize(frame.rgb, (320, 320)) for _, frame in zip(range(count), reader, strict=False)]


def test_after_a_cut_another_face_is_left_alone_and_the_speaker_is_found_again(tmp_path):
    """The speaker to the left, another person, the speaker to the right."""
    speaker, other = faces_of("driver.mp4", 24), faces_of("target.mp4", 24)
    wide = [np.full((320, 640, 3), shade, np.uint8) for shade in (40, 200)]
    frames = []
    for shot, (faces, at, shade) in enumerate(((speaker, 0, 0), (other, 160, 1), (speaker, 320, 0))):
        for face in faces:
            frames.append(wide[shade].copy())
            frames[-1][:, at : at + 320] = face
        assert len(frames) == 24 * (shot + 1)
    film = write_clip(tmp_path / "film.mp4", frames, audio=("aac", SOUND_RATE, voice(3)))
    told = []

    class Told(Silent):
        def warn(self, message):
            told.append(message)

    SpeakerStage(FilmFaceConfig(other_face=0.01)).run(StageContext(tmp_path, {"video": film}, "cpu", 0, Told()))
    track = FaceTrack.load(tmp_path / "track.npz")
    assert track.present.tolist() == [*[True] * 24, *[False] * 24, *[True] * 24]
    shift = np.median(track.image[48:] - track.image[:24], (0, 1))
    assert shift == pytest.approx([320, 0], abs=2)
    assert any("1 of 3 shots show another face and stay as filmed (1.0 to 1.9 s)" in line for line in told)
