"""Index sets of the 478 face landmarks by name: rings in order around the region, left and right as the person's own.

Legend: J = 478 landmarks, of which the last ten are the irises (MediaPipe face mesh with attention).
"""

from __future__ import annotations

LANDMARKS = 478
MESH = 468
"""The landmarks before the irises: those of the triangle mesh."""

Indices = tuple[int, ...]

LIPS_OUTER: Indices = (
    61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
)  # fmt: skip
"""The lips' outer edge from the right corner along the lower lip and back along the upper one."""

LIPS_INNER: Indices = (
    78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
)  # fmt: skip
"""The lips' inner edge, the mouth's opening, in the same order."""

LIPS: Indices = (*LIPS_OUTER, *LIPS_INNER, 76, 77, 90, 180, 85, 16, 315, 404, 320, 307, 306, 408, 304, 303, 302, 11, 72,
                 73, 74, 184, 62, 96, 89, 179, 86, 15, 316, 403, 319, 325, 292, 407, 272, 271, 268, 12, 38, 41, 42,
                 183)  # fmt: skip
"""All landmarks on the lips: outer edge, inner edge, and two rings between them."""

MOUTH_CORNERS = (61, 291)
LIP_PAIRS = ((81, 178), (82, 87), (13, 14), (312, 317), (311, 402))
"""Upper and lower points of the mouth's opening that face each other, right to left."""

RIGHT_EYE: Indices = (33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246)
LEFT_EYE: Indices = (263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466)
"""The lids' edges from the outer corner along the lower lid and back along the upper one."""

RIGHT_LIDS: Indices = (130, 25, 110, 24, 23, 22, 26, 112, 243, 190, 56, 28, 27, 29, 30, 247)
LEFT_LIDS: Indices = (359, 255, 339, 254, 253, 252, 256, 341, 463, 414, 286, 258, 257, 259, 260, 467)
"""The ring around each eye that bounds the skin of its lids, in the same order."""

RIGHT_EYE_CORNERS, LEFT_EYE_CORNERS = (33, 133), (263, 362)
RIGHT_LID_PAIRS = ((160, 144), (159, 145), (158, 153))
LEFT_LID_PAIRS = ((387, 373), (386, 374), (385, 380))
"""Upper and lower points of each eye's opening that face each other."""

RIGHT_IRIS: Indices = (468, 469, 470, 471, 472)
LEFT_IRIS: Indices = (473, 474, 475, 476, 477)
"""Each iris: its centre, then four points of its edge."""

RIGHT_BROW: Indices = (46, 53, 52, 65, 55, 107, 66, 105, 63, 70)
LEFT_BROW: Indices = (276, 283, 282, 295, 285, 336, 296, 334, 293, 300)

NOSE: Indices = (168, 6, 197, 195, 5, 4, 1, 19, 94, 2, 98, 97, 326, 327, 48, 278)
"""Down the nose's ridge to its tip, then along the nostrils."""

OVAL: Indices = (
    10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377, 152, 148, 176, 149, 150,
    136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
)  # fmt: skip
"""The mesh's outline, from the middle of the forehead by the left side."""

JAW: Indices = OVAL[8:29]
"""The part of the outline from the left ear under the chin to the right ear."""

RIGID: Indices = (
    168, 6, 197, 195, 5, 4, 1, 19, 45, 275, 48, 278, 64, 294, 98, 327, 33, 133, 362, 263, 8, 9, 151, 10, 109, 338, 67,
    297, 54, 284, 21, 251, 162, 389, 127, 356, 234, 454, 93, 323, 116, 345, 111, 340, 117, 346, 114, 343, 188, 412,
)  # fmt: skip
"""Landmarks that the head moves and an expression hardly does: nose, eye corners, forehead, temples, cheekbones."""
