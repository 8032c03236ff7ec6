"""Settings: frozen pydantic models that refuse unknown keys, read from YAML files with `base:` and `key=value`s."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, TypeVar

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails, to_jsonable_python

from vidgan.errors import ConfigError


class Config(BaseModel):
    """The base of every settings model."""

    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


ConfigT = TypeVar("ConfigT", bound=Config)


def runtime(default: Any, **kwargs: Any) -> Any:
    """A setting that changes how a stage runs but not its result (workers, batch at render): left out of the key."""
    return Field(default, json_schema_extra={"role": "runtime"}, **kwargs)


def extends(default: Any, **kwargs: Any) -> Any:
    """A setting by which a finished stage may be carried on (a training budget): in the key, not in the family key."""
    return Field(default, json_schema_extra={"role": "extends"}, **kwargs)


_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_duration(value: Any) -> Any:
    """Seconds from `30`, `"30s"`, `"5m"`, `"1.5h"`; other types are left to pydantic."""
    if not isinstance(value, str):
        return value
    match = re.fullmatch(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([smh]?)\s*", value)
    if not match:
        raise ValueError("should be a time such as 30s, 5m or 1.5h")
    return float(match[1]) * _UNITS[match[2]]


Duration = Annotated[float, BeforeValidator(parse_duration), Field(ge=0, allow_inf_nan=False)]
"""A time in seconds, written as `30`, `30s`, `5m` or `1.5h`."""


# --- What of the settings goes into a key ---------------------------------------------------------------------------


def key_fields(config: Config, digest: Callable[[Path], str] | None = None) -> dict[str, Any]:
    """The settings that decide a stage's result, JSON-able: all but those marked `runtime`, at any depth.

    A setting that is a path stands for the content of its file or folder when `digest` is given.
    """
    return _fields(config, {"runtime"}, digest)


def family_fields(config: Config, digest: Callable[[Path], str] | None = None) -> dict[str, Any]:
    """As `key_fields`, without those marked `extends`: equal for runs of which one can carry on the other."""
    return _fields(config, {"runtime", "extends"}, digest)


def _fields(config: Config, dropped: set[str], digest: Callable[[Path], str] | None) -> dict[str, Any]:
    def jsonable(value: Any) -> Any:
        if isinstance(value, Config):
            return _fields(value, dropped, digest)
        if isinstance(value, Mapping):
            return {str(key): jsonable(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [jsonable(item) for item in value]
        if isinstance(value, Path) and digest and value.exists():
            return f"sha256:{digest(value)}"
        return to_jsonable_python(value, fallback=str)

    names = (name for name, info in type(config).model_fields.items() if _role(info.json_schema_extra) not in dropped)
    return {name: jsonable(getattr(config, name)) for name in names}


def _role(extra: Any) -> str | None:
    return extra.get("role") if isinstance(extra, dict) else None


# --- Reading them ---------------------------------------------------------------------------------------------------


@dataclass
class Layer:
    """Settings as given by the user, and where each dotted key was written ("draft.yaml:3", "--set train.lr=1")."""

    values: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, str] = field(default_factory=dict)

    def __contains__(self, key: str) -> bool:
        return key in self.origins

    def put(self, key: str, value: Any, origin: str) -> None:
        """Set one dotted key."""
        *sections, name = key.split(".")
        values = self.values
        for section in sections:
            inner = values.setdefault(section, {})
            if not isinstance(inner, dict):
                raise ConfigError(f"{key} in {origin}: {section} is a value, not a section")
            values = inner
        values[name] = value
        self.origins[key] = origin

    def update(self, other: Layer) -> None:
        """Lay `other` over this one, section by section."""
        self.values = _merged(self.values, other.values)
        self.origins |= other.origins


def load_config(
    model: type[ConfigT],
    source: Path | str | Sequence[Path | str] | None,
    overrides: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> ConfigT:
    """Read settings: the files of `source` in order, then `options`, then `key=value` overrides, the later winning.

    Args:
        model: what the settings must fit.
        source: YAML files, each of which may name another by `base:` (relative to itself) that it is laid over.
        overrides: `a.b=value`, the value read as YAML.
        options: dotted keys with their values, as given by command-line options; None values are unset.

    Raises:
        ConfigError: an unknown key (with a suggestion), a wrong value, a bad file, a circle of `base:`.
    """
    return check_layer(model, read_layers(source, overrides, options))


def read_layers(
    source: Path | str | Sequence[Path | str] | None,
    overrides: Sequence[str] = (),
    options: Mapping[str, Any] | None = None,
) -> Layer:
    """The settings of `load_config` before they are checked against a model."""
    paths = [source] if isinstance(source, Path | str) else list(source or ())
    layer = Layer()
    for path in paths:
        layer.update(read_file(Path(path)))
    for key, value in (options or {}).items():
        if value is not None:
            layer.put(key, value, f"--{key.rpartition('.')[2]}")
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not all(key.strip().split(".")):
            raise ConfigError(f"--set takes key=value, such as train.budget=5m, not {override!r}")
        layer.put(key.strip(), _parse(text, f"--set {override}")[0], f"--set {override}")
    return layer


def read_file(path: Path, above: tuple[Path, ...] = ()) -> Layer:
    """The settings of one YAML file over those of its `base:`."""
    if path.resolve() in above:
        raise ConfigError(f"base: of {above[-1]} leads back to {path}: remove the circle")
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        raise ConfigError(f"cannot read the configuration {path}: {reason}") from None
    values, lines = _parse(text, str(path))
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold settings as `key: value`, not {_kind(values)}")
    base = values.pop("base", None)
    layer = Layer()
    if base is not None:
        if not isinstance(base, str):
            raise ConfigError(f"base: in {path}:{lines['base']} must be the path of another YAML file")
        layer = read_file(path.parent / base, (*above, path.resolve()))
    layer.update(Layer(values, {key: f"{path}:{line}" for key, line in lines.items() if key != "base"}))
    return layer


def check_layer(model: type[ConfigT], layer: Layer) -> ConfigT:
    """The settings as a checked model; ConfigError says in one line what is wrong, where, and what was meant."""
    try:
        return model.model_validate(layer.values)
    except ValidationError as error:
        raise ConfigError(_explain(model, layer, error.errors())) from None


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(below)
    for key, value in above.items():
        old = result.get(key)
        result[key] = _merged(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return result


MOST_VALUES = 10_000
"""A few lines of nested aliases can stand for more than a memory holds."""


class _Loader(yaml.SafeLoader):
    """YAML that stands for at most `MOST_VALUES` values, those that aliases repeat counted each time."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        mark: Any = event.start_mark
        node = super().compose_node(parent, index)
        if node is not None:
            self._sizes: dict[int, int] = getattr(self, "_sizes", {})
            if id(node) not in self._sizes and isinstance(event, yaml.AliasEvent):
                raise yaml.composer.ComposerError(None, None, f"*{event.anchor} is inside itself", mark)
            self._sizes[id(node)] = 1 + sum(self._sizes.get(id(inner), 0) for inner in _inner(node))
            if self._sizes[id(node)] > MOST_VALUES:
                problem = f"more than {MOST_VALUES} values; split the file by base:"
                raise yaml.composer.ComposerError(None, None, problem, mark)
        return node


def _inner(node: yaml.Node) -> list[yaml.Node]:
    """The nodes right inside a section or a list."""
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return node.value if isinstance(node, yaml.SequenceNode) else []


def _parse(text: str, origin: str) -> tuple[Any, dict[str, int]]:
    """The value of a YAML text, and the line of each dotted key in it."""
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        return (loader.construct_document(node), dict(_lines(node, "", origin))) if node else (None, {})
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{origin}:{mark.line + 1}" if mark else origin
        problem = getattr(error, "problem", None) or " ".join(str(error).split())
        raise ConfigError(f"{where} is not valid YAML: {problem}") from None
    except (ValueError, RecursionError) as error:  # a date that is none, lists in lists without end
        raise ConfigError(f"{origin} is not valid YAML: {error}") from None


def _lines(node: yaml.Node, prefix: str, origin: str) -> Iterator[tuple[str, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: set[str] = set()
    for key, value in node.value:
        name, line = f"{prefix}{key.value}", key.start_mark.line + 1
        if name in seen:
            raise ConfigError(f"{name} is there twice in {origin}:{line}: keep one")
        seen.add(name)
        yield name, line
        yield from _lines(value, f"{name}.", origin)


def _explain(model: type[Config], layer: Layer, errors: Sequence[ErrorDetails]) -> str:
    known = list(_dotted(model))
    first = errors[0]
    key = ".".join(str(part) for part in first["loc"])
    if not key:  # settings that do not go together
        return first["msg"].removeprefix("Value error, ")
    if first["type"] == "extra_forbidden":
        return f"unknown key {key}{_where(layer, key)}{_suggestion(key, known)}"
    while key and key not in known and "." in key:  # pydantic adds the member of a union to the place
        key = key.rpartition(".")[0]
    same = [error for error in errors if ".".join(map(str, error["loc"])).startswith(key)]
    wanted = "should be " + " or ".join(dict.fromkeys(_wanted(error) for error in same))
    value = layer.values
    for part in key.split("."):
        value = value.get(part, {}) if isinstance(value, dict) else value
    return f"{key}{_where(layer, key)} {wanted}, not {value!r}"


def _wanted(error: ErrorDetails) -> str:
    message = error["msg"].removeprefix("Value error, ").split(", unable to ")[0]
    return re.sub(r"^(Input )?should be ", "", message).removesuffix(" or instance of " + error["msg"].split()[-1])


def _where(layer: Layer, key: str) -> str:
    inside = [origin for path, origin in layer.origins.items() if path.startswith(f"{key}.")]
    while key and key not in layer.origins:
        key = key.rpartition(".")[0]
    origins = [layer.origins[key]] if key else inside
    return f" in {origins[0]}" if origins else ""


def _suggestion(key: str, known: Sequence[str]) -> str:
    section, _, name = key.rpartition(".")
    beside = {path.rpartition(".")[2]: path for path in known if path.rpartition(".")[0] == section}
    anywhere = {path.rpartition(".")[2]: path for path in known}
    close = [beside[match] for match in get_close_matches(name, beside, 1)]
    close += [anywhere[match] for match in get_close_matches(name, anywhere, 1, 0.75)]
    if close:
        return f": did you mean {close[0]}?"
    return f": known here are {', '.join(beside)}" if beside else ""


def _dotted(model: type[Config], prefix: str = "") -> Iterator[str]:
    for name, info in model.model_fields.items():
        yield f"{prefix}{name}"
        if isinstance(info.annotation, type) and issubclass(info.annotation, Config):
            yield from _dotted(info.annotation, f"{prefix}{name}.")


def _kind(value: Any) -> str:
    return "a list" if isinstance(value, list) else f"{value!r}"
