"""Clips made from code whose frames tell their number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from tests.video.clips import write_clip
from vidgan.clips.config import ClipConfig
from vidgan.clips.prepare import prepare_clips
from vidgan.progress import Silent


def plain_frame(number, height=16, width=16):
    """A frame (H, W, 3) of one colour: red is 10 times the number, so that frames can be told apart."""
    frame = np.zeros((height, width, 3), np.uint8)
    frame[:] = (10 * number, 100, 200 - 5 * number)
    return frame


def plain_frames(count, height=16, width=16, first=0):
    return [plain_frame(first + k, height, width) for k in range(count)]


def numbers(frames):
    """The numbers of frames that `plain_frame` made, also after compression."""
    return [round(float(frame[..., 0].mean()) / 10) for frame in frames]


def strip(path: Path, frames, vertical=False, mode="RGB"):
    """Write frames side by side as one picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.concatenate(list(frames), axis=0 if vertical else 1)).convert(mode).save(path)
    return path


def frame_folder(folder: Path, frames, name="{:04d}.png"):
    folder.mkdir(parents=True, exist_ok=True)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(folder / name.format(number))
    return folder


def video(path: Path, frames, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, frames, **{"pix_fmt": "yuv444p", "options": {"crf": "1"}} | options)


def prepared(source: Path, folder: Path, progress=None, **settings):
    """Prepare with small settings."""
    config = ClipConfig(**{"size": 16, "frames": 4} | settings)
    return prepare_clips(source, config, folder, progress or Silent())
