"""What tracks of bodies and faces share: landmarks over time, kept in one file without pickles.

Legend: T frames, J landmarks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from vidgan.errors import CacheError


class Track:
    """One person's landmarks over time; the base of dataclasses whose arrays, all (T, ...), `ARRAYS` names.

    image: (T, J, 2) float32, pixels of the `width` x `height` frame, x right and y down, pixel centres at +0.5;
    present: (T,) bool, False where nobody was found and nothing was filled in (the landmarks there are NaN); pts: (T,)
    int64 in units of `time_base` seconds. `backend` names what made it; `facts` holds JSON-able notes.
    """

    ARRAYS: ClassVar[tuple[str, ...]]

    if TYPE_CHECKING:
        image: NDArray[np.float32]
        present: NDArray[np.bool_]
        pts: NDArray[np.int64]
        time_base: Fraction
        width: int
        height: int
        backend: str
        facts: dict[str, Any]

    def __len__(self) -> int:
        return len(self.pts)

    def __getitem__(self, frames: slice | NDArray[Any]) -> Self:
        """The track of the chosen frames (a slice, indices or a mask)."""
        chosen: Self = replace(self, **{name: array[frames] for name, array in self.arrays().items()})  # type: ignore[type-var]
        return chosen

    @property
    def seconds(self) -> NDArray[np.float64]:
        """The time of every frame from the first one's, (T,)."""
        return np.asarray((self.pts - self.pts[:1]) * float(self.time_base), np.float64)

    def arrays(self) -> dict[str, NDArray]:
        """The arrays by name."""
        return {name: getattr(self, name) for name in self.ARRAYS}

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
    def of(cls, data: Mapping[str, NDArray]) -> Self:
        """The track of `arrays` and `meta`."""
        meta = json.loads(str(data["meta"]))
        values: dict[str, Any] = {name: meta[name] for name in ("width", "height", "backend", "facts")}
        values |= {name: data[name] for name in cls.ARRAYS}
        return cls(**values | {"time_base": Fraction(meta["time_base"])})

    @classmethod
    def load(cls, path: Path) -> Self:
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
