"""Settings: frozen pydantic models that refuse unknown keys."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Config(BaseModel):
    """The base of every settings model."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def runtime(default: Any, **kwargs: Any) -> Any:
    """A setting that changes how a stage runs but not its result (workers, batch at render): left out of the key."""
    return Field(default, json_schema_extra={"role": "runtime"}, **kwargs)


def extends(default: Any, **kwargs: Any) -> Any:
    """A setting by which a finished stage may be carried on (a training budget): in the key, not in the family key."""
    return Field(default, json_schema_extra={"role": "extends"}, **kwargs)
