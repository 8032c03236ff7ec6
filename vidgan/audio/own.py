"""The sound of a film itself, from which its speaker's way of moving the mouth is learnt."""

from __future__ import annotations

from pathlib import Path

from vidgan.audio.activity import voice_activity
from vidgan.audio.mel import log_mel
from vidgan.audio.sound import Sound, read_sound
from vidgan.errors import MediaError
from vidgan.video.probe import probe


def own_sound(film: Path) -> Sound:
    """The sound of the film itself.

    Raises:
        MediaError: it has none, or nobody is heard in it.
    """
    if probe(film).audio is None:
        raise MediaError(
            f"{film.name}: has no sound of its own, from which the mouth's way of following speech is learnt: give a "
            "cut of the film that still has its voice"
        )
    sound = read_sound(film)
    if not voice_activity(log_mel(sound.samples)).any():
        raise MediaError(
            f"{film.name}: nobody is heard in its own sound, from which the mouth's way of following speech is learnt: "
            "give a cut of the film that still has its voice"
        )
    return sound
