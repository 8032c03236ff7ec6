"""vidgan: the person of one video performs the motion of another."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vidgan.api import Result, dub, reanimate, transfer

__version__ = "0.1.0"
__all__ = ["Result", "__version__", "dub", "reanimate", "transfer"]


def __getattr__(name: str) -> Any:
    """Import the API when it is used, so that `import vidgan` stays light."""
    if name in ("Result", "dub", "reanimate", "transfer"):
        return getattr(import_module("vidgan.api"), name)
    raise AttributeError(f"module 'vidgan' has no attribute {name!r}")
