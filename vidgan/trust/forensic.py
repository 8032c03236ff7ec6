"""Whether a video looks made by vidgan: patches of consecutive frames, judged by a small network.

Legend: H, W pixels of a frame, T = 3 consecutive frames, K patches of a bag, S pixels of a patch's side, J landmarks.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file

from vidgan.face.backend import FaceConfig, MeshBackend
from vidgan.face.follow import FaceFollower
from vidgan.face.regions import LIPS_OUTER
from vidgan.nets.forensic import FACE, GROUND, TraceDetector, there
from vidgan.resources import shipped_detector
from vidgan.video.read import ClipReader

FRAMES, SIDE = 3, 64
BAG = (GROUND + FACE, FRAMES, SIDE, SIDE)
"""K, T, S, S: what is looked at of one moment."""
_GRID = 8
"""Patches begin at its multiples, so that a codec's blocks lie in all of them alike."""

MOMENTS = 16
SECONDS = 20
"""Of a video are looked at, from its beginning."""
MADE = 0.95
"""The score from which a video looks made; below it nothing is said, since much that is made scores as low as what is
real. It is so high since the calibration lets the real footage that it was fitted on reach 0.7; by one fitted on the
other people a film of a body passed it.
"""

LEAST_FILMED = 3 * SIDE
"""Pixels of the shorter side from which a video is judged as a film. Between those and the clips of one patch, which
`generate` makes, patches overlap, and real films that were made so small scored as generated clips do.
"""
LEAST_FACED = 2 * SIDE
"""Pixels of the shorter side from which a face is looked for."""
NEAR = 1 / 7
"""The share of the shorter side from which a face is what is filmed; a smaller one is a body's, which is judged whole.
The faces of bodies that were measured are up to 0.12 wide, those of films of faces 0.16 and more.
"""
_BROW, _TOP, _CHEEK, _CHIN = 168, 10, 205, 152

Luma = NDArray[np.uint8]


@dataclass(frozen=True)
class Judgement:
    """`score` in [0, 1], the more the more made a video looks, to three digits, so that what is shown never contradicts
    what is said; None when it was not judged, for the reason `why`.
    """

    score: float | None
    why: str = ""

    @property
    def sentence(self) -> str:
        """What it says, in plain words."""
        if self.score is None:
            return f"not judged: {self.why}"
        return "looks made by vidgan or alike" if self.score >= MADE else "cannot be told"


def judge(video: Path, network: TraceDetector | None = None) -> Judgement:
    """Judge the first `SECONDS` of a video, by the shipped detector where no other `network` is given. A finding is no
    mark and no proof: its error rates are in docs/trust.md, and it knows nothing of other generators.

    Raises:
        MediaError: the video cannot be read.
        DependencyError: this installation has no detector, or MediaPipe is not installed.
    """
    with ClipReader(video) as clip:
        shorter, longer = sorted((clip.width, clip.height))
        if shorter < SIDE:
            return Judgement(None, f"the pictures are smaller than {SIDE}x{SIDE}")
        if longer >= SIDE + _GRID and shorter < LEAST_FILMED:
            return Judgement(None, f"of pictures between {SIDE} and {LEAST_FILMED} pixels nothing was learnt")
        with MeshBackend(FaceConfig()) as backend:
            found = bags(_begin(clip), MOMENTS, FaceFollower(backend))
    if not found:
        return Judgement(None, f"there are fewer than {FRAMES} frames")
    network = network or load_detector()
    with torch.inference_mode():
        statistics = torch.cat([network.statistics(torch.from_numpy(bag[None])) for bag in found])
        seen = statistics[there(statistics).any(1)]
        if not len(seen):
            return Judgement(None, "the pictures are too dark")
        return Judgement(round(float(network.likelihood(network.judge(seen))), 3))


def load_detector() -> TraceDetector:
    """The shipped detector. Raises DependencyError when this installation has none."""
    network = TraceDetector()
    network.load_state_dict(load_file(shipped_detector()))
    return network.eval().requires_grad_(False)


def _begin(clip: ClipReader) -> Iterator[NDArray[np.uint8]]:
    start = None
    for frame in clip:
        start = frame.time if start is None else start
        if frame.time - start >= SECONDS:
            return
        yield frame.rgb


def bags(frames: Iterable[NDArray[np.uint8]], most: int, follower: FaceFollower, least: float = NEAR) -> list[Luma]:
    """Bags (K, T, S, S) of moments spread over a video, `most / 2` to `most` of them, fewer where frames are fewer.

    Every moment is taken until there are too many; then every second of them is dropped and the steps are doubled. So
    the length need not be known, and only patches are kept. Frames are (H, W, 3) RGB, H and W at least S. Faces count
    from the share `least` of the shorter side.
    """
    kept: list[Luma] = []
    step = 1
    before: list[NDArray[np.uint8]] = []
    for number, rgb in enumerate(frames):
        before = [*before[-(FRAMES - 1) :], rgb]
        if number < FRAMES - 1 or (number - FRAMES + 1) % step:
            continue
        seen = np.stack([luma(one) for one in before])
        face = face_patches(seen, before, follower, number - FRAMES + 1, least)
        kept.append(np.concatenate([telling(seen), face]))
        if len(kept) > most:
            kept, step = kept[::2], 2 * step
    return kept


def face_patches(
    frames: Luma, moment: list[NDArray[np.uint8]], follower: FaceFollower, begin: int, least: float = NEAR
) -> Luma:
    """Patches (FACE, T, S, S) at the face of frames (T, H, W): hair, brow, cheek, mouth, chin and collar, each where it
    is in its frame, so that nothing moves in them but what the face does. Black where no face is as wide as a patch and
    as the share `least` of the shorter side.

    The frames are the video's from the `begin`-th on; a frame counts as a second, since a face may have gone anywhere
    from one moment to the next.
    """
    found = np.zeros((FACE, len(frames), SIDE, SIDE), np.uint8)
    if min(frames.shape[1:]) < LEAST_FACED:
        return found
    narrowest = max(SIDE, least * min(frames.shape[1:]))
    for number, (rgb, frame) in enumerate(zip(moment, frames, strict=True)):
        face = follower.detect(rgb, begin + number, float(begin + number))
        if face is None or np.ptp(face.image[:, 0]) < narrowest:
            return np.zeros_like(found)
        for slot, (x, y) in enumerate(face_places(face.image)):
            top = int(np.clip(round(y - SIDE / 2), 0, frame.shape[0] - SIDE))
            left = int(np.clip(round(x - SIDE / 2), 0, frame.shape[1] - SIDE))
            found[slot, number] = frame[top : top + SIDE, left : left + SIDE]
    return found


def face_places(landmarks: NDArray[np.float32]) -> NDArray[np.float32]:
    """The middles (FACE, 2) of the patches of a face of landmarks (J, 2), in pixels."""
    top, brow, cheek, chin = (landmarks[index] for index in (_TOP, _BROW, _CHEEK, _CHIN))
    down = chin - brow
    return np.stack([top - 0.3 * down, brow, cheek, landmarks[list(LIPS_OUTER)].mean(0), chin, chin + 0.5 * down])


def luma(rgb: NDArray[np.uint8]) -> Luma:
    """BT.709 luma (H, W), full range."""
    return np.asarray(cv2.transform(rgb, np.array([[0.2126, 0.7152, 0.0722]])))


def telling(frames: Luma) -> Luma:
    """Patches (GROUND, T, S, S) of frames (T, H, W), apart from each other: half of them those that change most, where
    the person moves, half those of the middle rank, mostly ground, which is frozen in much that is made. Where there is
    no room for more, the first again.
    """
    total = _change(cv2.absdiff(frames[0], frames[-1]))
    found: list[tuple[int, int]] = []
    for number in range(GROUND):
        free = np.flatnonzero(total >= 0)
        if not len(free):
            break
        ranked = free[np.argsort(total.flat[free], kind="stable")]
        row, column = divmod(int(ranked[-1 if number < GROUND // 2 else len(ranked) // 2]), total.shape[1])
        found.append((_GRID * row, _GRID * column))
        near = SIDE // _GRID - 1
        total[max(0, row - near) : row + near + 1, max(0, column - near) : column + near + 1] = -1
    found += [found[0]] * (GROUND - len(found))
    return np.stack([frames[:, top : top + SIDE, left : left + SIDE] for top, left in found])


def _change(change: Luma) -> NDArray[np.float64]:
    """The sum of a picture (H, W) over the patch that begins at each point of the grid."""
    sums = cv2.integral(change, sdepth=cv2.CV_64F)[::_GRID, ::_GRID]  # 32 bits overflow where 9 megapixels flash
    wide = SIDE // _GRID
    return sums[wide:, wide:] - sums[:-wide, wide:] - sums[wide:, :-wide] + sums[:-wide, :-wide]
