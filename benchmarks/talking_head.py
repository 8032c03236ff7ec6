"""Synthetic talking heads: performers of vidgan's own cast, close up, with known head pose and facial actions.

    python -m benchmarks.talking_head --out samples/faces

Writes driver.mp4 (turns, nods, speaks, blinks), target.mp4 (another person, less motion) and portrait.jpg (a third), as
they are used by tests and by the pictures in the documentation; speaker.mp4, somebody who speaks with a made voice, and
words.wav, something else in that voice. Needs the extra `performers`.
"""

from __future__ import annotations

import argparse
import tempfile
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.synthetic_voice import RATE, Talk, talk
from vidgan.audio.sound import write_wav
from vidgan.performers.people import CAST, Person
from vidgan.performers.performer import Performer
from vidgan.performers.rig import turn
from vidgan.performers.room import CameraSpec, make_light, make_room
from vidgan.performers.stage import Stage
from vidgan.progress import Progress
from vidgan.video.write import ClipWriter

FPS = 25
FACE = 0.42
"""Metres that the picture shows at the face."""


class Head:
    """One performer, close up, whose head and neck turn on the shoulders."""

    def __init__(self, person: Person, seed: int, size: int, shown: float = FACE) -> None:
        rng = np.random.default_rng(seed)
        self.performer = Performer(person)
        self.stage = Stage(self.performer, make_room(rng), make_light(rng), size)
        self.head, self.neck = (self.performer.body.joint(bone) for bone in ("head", "neck01"))
        height = float(self.head[2]) + 1.03
        self.camera = CameraSpec(1.3, height, height, 0.0, 1.3 / shown, np.zeros(3, np.float32))

    def draw(self, yaw: float, pitch: float, actions: dict[str, float], roll: float = 0.0) -> NDArray[np.uint8]:
        """A picture with the head turned by degrees: what lies above the neck turns, the neck follows in between."""
        still = self.performer.expression(actions) - self.neck
        low, high = 0.0, float(self.head[2] - self.neck[2])
        share = np.clip((still[:, 2] - low) / (high - low), 0, 1)[:, None]
        turned = still @ (turn("z", yaw) @ turn("x", -pitch) @ turn("y", roll)).T
        points = still + share * (turned - still) + self.neck + np.array([0, 0, 1.0])
        return self.stage.draw(points.astype(np.float32), self.camera, 0.0)[0]


Act = tuple[float, float, float, dict[str, float]]
"""Degrees of yaw, pitch and roll, and facial actions."""


def of_cast(name: str) -> Person:
    """The one of the cast who is called so."""
    return next(one for one in CAST if one.name == name)


def acting(frames: int, seed: int, reach: float) -> list[Act]:
    """What a head does in every frame; `reach` degrees of yaw at most."""
    rng = np.random.default_rng(seed)
    time = np.arange(frames) / FPS
    phase = rng.uniform(0, 6, 4)
    rest = np.clip((time - 0.4) / 0.6, 0, 1)
    yaw = rest * reach * np.sin(2 * np.pi * 0.28 * (time - 0.4))
    pitch = rest * 0.35 * reach * np.sin(2 * np.pi * 0.37 * (time - 0.4))
    speech = np.clip(np.sin(2 * np.pi * 2.1 * time + phase[0]) * np.sin(2 * np.pi * 0.6 * time + phase[1]), 0, 1)
    blink = sum(np.exp(-(((time - moment) / 0.07) ** 2)) for moment in (1.2, 2.3, 3.5))
    smile = 0.5 * rest * (1 + np.sin(2 * np.pi * 0.2 * time + phase[2]))
    return [
        (float(y), float(p), 0.0, {
            "eyeBlinkLeft": float(b), "eyeBlinkRight": float(b), "jawOpen": float(0.55 * r * s),
            "mouthSmileLeft": float(m), "mouthSmileRight": float(m), "browInnerUp": float(0.4 * m),
        })
        for y, p, b, r, s, m in zip(yaw, pitch, blink, rest, speech, smile, strict=True)
    ]  # fmt: skip


def saying(said: Talk, frames: int, seed: int) -> list[Act]:
    """As `acting`, of somebody who says this."""
    mouths = zip(*said.mouth(np.arange(frames) / FPS), strict=True)
    return [
        (*turns, face | {"jawOpen": float(jaw)} | dict.fromkeys(("mouthSmileLeft", "mouthSmileRight"), float(smile)))
        for (*turns, face), (jaw, smile) in zip(acting(frames, seed, 7.0), mouths, strict=True)
    ]


def film(
    path: Path,
    head: Head,
    acts: list[Act],
    size: int,
    sound: Path | None = None,
    crf: int = 20,
    progress: Progress | None = None,
) -> None:
    """Draw and write a clip."""
    with ClipWriter(path, size, size, Fraction(FPS), crf=crf, audio=sound) as clip:
        for index, (yaw, pitch, roll, actions) in enumerate(acts):
            clip.write(head.draw(yaw, pitch, actions, roll), Fraction(index, FPS))
            if progress:
                progress.advance()


def main() -> None:
    """Make the files."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("samples/faces"))
    parser.add_argument("--frames", type=int, default=75)
    parser.add_argument("--size", type=int, default=384)
    parser.add_argument("--speech", type=float, default=12.0, help="seconds of speaker.mp4")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    portrait = Head(of_cast("Ines"), 6, args.size).draw(6.0, 0.0, {"mouthSmileLeft": 0.2, "mouthSmileRight": 0.2})
    cv2.imwrite(str(args.out / "portrait.jpg"), portrait[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 92])
    film(args.out / "driver.mp4", Head(of_cast("Finn"), 4, args.size), acting(args.frames, 1, 22.0), args.size)
    film(args.out / "target.mp4", Head(of_cast("Ada"), 5, args.size), acting(args.frames, 2, 10.0), args.size)
    speak(args.out, args.speech, args.size)


def speak(out: Path, seconds: float, size: int) -> None:
    """Write the film of a speaker, and half as much of other words."""
    said = talk(seconds, 1)
    with tempfile.TemporaryDirectory() as folder:
        sound = Path(folder) / "said.wav"
        write_wav(sound, said.samples, RATE)
        acts = saying(said, round(seconds * FPS), 3)
        film(out / "speaker.mp4", Head(of_cast("Ada"), 7, size), acts, size, sound)
    write_wav(out / "words.wav", talk(seconds / 2, 2).samples, RATE)


if __name__ == "__main__":
    main()
