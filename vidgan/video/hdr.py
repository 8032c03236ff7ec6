"""High dynamic range and wide gamut brought down to BT.709, by the formulas of the standards, through a 3D table.

PyAV's FFmpeg has no zscale, and swscale clips at reference white; so the mapping is computed here and FFmpeg's `lut3d`
applies it.
"""

from __future__ import annotations

import tempfile
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import numpy as np
from av.filter import Graph
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from numpy.typing import NDArray

Values: TypeAlias = NDArray[np.float64]

LUT_FORMAT = "gbrp10le"
"""The pixel format that `ToneMapper` takes and gives."""

WHITE = 203.0  # nits of reference white: ITU-R BT.2408-7, section 2.2
PEAK = 1000.0  # nits of the display that most HDR video is graded on
_LUT_SIZE = 33
_TICK = Fraction(1, 1000)

# ITU-R BT.2087-0, section 4, inverted: linear BT.2020 to linear BT.709.
_TO_BT709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]])


def pq_to_nits(signal: Values) -> Values:
    """The PQ transfer function, [0, 1] to [0, 10000] cd/m2 (SMPTE ST 2084, equation 4.1)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = np.clip(signal, 0, 1) ** (1 / m2)
    return np.asarray(10000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


def nits_to_pq(nits: Values) -> Values:
    """The inverse of `pq_to_nits` (SMPTE ST 2084, equation 5.2)."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = (np.clip(nits, 0, 10000) / 10000) ** m1
    return np.asarray(((c1 + c2 * power) / (1 + c3 * power)) ** m2)


def hlg_to_nits(signal: Values) -> Values:
    """The HLG transfer of (..., 3) R'G'B' in [0, 1] to cd/m2 on a 1000-nit display (ITU-R BT.2100-2, table 5)."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    signal = np.clip(signal, 0, 1)
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)
    luminance = scene @ np.array([0.2627, 0.6780, 0.0593])
    return np.asarray(PEAK * scene * np.maximum(luminance, 1e-9)[..., None] ** 0.2)


def compress(nits: Values, peak: float = PEAK, target: float = WHITE) -> Values:
    """Bring light of up to `peak` cd/m2 under `target`, darker tones unchanged (ITU-R BT.2390-8, section 5.4.1)."""
    top = float(nits_to_pq(np.array(peak)))
    maximum = float(nits_to_pq(np.array(target))) / top
    knee = 1.5 * maximum - 0.5
    signal = np.minimum(nits_to_pq(nits) / top, 1)
    t = np.clip((signal - knee) / (1 - knee), 0, 1)
    spline = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (-2 * t**3 + 3 * t**2) * maximum
    return pq_to_nits(np.where(signal < knee, signal, spline) * top)


def to_bt709(signal: Values, transfer: str) -> Values:
    """BT.2020 R'G'B' (..., 3) in [0, 1] of transfer "pq", "hlg" or "sdr" to BT.709 R'G'B' in [0, 1].

    Light is compressed by its largest component, so hues stay; colours outside BT.709 are clipped. The result is
    encoded for a display of gamma 2.4 (ITU-R BT.1886).
    """
    if transfer == "sdr":
        light = np.clip(signal, 0, 1) ** 2.4
    else:
        nits = pq_to_nits(signal) if transfer == "pq" else hlg_to_nits(signal)
        brightest = np.maximum(nits.max(axis=-1, keepdims=True), 1e-6)
        light = nits * (compress(brightest) / brightest) / WHITE
    return np.asarray(np.clip(light @ _TO_BT709.T, 0, 1) ** (1 / 2.4))


class ToneMapper:
    """Maps frames of `LUT_FORMAT` in BT.2020 R'G'B' to BT.709."""

    def __init__(self, width: int, height: int, transfer: str) -> None:
        """Build the table for frames of one size; `transfer` is "pq", "hlg" or "sdr"."""
        self._graph = Graph()
        source = self._graph.add_buffer(width=width, height=height, format=VideoFormat(LUT_FORMAT), time_base=_TICK)
        with tempfile.TemporaryDirectory() as folder:
            cube = Path(folder) / "bt709.cube"
            cube.write_text(_cube(transfer), encoding="ascii")
            lut = self._graph.add("lut3d", file=str(cube), interp="tetrahedral")
        self._graph.link_nodes(source, lut, self._graph.add("buffersink")).configure()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Map one frame."""
        self._graph.vpush(frame)
        return self._graph.vpull()


def _cube(transfer: str) -> str:
    axis = np.linspace(0, 1, _LUT_SIZE)
    blue, green, red = np.meshgrid(axis, axis, axis, indexing="ij")  # red runs fastest in a .cube file
    table = to_bt709(np.stack([red, green, blue], axis=-1).reshape(-1, 3), transfer)
    lines = [f"{r:.6f} {g:.6f} {b:.6f}" for r, g, b in table]
    return "\n".join([f"LUT_3D_SIZE {_LUT_SIZE}", *lines, ""])
