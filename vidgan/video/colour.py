"""Which colours the numbers of a frame mean, and the way from them to BT.709 full-range RGB."""

from __future__ import annotations

from dataclasses import dataclass

from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

# ITU-T H.273: MatrixCoefficients (table 4), TransferCharacteristics (table 3), ColourPrimaries (table 2).
_MATRICES = {0: "rgb", 1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
_TRANSFERS = {16: "pq", 18: "hlg"}
_BT2020_PRIMARIES = 9
_FULL_RANGE = 2

SWS_MATRICES = {
    "bt601": Colorspace.ITU601,
    "bt709": Colorspace.ITU709,
    "bt2020": Colorspace.BT2020,
    "fcc": Colorspace.FCC,
    "smpte240m": Colorspace.SMPTE240M,
}


@dataclass(frozen=True)
class Colour:
    """The meaning of a stream's samples: the matrix to RGB, the range, the transfer ("sdr", "pq", "hlg"), the gamut."""

    matrix: str
    full_range: bool
    transfer: str
    wide_gamut: bool

    @property
    def hdr(self) -> bool:
        """Whether the light levels go beyond a standard display's."""
        return self.transfer != "sdr"

    @property
    def sws_matrix(self) -> Colorspace | None:
        """The matrix in the scaler's terms; None for RGB."""
        return SWS_MATRICES.get(self.matrix)

    @property
    def sws_range(self) -> ColorRange:
        """The range in the scaler's terms."""
        return ColorRange.JPEG if self.full_range else ColorRange.MPEG


def colour_of(frame: VideoFrame) -> Colour:
    """The colour of a decoded frame, by its tags; where they are missing, by the habit of players.

    Untagged video is BT.709 from 1280 wide or more than 576 lines up, BT.601 below (as mpv and VLC do), limited range.
    """
    name = frame.format.name
    if frame.format.is_rgb or name == "pal8":
        matrix, full_range = "rgb", True
    else:
        large = frame.width >= 1280 or frame.height > 576
        matrix = _MATRICES.get(int(frame.colorspace), "bt709" if large else "bt601")
        matrix = "bt709" if matrix == "rgb" else matrix
        full_range = int(frame.color_range) == _FULL_RANGE or name.startswith("yuvj")
    return Colour(
        matrix=matrix,
        full_range=full_range,
        transfer=_TRANSFERS.get(int(frame.color_trc), "sdr"),
        wide_gamut=int(frame.color_primaries) == _BT2020_PRIMARIES,
    )
