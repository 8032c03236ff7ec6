"""What the pages share: how a template becomes a page, their common style, an embedded picture."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from numpy.typing import NDArray

from vidgan.report.run_pictures import png_uri

STYLE = "base.css"


@dataclass(frozen=True)
class Shown:
    """One embedded picture with its words."""

    uri: str
    text: str
    width: int
    height: int

    @classmethod
    def of(cls, picture: NDArray[np.uint8], text: str, embed: Callable[[NDArray[np.uint8]], str] = png_uri) -> Shown:
        """Embed a picture (H, W, 3); `embed` makes its data URI, without loss unless told otherwise."""
        return cls(embed(picture), text, picture.shape[1], picture.shape[0])


def render(template: str, filters: Mapping[str, Any], **values: Any) -> str:
    """The page; everything that came from outside is escaped, and no script or outside address is in it."""
    environment = Environment(
        loader=PackageLoader("vidgan.report", ""), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= filters
    style = resources.files(__package__).joinpath(STYLE).read_text(encoding="utf-8")
    return environment.get_template(template).render(base_style=Markup(style), **values)
