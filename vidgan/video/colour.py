"""Which colours the numbers of a frame mean, and the way from them to BT.709 full-range RGB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Colorspace

# ITU-T H.273: MatrixCoefficients (table 4), TransferCharacteristics (table 3), ColourPrimaries (table 2).
_UNSPECIFIED = (0, 2)  # 0 is RGB as a matrix, which YUV frames cannot mean, and reserved elsewhere
_MATRICES = {1: "bt709", 4: "fcc", 5: "bt601", 6: "bt601", 7: "smpte240m", 9: "bt2020", 10: "bt2020"}
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


@dataclass(frozen=True)
class Tags:
    """Code points of ITU-T H.273, as a container or a frame gives them."""

    matrix: int
    range: int
    primaries: int
    transfer: int

    @classmethod
    def of(cls, source: VideoCodecContext | VideoFrame) -> Self:
        """The tags of a frame, or of a stream as long as nothing was decoded: decoders overwrite them."""
        return cls(int(source.colorspace), int(source.color_range), int(source.color_primaries), int(source.color_trc))

    def or_else(self, other: Tags) -> Tags:
        """These tags, and the `other` ones where they say nothing."""
        return Tags(
            other.matrix if self.matrix in _UNSPECIFIED else self.matrix,
            self.range or other.range,
            other.primaries if self.primaries in _UNSPECIFIED else self.primaries,
            other.transfer if self.transfer in _UNSPECIFIED else self.transfer,
        )


def colour_of(frame: VideoFrame, container: Tags) -> Colour:
    """The colour of a decoded frame, by its tags or else its container's; without any, by the habit of players.

    Untagged video is BT.709 from 1280 wide or more than 576 lines up, BT.601 below (as mpv and VLC do), limited range.
    """
    name = frame.format.name
    tags = Tags.of(frame).or_else(container)  # ProRes often says its colours in the container alone
    if frame.format.is_rgb or name == "pal8":
        matrix, full_range = "rgb", True
    else:
        large = frame.width >= 1280 or frame.height > 576
        matrix = _MATRICES.get(tags.matrix, "bt709" if large else "bt601")
        full_range = tags.range == _FULL_RANGE or name.startswith("yuvj")
    return Colour(
        matrix=matrix,
        full_range=full_range,
        transfer=_TRANSFERS.get(tags.transfer, "sdr"),
        wide_gamut=tags.primaries == _BT2020_PRIMARIES,
    )
