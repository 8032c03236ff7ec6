"""Contact sheets: rows of pictures with titles, for reports and for looking."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.video.output import output_error

Image = NDArray[np.uint8]

_GAP = 4
_TITLE = 24
_BACKGROUND, _INK = 24, (235, 235, 235)


def contact_sheet(
    rows: Sequence[Sequence[Image]], titles: Sequence[str] | Sequence[Sequence[str]] = (), cell_height: int = 256
) -> Image:
    """Lay out pictures in rows.

    Args:
        rows: the pictures, (H, W, 3) or (H, W) uint8 of any sizes; rows may differ in length.
        titles: one a column, written above the first row; or one sequence a row, written above each.
        cell_height: the height every picture is scaled to, in pixels, its aspect kept.

    Returns:
        The sheet, (H, W, 3) uint8.

    Raises:
        ValueError: there is no picture.
    """
    cells = [[_cell(image, cell_height) for image in row] for row in rows]
    columns = max((len(row) for row in cells), default=0)
    if columns == 0:
        raise ValueError("a contact sheet needs a picture")
    widths = [max(row[c].shape[1] for row in cells if c < len(row)) for c in range(columns)]
    headings = _headings(titles, len(cells))
    bands = []
    for row, heading in zip(cells, headings, strict=True):
        if heading:
            bands.append(_title_band(heading, widths))
        bands.append(_band(row, widths, cell_height))
    return np.concatenate(bands, axis=0)


def save_png(image: Image, path: Path) -> None:
    """Write an (H, W, 3) RGB or (H, W) grey uint8 picture as PNG.

    Raises:
        OutputError: the file cannot be written.
    """
    bgr = image if image.ndim == 2 else np.ascontiguousarray(image[..., ::-1])
    _, data = cv2.imencode(".png", bgr)
    try:
        path.write_bytes(data.tobytes())
    except OSError as error:
        raise output_error(path, error) from error


def _headings(titles: Sequence[str] | Sequence[Sequence[str]], rows: int) -> list[list[str]]:
    if not titles or isinstance(titles[0], str):
        return [[str(title) for title in titles]] + [[] for _ in range(rows - 1)]
    headings = [list(row) for row in titles]
    return headings + [[] for _ in range(rows - len(headings))]


def _cell(image: Image, height: int) -> Image:
    if image.ndim == 2:
        image = np.repeat(image[..., None], 3, axis=2)
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    shrinks = height < image.shape[0]
    resized = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)
    return np.asarray(resized, dtype=np.uint8)


def _band(row: Sequence[Image], widths: Sequence[int], height: int) -> Image:
    band = _blank(height + _GAP, widths)
    x = _GAP
    for cell, width in zip(row, widths, strict=False):
        band[:height, x : x + cell.shape[1]] = cell
        x += width + _GAP
    return band


def _title_band(titles: Sequence[str], widths: Sequence[int]) -> Image:
    band = _blank(_TITLE, widths)
    x = _GAP
    for title, width in zip(titles, widths, strict=False):
        (needed, _), _ = cv2.getTextSize(title, cv2.FONT_HERSHEY_SIMPLEX, 0.5, 1)
        scale = min(0.5, 0.5 * width / max(1, needed))
        cv2.putText(band, title, (x, _TITLE - 8), cv2.FONT_HERSHEY_SIMPLEX, scale, _INK, 1, cv2.LINE_AA)
        x += width + _GAP
    return band


def _blank(height: int, widths: Sequence[int]) -> Image:
    return np.full((height, sum(widths) + _GAP * (len(widths) + 1), 3), _BACKGROUND, np.uint8)
