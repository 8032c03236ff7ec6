import wave
from fractions import Fraction

import av
import numpy as np
import pytest

from vidgan.audio.sound import RATE, read_sound
from vidgan.errors import MediaError


def test_sound_of_a_video_is_decoded_at_16_khz_with_events_where_they_are(av_clip):
    sound = read_sound(av_clip)
    assert sound.rate == RATE
    assert float(sound.start) == pytest.approx(0, abs=0.03)
    loudest = int(np.abs(sound.samples).argmax()) / RATE + float(sound.start)
    assert loudest == pytest.approx(1.0, abs=0.02)
    assert float(sound.seconds) == pytest.approx(2.5, abs=0.05)


def test_sound_that_starts_late_keeps_its_place(late_audio_clip):
    sound = read_sound(late_audio_clip)
    assert float(sound.start) == pytest.approx(0.3, abs=0.03)
    loudest = int(np.abs(sound.samples).argmax()) / RATE + float(sound.start)
    assert loudest == pytest.approx(1.0, abs=0.02)


def test_channels_are_mixed_down_and_the_rate_converted_without_changing_a_tone(tmp_path):
    seconds, rate, hz = 1.0, 44100, 440.0
    tone = 0.5 * np.sin(2 * np.pi * hz * np.arange(int(seconds * rate)) / rate)
    path = wav(tmp_path / "tone.wav", np.stack([tone, tone]), rate)
    sound = read_sound(path)
    assert len(sound.samples) == pytest.approx(RATE, abs=40)
    spectrum = np.abs(np.fft.rfft(sound.samples * np.hanning(len(sound.samples))))
    assert spectrum.argmax() * RATE / len(sound.samples) == pytest.approx(hz, abs=1.5)
    assert sound.level == pytest.approx(20 * np.log10(0.5 / np.sqrt(2)), abs=0.1)


@pytest.mark.parametrize("channels", [6, 12, 17])
def test_many_channels_are_mixed_down(tmp_path, channels):
    """Of planes beyond the eighth PyAV shows others' memory."""
    path = tmp_path / "many.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.tile(np.arange(channels) * 1000, (RATE, 1)).astype("<i2").tobytes())
    samples = read_sound(path).samples
    assert len(samples) == RATE
    assert samples == pytest.approx((channels - 1) * 500 / 32768, abs=1e-4)


def test_hole_in_a_track_is_silent_and_moves_nothing(tmp_path):
    path = tmp_path / "hole.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        for first in [*range(0, RATE, 1600), *range(2 * RATE, 3 * RATE, 1600)]:
            frame = av.AudioFrame.from_ndarray(np.full((1, 1600), 8000, np.int16), format="s16", layout="mono")
            frame.sample_rate, frame.pts, frame.time_base = RATE, first, Fraction(1, RATE)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    samples = read_sound(path).samples
    assert len(samples) == pytest.approx(3 * RATE, abs=32)
    assert np.abs(samples[int(1.1 * RATE) : int(1.9 * RATE)]).max() == 0
    assert np.abs(samples[int(2.1 * RATE) :]).min() > 0.2


def test_file_without_sound_and_file_that_is_none_say_what_to_do(plain_clip, text_clip, tmp_path):
    with pytest.raises(MediaError, match=r"plain\.mp4: has no sound; give a recording, or a video with sound"):
        read_sound(plain_clip)
    with pytest.raises(MediaError, match="is not a media file"):
        read_sound(text_clip)
    with pytest.raises(MediaError, match="no such file"):
        read_sound(tmp_path / "gone.wav")


@pytest.mark.parametrize("samples", [1, 5, 10])
def test_sound_of_a_few_samples_is_refused_in_one_line(tmp_path, samples):
    path = wav(tmp_path / "click.wav", np.full((1, samples), 0.5), 48_000)
    with pytest.raises(
        MediaError, match=r"click\.wav: its sound lasts less than a hundredth of a second; give"
    ) as failed:
        read_sound(path)
    assert "\n" not in str(failed.value)


@pytest.mark.parametrize(("rate", "layout"), [(44_100, "stereo"), (22_050, "mono"), (48_000, "stereo")])
def test_track_that_changes_its_channels_or_rate_is_read_on(tmp_path, rate, layout):
    """Two pieces of AAC one after the other, as a radio sends them."""
    pieces = adts(tmp_path, 44_100, "mono", 0.2), adts(tmp_path, rate, layout, 0.6)
    path = tmp_path / "both.aac"
    path.write_bytes(b"".join(pieces))
    samples = read_sound(path).samples
    assert len(samples) == pytest.approx(2 * RATE, abs=0.25 * RATE)
    assert np.abs(samples[int(0.3 * RATE) : int(0.7 * RATE)]).max() == pytest.approx(0.2, abs=0.08)
    assert np.abs(samples[int(1.3 * RATE) : int(1.7 * RATE)]).max() == pytest.approx(0.6, abs=0.12)


def adts(folder, rate, layout, level):
    """A second of 440 Hz as AAC in ADTS."""
    path = folder / f"{rate}-{layout}.aac"
    with av.open(str(path), "w", format="adts") as container:
        stream = container.add_stream("aac", rate=rate, layout=layout)
        tone = level * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
        values = np.repeat(tone[None].astype(np.float32), len(stream.layout.channels), 0)
        frame = av.AudioFrame.from_ndarray(values, format="fltp", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path.read_bytes()


def wav(path, channels, rate):
    """Write (C, N) floats as 16-bit WAV."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=rate, layout="stereo" if len(channels) == 2 else "mono")
        values = np.ascontiguousarray((channels * 32767).astype(np.int16).T.reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(values, format="s16", layout=stream.layout.name)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
