"""The visible label: that a picture was made by a machine, in a corner of it, for everybody to read.

The form is that of the European code of practice on marking and labelling AI-generated content (10 June 2026, section
2): the letters AI as a sign, with a word beside it that says what was done. The drawing is our own. The font is DejaVu
Sans as matplotlib brings it: Pillow's own has no accents.

Legend: H, W pixels of a frame, h, w of the label.
"""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from unicodedata import bidirectional

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from vidgan.errors import DependencyError

LABEL = "AI generated"
_SHARE = 0.05  # of the frame's shorter side, the label's height
_SMALLEST = 12
_PROBE = 40
_NOWHERE = "\U0010ffff"  # a character that no font has
_INK, _GROUND, _OPACITY = (255, 255, 255), (0, 0, 0), 0.6


def draw_label(rgb: NDArray[np.uint8], text: str) -> NDArray[np.uint8]:
    """A copy of a frame (H, W, 3) with the label in its upper left corner; the first word stands in a frame."""
    height, width = rgb.shape[:2]
    size = max(_SMALLEST, round(_SHARE * min(height, width)))
    colour, alpha = _picture(text, size)
    edge = size // 2
    bottom, right = min(height, edge + colour.shape[0]), min(width, edge + colour.shape[1])
    labelled = rgb.copy()
    under = labelled[edge:bottom, edge:right]
    alpha, colour = alpha[: bottom - edge, : right - edge], colour[: bottom - edge, : right - edge]
    under[:] = np.rint(under * (1 - alpha) + colour * alpha)
    return labelled


def unwritable(text: str) -> str:
    """The characters of a label that cannot be drawn, each once: the font has no picture for them, or they run from
    right to left, for which not every Pillow is made.

    Raises:
        DependencyError: there is no font.
    """
    if not text:
        return ""
    font = _font(_PROBE)
    box = bytes(font.getmask(_NOWHERE))

    def drawn(it: str) -> bool:
        return it.isprintable() and bidirectional(it) not in ("R", "AL") and bytes(font.getmask(it)) != box

    return "".join(it for it in dict.fromkeys(text) if not drawn(it))


def _font(size: int) -> ImageFont.FreeTypeFont:
    """The label's font, found without importing its package, which takes long."""
    spec = find_spec("matplotlib")
    try:
        if spec is None or spec.origin is None:
            raise FileNotFoundError
        return ImageFont.truetype(Path(spec.origin).parent / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf", size)
    except OSError as error:
        raise DependencyError(
            "the label's font comes with matplotlib, and is missing: pip install matplotlib"
        ) from error


@lru_cache(maxsize=4)
def _picture(text: str, size: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The label's colour (h, w, 3), 0 to 255, and how much of it covers the frame (h, w, 1)."""
    font = _font(round(0.56 * size))
    sign, _, rest = text.partition(" ")
    gap, line = max(2, size // 4), max(1, size // 16)
    sign_width, rest_width = (round(font.getlength(part)) for part in (sign, rest))
    boxed = sign_width + 2 * gap
    width = boxed + (rest_width + 2 * gap if rest else 0)
    ink = Image.new("L", (width, size), 0)
    draw = ImageDraw.Draw(ink)
    draw.rounded_rectangle((line, line, boxed - line - 1, size - line - 1), size // 5, outline=255, width=line)
    draw.text((gap, size / 2), sign, 255, font, anchor="lm")
    draw.text((boxed + gap, size / 2), rest, 255, font, anchor="lm")
    shape = Image.new("L", (width, size), 0)
    ImageDraw.Draw(shape).rounded_rectangle((0, 0, width - 1, size - 1), size // 5, fill=255)
    drawn, ground = (np.asarray(it, np.float32)[..., None] / 255 for it in (ink, shape))
    alpha = np.maximum(drawn, _OPACITY * ground)
    colour = np.array(_GROUND) + (np.array(_INK) - np.array(_GROUND)) * drawn / np.maximum(alpha, 1e-3)
    return np.clip(colour, 0, 255).astype(np.float32), alpha
