"""A face track: one person's face mesh over time, the form in which every later step takes a face.

Legend: T frames, J = 478 landmarks (`vidgan.face.regions`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import CacheError

_FIELDS = ("image", "depth", "present", "pts")


@dataclass(frozen=True)
class FaceTrack:
    """One face's landmarks over time.

    image: (T, J, 2) float32, pixels of the `width` x `height` frame, x right and y down, pixel centres at +0.5;
    depth: (T, J) float32, pixels away from the camera about the head's middle; present: (T,) bool, False where no face
    was found and none was filled in (the landmarks there are NaN); pts: (T,) int64 in units of `time_base` seconds.
    `backend` names what made it; `facts` holds JSON-able notes (gaps filled, ...).
    """

    image: NDArray[np.float32]
    depth: NDArray[np.float32]
    present: NDArray[np.bool_]
    pts: NDArray[np.int64]
    time_base: Fraction
    width: int
    height: int
    backend: str
    facts: dict[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.pts)

    def __getitem__(self, frames: slice | NDArray[Any]) -> FaceTrack:
        """The track of the chosen frames (a slice, indices or a mask)."""
        return replace(self, **{name: getattr(self, name)[frames] for name in _FIELDS})

    @property
    def points(self) -> NDArray[np.float32]:
        """Image and depth as one: (T, J, 3) pixels."""
        return np.concatenate([self.image, self.depth[..., None]], -1)

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The time of every frame from the first one's, (T,)."""
        return np.asarray((self.pts - self.pts[:1]) * float(self.time_base), np.float64)

    def arrays(self) -> dict[str, NDArray]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in _FIELDS}

    def meta(self) -> NDArray:
        """All that is no array, as JSON."""
        meta = {
            "time_base": str(self.time_base), "width": self.width, "height": self.height,
            "backend": self.backend, "facts": self.facts,
        }  # fmt: skip
        return np.array(json.dumps(meta))

    def save(self, path: Path) -> None:
        """Write the track as an uncompressed npz without pickles."""
        np.savez(path, meta=self.meta(), **self.arrays())

    @classmethod
    def of(cls, data: Mapping[str, NDArray]) -> FaceTrack:
        """The track of `arrays` and `meta`."""
        meta = json.loads(str(data["meta"]))
        return cls(
            **{name: data[name] for name in _FIELDS},
            time_base=Fraction(meta["time_base"]), width=meta["width"], height=meta["height"],
            backend=meta["backend"], facts=meta["facts"],
        )  # fmt: skip

    @classmethod
    def load(cls, path: Path) -> FaceTrack:
        """Read a track written by `save`.

        Raises:
            CacheError: it is damaged.
        """
        try:
            with np.load(path, allow_pickle=False) as data:
                return cls.of(data)
        except Exception as error:  # a damaged zip fails in any way
            raise CacheError(
                f"{path} is damaged ({type(error).__name__}): remove {path.parent} and run again"
            ) from error
