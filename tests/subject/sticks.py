"""A coloured stick person on a textured background: pictures, mattes and the true pose, all made by code."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import torch

from tests.pose.skeletons import SHARES, figure, track_of
from vidgan.pose.body import PARTS, point
from vidgan.subject.draft import Pose
from vidgan.subject.heads import faces
from vidgan.subject.model import Subject, motion_of
from vidgan.subject.window import crop
from vidgan.video.write import ClipWriter

WIDTH, HEIGHT, TALL = 112, 128, 84.0
COLOURS = np.random.default_rng(3).integers(60, 250, (len(PARTS), 3)).tolist()


def stick_track(count=30, fps=25, size=(WIDTH, HEIGHT), tall=TALL, absent=(), phase=0.0, pts=None):
    """Arms swing, thighs open and close, the person sways; nobody is there in the frames `absent`."""
    frames = []
    for t in np.arange(count) / fps + phase:
        swing, bend = 0.9 + 0.8 * np.sin(7 * t), 0.12 * (1 + np.sin(5 * t))
        place = (size[0] / 2 + 0.05 * tall * np.sin(3 * t), size[1] - 8.0)
        frames.append(figure(tall, place, (swing, 1.6 - swing), (bend, bend), shares=SHARES))
    image = np.asarray(frames)
    image[list(absent)] = np.nan
    return track_of(image, fps, size, pts=pts)


def background(width=WIDTH, height=HEIGHT, seed=5):
    """Smooth coloured noise with a few hard edges, for features."""
    rng = np.random.default_rng(seed)
    noise = rng.integers(0, 255, (height // 8 + 1, width // 8 + 1, 3)).astype(np.uint8)
    picture = cv2.resize(noise, (width, height), interpolation=cv2.INTER_CUBIC)
    for _ in range(width * height // 500):
        x, y = int(rng.integers(width)), int(rng.integers(height))
        cv2.rectangle(picture, (x, y), (x + 5, y + 4), rng.integers(0, 255, 3).tolist(), -1)
    return picture


def paint_person(picture, landmarks, tall=TALL):
    """The picture with the person of (J, 2) landmarks on it, and the mask (H, W) 0 or 255."""
    picture, mask = picture.copy(), np.zeros(picture.shape[:2], np.uint8)
    if np.isnan(landmarks).any():
        return picture, mask
    for part, colour in zip(PARTS, COLOURS, strict=True):
        ends = [tuple(int(v) for v in np.round(point(landmarks, names) * 16 - 8)) for names in (part.start, part.end)]
        thick = max(1, round(2 * part.radius * tall))
        cv2.line(picture, *ends, colour, thick, cv2.LINE_AA, 4)
        cv2.line(mask, *ends, 255, thick, cv2.LINE_AA, 4)
    return picture, mask


def stick_frames(track, behind=None):
    """All pictures (T, H, W, 3) and masks (T, H, W)."""
    behind = background(track.width, track.height) if behind is None else behind
    pairs = [paint_person(behind, landmarks) for landmarks in track.image]
    return np.stack([rgb for rgb, _ in pairs]), np.stack([mask for _, mask in pairs])


def write_stick_clip(path: Path, track, frames):
    """The frames as a video with the track's timestamps."""
    rate = 1 / track.time_base
    with ClipWriter(path, track.width, track.height, rate, crf=6, time_base=track.time_base) as clip:
        for rgb, pts in zip(frames, track.pts, strict=True):
            clip.write(rgb, Fraction(int(pts)) * track.time_base)
    return path


def save_pose(folder: Path, track, masks=None):
    """What a pose stage leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    track.save(folder / "track.npz")
    if masks is not None:
        np.save(folder / "masks.npy", masks)
    return folder


def stick_subject(count=30, small=32, large=64, absent=()):
    """A subject in memory, without a stage: every frame with a person, at crops of `small` and `large` pixels."""
    track = stick_track(count, absent=absent)
    pictures, masks = stick_frames(track)
    frames = np.flatnonzero(track.present)
    motion = motion_of(track)[frames]

    def cut(size):
        return np.stack(
            [
                np.dstack([crop(pictures[f], w, size), crop(masks[f], w, size)])
                for f, w in zip(frames, motion.windows, strict=True)
            ]
        )

    plate = background()
    return Subject(cut(large), cut(small), plate, motion, frames, np.zeros(len(frames), np.float32), {})


def picture_of(crops):
    """(N, S, S, 3) uint8 → (N, 3, S, S) in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(crops)).movedim(-1, 1).float() / 127.5 - 1


def posed(driving, height, facing, reference, reference_height, reference_facing):
    """A `Pose` whose faces are those of its landmarks."""
    own, theirs = faces(driving, height), faces(reference, reference_height)
    return Pose(driving, height, facing, own, reference, reference_height, reference_facing, theirs)


def pose_of(subject, driving, references):
    """Driving frame `driving` from reference frames, as tensors of a batch of one."""
    points, heights = torch.from_numpy(subject.motion.points), torch.from_numpy(subject.motion.heights)
    facing = torch.from_numpy(subject.motion.facing)
    return posed(
        points[[driving]], heights[[driving]], facing[[driving]],
        points[references][None], heights[references][None], facing[references][None],
    )  # fmt: skip


def references_of(subject, indices):
    """Crops as a batch of one, (1, K, 4, s, s): colour in [-1, 1], matte in [0, 1]."""
    crops = torch.from_numpy(np.asarray(subject.crops)[indices]).movedim(-1, 1).float() / 255
    return torch.cat([crops[:, :3] * 2 - 1, crops[:, 3:]], 1)[None]
