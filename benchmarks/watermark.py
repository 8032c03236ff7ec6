"""What the invisible watermark survives, what it costs, and that it is not found where it is not.

    python -m benchmarks.watermark CLIP...               # what is done to marked clips, and what is still read
    python -m benchmarks.watermark --unmarked CLIP...    # the same search in clips that were never marked

Every clip is marked, changed and encoded with H.264 as a person would do it, and searched like any other video. PSNR
is taken before the encoder: in the first row of the marked pictures against the clip, in the others of the changed
pictures against the marked ones, and of a forgery against the clip that it is laid over.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.common import FILE, JSON_OPTION, Row, finish, say
from vidgan.trust.detect import Found, find_watermark
from vidgan.trust.mark import number_of
from vidgan.trust.pattern import Key
from vidgan.trust.watermark import Watermark
from vidgan.video.clip import ClipInfo
from vidgan.video.read import ClipReader
from vidgan.video.write import ClipWriter

Timed = tuple[NDArray[np.uint8], Fraction]
Change = Callable[[Iterator[Timed], ClipInfo], Iterator[Timed]]
SPEED_SIZES = ((512, 512), (720, 1280), (1080, 1920))
"""Height and width of the frames on which the time is taken."""


@dataclass(frozen=True)
class Attack:
    """Something done to a marked clip: a change of its frames, then H.264 at a quality and rate.

    `judged`: by the PSNR of the change.
    """

    name: str
    change: Change
    crf: int = 18
    speed: Fraction = Fraction(1)
    judged: bool = False


def each(function: Callable[[NDArray[np.uint8]], NDArray[np.uint8]]) -> Change:
    """A change that is made of every frame by itself."""
    return lambda frames, info: ((np.ascontiguousarray(function(rgb)), at) for rgb, at in frames)


def half(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Half as wide and high."""
    return np.asarray(cv2.resize(rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))


def crop(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """90 % of width and height, not from the middle."""
    height, width = rgb.shape[:2]
    top, left = round(0.03 * height), round(0.07 * width)
    return rgb[top : top + round(0.9 * height), left : left + round(0.9 * width)]


def noisy(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gaussian noise of 8 grey levels, the same in every channel."""
    noise = np.random.default_rng(int(rgb[::7, ::7].sum())).normal(0, 8, rgb.shape[:2])
    return np.clip(np.rint(rgb + noise[..., None]), 0, 255).astype(np.uint8)


def blurred(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Gaussian blur, of 1 % of the frame's shorter side."""
    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.01 * min(rgb.shape[:2])))


def median(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Median of 7x7 pixels."""
    return np.asarray(cv2.medianBlur(rgb, 7))


def denoised(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Bilateral filter: what differs by up to 25 grey levels within 1 % of the frame's shorter side is evened out."""
    return np.asarray(cv2.bilateralFilter(rgb, -1, 25, 0.01 * min(rgb.shape[:2])))


def turned(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Turned by 2 degrees, enlarged by 6 % so that no corner shows."""
    height, width = rgb.shape[:2]
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), 2, 1.06)
    return np.asarray(
        cv2.warpAffine(rgb, matrix, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
    )


def resampled(frames: Iterator[Timed], info: ClipInfo) -> Iterator[Timed]:
    """Four fifths of the frame rate: at each new time the frame that was shown."""
    step, shown, number = 1 / (info.rate * Fraction(4, 5)), None, 0
    for rgb, at in frames:
        while shown is not None and number * step < at:
            yield shown, number * step
            number += 1
        shown = rgb


def cut(frames: Iterator[Timed], info: ClipInfo) -> Iterator[Timed]:
    """Three seconds from 0.9 s on."""
    start = None
    for rgb, at in frames:
        if at >= Fraction(9, 10) and (start is None or at - start < 3):
            start = at if start is None else start
            yield rgb, at - start


def averaged(frames: Iterator[Timed], info: ClipInfo) -> Iterator[Timed]:
    """Removal by the mean over time: what all frames have in their fine structure is taken away from each."""
    kept = [(rgb, at) for rgb, at in frames]
    mean = np.zeros(kept[0][0].shape, np.float32)
    for rgb, _ in kept:
        mean += (rgb - cv2.GaussianBlur(rgb.astype(np.float32), (0, 0), 0.02 * min(rgb.shape[:2]))) / len(kept)
    for rgb, at in kept:
        yield np.clip(np.rint(rgb - mean), 0, 255).astype(np.uint8), at


def same(frames: Iterator[Timed], info: ClipInfo) -> Iterator[Timed]:
    """Nothing."""
    return frames


ATTACKS = (
    Attack("CRF 18, as vidgan writes", same, judged=True),
    Attack("CRF 28", same, 28),
    Attack("CRF 33", same, 33),
    Attack("half size, CRF 23", each(half), 23),
    Attack("half size, CRF 33 (messengers)", each(half), 33),
    Attack("crop to 90 %, CRF 23", each(crop), 23),
    Attack("mirrored, CRF 23", each(lambda rgb: rgb[:, ::-1]), 23),
    Attack("4/5 of the frame rate, CRF 23", resampled, 23, Fraction(4, 5)),
    Attack("cut to 3 s, CRF 23", cut, 23),
    Attack("removal: noise", each(noisy), 23, judged=True),
    Attack("removal: blur", each(blurred), 23, judged=True),
    Attack("removal: mean over time", averaged, 23, judged=True),
    Attack("removal: median", each(median), 23, judged=True),
    Attack("removal: denoised", each(denoised), 23, judged=True),
    Attack("removal: turned by 2 degrees and cropped", each(turned), 23),
    Attack("removal: CRF 40", same, 40),
)


def read_frames(path: Path, seconds: float, side: int | None = None) -> Iterator[Timed]:
    """The first seconds of a clip, times from 0, its longer side at most `side` pixels."""
    with ClipReader(path, max_side=side) as clip:
        start = None
        for frame in clip:
            start = frame.time if start is None else start
            if frame.time - start >= seconds:
                return
            yield frame.rgb, frame.time - start


def smaller(clip: Path, seconds: float, side: int, path: Path) -> Path:
    """The first seconds of a clip, brought down."""
    return encode(read_frames(clip, seconds, side), path, ClipReader(clip).info.rate, 4)


def marked(path: Path, seconds: float, mark: Watermark) -> Iterator[Timed]:
    """The same with the watermark."""
    return ((mark(rgb, float(at)), at) for rgb, at in read_frames(path, seconds))


def psnr(changed: Iterator[Timed], frames: Iterator[Timed]) -> float | None:
    """Over all frames, in dB; None when they are not the same frames."""
    error, count = 0.0, 0
    for (a, at), (b, original) in zip(changed, frames, strict=False):
        if a.shape != b.shape or at != original:
            return None
        error += float(np.mean((a.astype(np.float32) - b) ** 2))
        count += 1
    return None if not count or not error else 10 * np.log10(255**2 * count / error)


def encode(frames: Iterator[Timed], path: Path, rate: Fraction, crf: int) -> Path:
    """H.264."""
    first, start = next(frames)
    clock = Fraction(1, 90_000)
    with ClipWriter(path, first.shape[1], first.shape[0], rate, crf=crf, time_base=clock) as writer:
        writer.write(first, start)
        for rgb, at in frames:
            writer.write(rgb, at)
    return path


def forged(path: Path, onto: Path, seconds: float, mark: Watermark) -> Iterator[Timed]:
    """By somebody who has a marked clip and no key: the band that the mark is in, edges clipped, laid over another."""
    for (rgb, _), (other, at) in zip(marked(path, seconds, mark), read_frames(onto, seconds), strict=False):
        side, grey = min(rgb.shape[:2]), cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
        band = cv2.GaussianBlur(grey, (0, 0), 0.01 * side) - cv2.GaussianBlur(grey, (0, 0), 0.04 * side)
        fitted = cv2.resize(np.clip(2 * band, -4, 4), other.shape[1::-1], interpolation=cv2.INTER_LINEAR)
        yield np.clip(np.rint(other + fitted[..., None]), 0, 255).astype(np.uint8), at


def unmade(path: Path, seconds: float, mark: Watermark) -> Iterator[Timed]:
    """By somebody who has the key and has read the number: the mark is taken away again."""
    for rgb, at in marked(path, seconds, mark):
        change = mark(rgb, float(at)).astype(np.int16) - rgb
        yield np.clip(rgb - change, 0, 255).astype(np.uint8), at


def row(name: str, found: list[tuple[Found, int]], quality: list[float | None]) -> Row:
    """One line of the table."""
    known = [it for it in quality if it is not None]
    return {
        "done to it": name,
        "read exactly": f"{sum(it.present and it.number == number for it, number in found)} of {len(found)}",
        "found (p < 1e-6)": f"{sum(it.present for it, _ in found)} of {len(found)}",
        "weakest log10 p": max(it.log10_p for it, _ in found),
        "PSNR, dB": float(np.mean(known)) if known else None,
    }


def robustness(clips: tuple[Path, ...], seconds: float, only: str = "") -> list[Row]:
    """A row for each attack whose name has `only` in it, over all clips."""
    rows = []
    numbers = [number_of(clip.name) for clip in clips]
    with TemporaryDirectory() as folder:
        file = Path(folder) / "changed.mp4"
        for attack in (it for it in ATTACKS if only in it.name):
            found, quality = [], []
            for clip, number in zip(clips, numbers, strict=True):
                mark, info = Watermark(number), ClipReader(clip).info
                if attack.judged:
                    reference = read_frames(clip, seconds) if attack.change is same else marked(clip, seconds, mark)
                    quality.append(psnr(attack.change(marked(clip, seconds, mark), info), reference))
                changed = attack.change(marked(clip, seconds, mark), info)
                found.append((find_watermark(encode(changed, file, info.rate * attack.speed, attack.crf)), number))
                say(f"{attack.name}: {clip.name}: log10 p {found[-1][0].log10_p:.1f}, {found[-1][0].number == number}")
            rows.append(row(attack.name, found, quality))
        for expert in (it for it in EXPERTS if only in it.name):
            rows.append(_by_expert(expert, clips, numbers, seconds, file))
    return rows


@dataclass(frozen=True)
class Expert:
    """Something done by somebody who has read this source: from a clip, the next clip, seconds and the mark that the
    public key makes to frames, and to those that PSNR is taken against.

    `secret`: what was marked was marked by a secret that the expert has not, and that is searched by.
    """

    name: str
    frames: Callable[[Path, Path, float, Watermark], Iterator[Timed]]
    against: Callable[[Path, Path, float, Watermark], Iterator[Timed]]
    forges: bool
    secret: bool = False


def _unmade_blindly(clip: Path, _: Path, seconds: float, mark: Watermark) -> Iterator[Timed]:
    """The public key's mark of the same number taken away from a clip that a secret marked."""
    for (rgb, at), (plain, _) in zip(_by_secret(clip, clip, seconds, mark), read_frames(clip, seconds), strict=True):
        change = mark(plain, float(at)).astype(np.int16) - plain
        yield np.clip(rgb - change, 0, 255).astype(np.uint8), at


def _by_secret(clip: Path, _: Path, seconds: float, mark: Watermark) -> Iterator[Timed]:
    return marked(clip, seconds, Watermark(number_of(clip.name), _SECRET))


_SECRET = Key(b"a secret of a studio's own")
EXPERTS = (
    Expert(
        "removal: by the public key",
        lambda clip, onto, seconds, mark: unmade(clip, seconds, mark),
        lambda clip, onto, seconds, mark: marked(clip, seconds, mark),
        forges=False,
    ),
    Expert("removal: by the public key, of a secret's mark", _unmade_blindly, _by_secret, forges=False, secret=True),
    Expert(
        "forgery: copied onto another clip",
        forged,
        lambda clip, onto, seconds, mark: read_frames(onto, seconds),
        forges=True,
    ),
    Expert(
        "forgery: by the public key",
        lambda clip, onto, seconds, mark: marked(onto, seconds, mark),
        lambda clip, onto, seconds, mark: read_frames(onto, seconds),
        forges=True,
    ),
    Expert(
        "forgery: by the public key, where a secret is searched",
        lambda clip, onto, seconds, mark: marked(onto, seconds, mark),
        lambda clip, onto, seconds, mark: read_frames(onto, seconds),
        forges=True,
        secret=True,
    ),
)


def _by_expert(expert: Expert, clips: tuple[Path, ...], numbers: list[int], seconds: float, file: Path) -> Row:
    found, quality = [], []
    for clip, onto, number in zip(clips, clips[1:] + clips[:1], numbers, strict=True):
        given = (clip, onto, seconds, Watermark(number))
        quality.append(psnr(expert.frames(*given), expert.against(*given)))
        rate = ClipReader(onto if expert.forges else clip).info.rate
        path = encode(expert.frames(*given), file, rate, 18 if expert.forges else 23)
        found.append((find_watermark(path, _SECRET if expert.secret else None), number))
        say(f"{expert.name}: {clip.name}: log10 p {found[-1][0].log10_p:.1f}, {found[-1][0].number == number}")
    return row(expert.name, found, quality)


def speed(clips: tuple[Path, ...], frames: int = 20) -> list[Row]:
    """Milliseconds a frame on one core, at several sizes, on frames of the first clip."""
    rows = []
    cv2.setNumThreads(1)
    mark = Watermark(1)
    some = [rgb for (rgb, _), _ in zip(read_frames(clips[0], 60), range(frames), strict=False)]
    for height, width in SPEED_SIZES:
        sized = [np.asarray(cv2.resize(rgb, (width, height))) for rgb in some]
        mark(sized[0], 0.0)
        start = time.process_time()
        for number, rgb in enumerate(sized):
            mark(rgb, number / 25)
        rows.append({"size": f"{width}x{height}", "ms a frame": 1000 * (time.process_time() - start) / len(sized)})
    return rows


def unmarked(clips: tuple[Path, ...], keys: int) -> list[Row]:
    """The surest finding in each clip that was never marked, by the public key and by random ones."""
    rows = []
    for clip in clips:
        secrets = [Key(), *(Key(os.urandom(16)) for _ in range(keys))]
        found = [find_watermark(clip, key, limit=64) for key in secrets]
        say(f"{clip.name}: {min(it.log10_p for it in found):.2f}")
        rows.append({"clip": clip.name, "keys": len(found), "surest log10 p": min(it.log10_p for it in found)})
    return rows


@click.command(help=__doc__.split("\n", 1)[0])
@click.argument("clips", nargs=-1, required=True, type=FILE)
@click.option("--seconds", default=6.0, show_default=True, help="Taken from each clip.")
@click.option("--side", type=click.IntRange(16), help="Pixels that a clip's longer side is brought down to first.")
@click.option("--unmarked", "clean", is_flag=True, help="Search in the clips as they are.")
@click.option("--keys", default=1, show_default=True, help="Random keys that each unmarked clip is searched by, too.")
@click.option("--only", default="", metavar="TEXT", help="Only what has this in its name.")
@JSON_OPTION
def main(
    clips: tuple[Path, ...], seconds: float, side: int | None, clean: bool, keys: int, only: str,
    json_file: Path | None,
) -> None:  # fmt: skip
    """Measure and print the tables."""
    if side:
        folder = Path(click.get_current_context().with_resource(TemporaryDirectory()))
        clips = tuple(smaller(clip, seconds, side, folder / f"{clip.stem}.mp4") for clip in clips)
    if clean:
        finish("Watermarks found in unmarked clips", unmarked(clips, keys), {}, json_file)
        return
    finish("Time to mark, one core", speed(clips), {"ms a frame": 1}, None)
    digits = {"weakest log10 p": 1, "PSNR, dB": 1}
    title = f"The watermark after what is done to it, {len(clips)} clips of {seconds:g} s"
    finish(title, robustness(clips, seconds, only), digits, json_file, clips=[clip.name for clip in clips])


if __name__ == "__main__":
    main()
