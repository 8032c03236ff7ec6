"""Takes made by code: a square on grey that is drafted too dark, with the neutral face about it."""

from __future__ import annotations

import numpy as np

from vidgan.face.head import neutral_mesh
from vidgan.face.regions import LANDMARKS
from vidgan.subject.takes import Takes, TakesWriter

SIZE = 32


def filmed(index):
    """The `index`-th picture: the square goes to the right."""
    picture = np.full((SIZE, SIZE, 3), 120, np.uint8)
    picture[12:20, 6 + index % 12 : 14 + index % 12] = (220, 180, 90)
    return picture


def write_takes(folder, frames=20, ways=2, held=4):
    """Two ways of drafting `frames` pictures, the last `held` held out; the matte is the window's inner half."""
    writer = TakesWriter(folder, ways * frames, frames, SIZE)
    matte = np.zeros((SIZE, SIZE), np.uint8)
    matte[8:24, 4:28] = 255
    points = np.zeros((LANDMARKS, 2), np.float32)
    points[: len(neutral_mesh())] = 0.3 * neutral_mesh()[:, :2]
    for index in range(frames):
        picture = filmed(index)
        writer.film(index, picture, matte, points + 0.5 + 0.002 * index, 0.8)
        for way in range(ways):
            use = "train" if index < frames - held else "apart" if way else "held"
            dark = (picture.astype(int) * (3 - way) // 4).astype(np.uint8)
            writer.draft(way * frames + index, dark, index, way, index, use)
    writer.close()
    return Takes.load(folder)
