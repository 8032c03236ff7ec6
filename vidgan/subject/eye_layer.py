"""The eyes of an animated picture: balls that look where they should, under lids that cover them.

Legend: T frames, J = 478 landmarks, (h, w) pixels.
"""

from __future__ import annotations

from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

from vidgan.face.head import to_head
from vidgan.face.mesh import polygon
from vidgan.face.mouths import colour_gain
from vidgan.face.transfer import Driven, gaze_of
from vidgan.subject.eyes import Eyeball
from vidgan.subject.places import Window, area, box, brought, grid, similarity
from vidgan.subject.portrait import EYES, Portrait

Array = NDArray[np.float32]

BEYOND = 1.1
"""Times an eye's opening: what shut lids hide, white beside the landmarks too."""

SHADE, SHADED = 0.4, 0.06
"""Share of its light that an eye loses beside its lids, and over how many of its widths: a ball under lids is not lit
as a plane, and what of its white was hidden has no shade of its own."""

LASHES, SLIT = 0.65, (0.15, 0.5)
"""Light of the line between shut lids, over that of their skin, and the shares of its open area at which an eye is shut
and at which nothing of that line is seen."""

STRETCH = (1.0, 2.0)
"""Times their area in the picture over which lids lose their grain when an eye shuts."""


class EyeLayer:
    """Draws eyes into the `window` of a portrait animated as `driven`; rest: see `FacePainter`."""

    def __init__(self, portrait: Portrait, rest: Portrait, driven: Driven, window: Window) -> None:
        self.portrait, self.rest, self.driven, self.window = portrait, rest, driven, window

    def draw(self, canvas: Array, index: int) -> None:
        """Draw both into the warped window (h, w, 3), in the `index`-th frame."""
        for (ring, around, corners, _), ball in zip(EYES, self.rest.eyeballs, strict=True):
            if ball is not None:
                self._eye(canvas, index, ball, list(ring), list(around), list(corners))

    @cached_property
    def _light(self) -> Array:
        """Factors (3,) from the light of the picture at rest to this picture's."""
        return np.ones(3, np.float32) if self.rest is self.portrait else colour_gain(self.portrait.skin, self.rest.skin)

    @cached_property
    def _aside(self) -> NDArray[np.float64]:
        """How far the irises of the picture are from those of the picture at rest, in eye widths: (2,)."""
        there, here = (gaze_of(to_head(one.points[None], one.pose))[0] for one in (self.rest, self.portrait))
        return here - there

    def _eye(
        self, canvas: Array, index: int, ball: Eyeball, ring: list[int], around: list[int], corners: list[int]
    ) -> None:
        points, home = self.driven.points[index, :, :2], self.rest.points[:, :2]
        matrix = similarity(points[corners], home[corners])
        place, was = points[ring], brought(self.portrait.points[:, :2], points, corners)[ring]
        middle = was.mean(0)
        soft = 0.012 * float(self.driven.pose.scale[index])
        margin = 3 + round(6 * soft)
        found = box(np.concatenate([place, points[around], middle + BEYOND * (was - middle)]), margin, self.window)
        if found is None:
            return
        left, top, right, bottom = found
        size, corner = (bottom - top, right - left), np.array([left, top])
        where = (grid(size) + corner) @ matrix[:, :2].T + matrix[:, 2]
        x, y = self.window[:2]
        view = canvas[top - y : bottom - y, left - x : right - x]
        part = area(place) / max(area(was), 1.0)
        across = max(float(np.linalg.norm(points[corners[0]] - points[corners[1]])), 1e-3)
        inside = polygon(place - corner, size, min(soft, 0.3 * area(place) / across))[..., None]
        # Skin beside the lashes stretches over the shut eye: its grain is lost, and what is no skin is replaced.
        lid = np.maximum(
            polygon(middle + BEYOND * (was - middle) - corner, size, 2 * soft),
            polygon(points[around] - corner, size, 2 * soft),
        )[..., None]
        shut = 1 - float(np.clip((part - SLIT[0]) / (SLIT[1] - SLIT[0]), 0, 1))
        rim = np.minimum(inside, 1 - inside) * (1 - shut)  # left to the lashes; shut lids have none but their line
        lid = lid * (1 - inside - rim) * np.clip(2 * (1 - part) - 0.3, 0, 1)
        skin, plain = ball.lids(where) * self._light, cv2.GaussianBlur(view, (0, 0), 3 * soft + 0.1)
        other = np.abs(plain.mean(-1, keepdims=True) / np.maximum(skin.mean(-1, keepdims=True), 1) - 1)
        beside = 4 * polygon(place - corner, size, 3 * soft)[..., None]  # white that the landmarks leave out
        other = np.clip(np.maximum((other - 0.12) / 0.12, beside), 0, 1)
        home_lids = area(home[around]) - area(home[ring])
        lids = (area(points[around]) - area(place)) * abs(float(np.linalg.det(matrix[:, :2])))
        stretched = np.clip((lids / max(home_lids, 1.0) - STRETCH[0]) / (STRETCH[1] - STRETCH[0]), 0, 1)
        grain = view + stretched * (plain - view)
        view += lid * (grain + other * (skin - grain) - view)
        # The lids' rims come with the skin: lashes and shade stay with them, and shut lids show no edge.
        cover = inside - rim
        width = float(np.linalg.norm(home[corners[0]] - home[corners[1]]))
        gaze = self.driven.gaze[index]
        shift = (gaze + self._aside) * width
        lit = np.clip(2 * polygon(place - corner, size, SHADED * across)[..., None] - 1, 0, 1)
        pulled = ball.look(where, shift) * (1 - SHADE * (1 - lit)) * self._light
        pulled += shut * (np.minimum(view, LASHES * skin) - pulled)
        # An eye that does nothing is left as it is, to the lashes.
        moved = np.linalg.norm((place - was) @ matrix[:, :2].T, axis=1).max() / width
        share = np.clip(25 * (moved + np.hypot(*gaze)) - 0.3, 0, 1)
        view += share * cover * (pulled - view)
