"""Which class a clip is of, who is in it, and who is held out."""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from vidgan.clips.config import ClipConfig
from vidgan.clips.model import Clip
from vidgan.clips.names import folder_classes, natural_key
from vidgan.errors import ConfigError, MediaError


def matched(pattern: str, name: str) -> str | None:
    """What a regular expression finds in a clip's name: its group 1, all of it without groups, None when not there."""
    found = re.search(pattern, name)
    if found is None:
        return None
    return found[1] if found.re.groups else found[0]


def with_classes(clips: Sequence[Clip], rule: str) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """The clips with their labels, and the classes in natural order; every name must match a rule that is a regex."""
    if rule == "none":
        return tuple(clips), ()
    names = [clip.name for clip in clips]
    found = folder_classes(names) if rule == "auto" else [matched(rule, name) for name in names]
    classes = tuple(sorted({name for name in found if name is not None}, key=natural_key))
    number = {name: k for k, name in enumerate(classes)}
    labels = [None if name is None else number[name] for name in found]
    return tuple(replace(clip, label=label) for clip, label in zip(clips, labels, strict=True)), classes


def with_groups(clips: Sequence[Clip], rule: str | None) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """The clips with their groups, and the names that the rule does not match, which are groups of their own.

    Raises ConfigError when it matches none.
    """
    if rule is None:
        return tuple(replace(clip, group=clip.name) for clip in clips), ()
    found = [matched(rule, clip.name) for clip in clips]
    missed = tuple(clip.name for clip, group in zip(clips, found, strict=True) if group is None)
    if len(missed) == len(clips):
        raise ConfigError(f"clips.group: {rule!r} matches no clip's path, such as {clips[0].name}; write it to match")
    return tuple(
        replace(c, group=c.name if group is None else group) for c, group in zip(clips, found, strict=True)
    ), missed


def with_held(clips: Sequence[Clip], config: ClipConfig) -> tuple[Clip, ...]:
    """The clips with some of the groups held out: the named ones, else a share, spread over the classes.

    The choice depends on the groups' names and classes alone. At least one group is held out, at least one is not, and
    no class is left without a clip to train on.

    Raises:
        ConfigError: a named group is not there, or all are named.
        MediaError: there is nothing that could be held out.
    """
    groups = sorted({clip.group for clip in clips}, key=natural_key)
    if config.held_groups:
        held = set(config.held_groups)
        if unknown := sorted(held - set(groups), key=natural_key):
            raise ConfigError(f"clips.held_groups: no clip is of group {unknown[0]}; there are {_few(groups)}")
    else:
        held = _chosen(clips, groups, config.held_out)
    if len(groups) == 1:
        raise MediaError(
            f"all {len(clips)} clips are of one group ({groups[0]}), and one is held out: change clips.group"
        )
    if len(held) == len(groups):
        raise ConfigError("clips.held_groups names all groups there are: leave some to train on")
    if not held:
        raise MediaError("no group can be held out without leaving a class empty: add clips, or set clips.label=none")
    return tuple(replace(clip, held=clip.group in held) for clip in clips)


def _chosen(clips: Sequence[Clip], groups: Sequence[str], share: float) -> set[str]:
    """Groups to hold out, the first of each kind (set of classes) before the second of any."""
    classes: dict[str, Counter[int | None]] = defaultdict(Counter)
    for clip in clips:
        classes[clip.group][clip.label] += 1
    kinds: dict[frozenset[int | None], list[str]] = defaultdict(list)
    for group in sorted(groups, key=_shuffled):
        kinds[frozenset(classes[group])].append(group)
    places = {
        group: ((k + 0.5) / len(members), _shuffled(group))
        for members in kinds.values()
        for k, group in enumerate(members)
    }
    left = Counter(clip.label for clip in clips)
    wanted = max(1, round(share * len(groups)))
    held: set[str] = set()
    for group in sorted(groups, key=places.__getitem__):
        if len(held) < wanted and all(left[label] > count for label, count in classes[group].items()):
            held.add(group)
            left -= classes[group]
    return held


def _shuffled(name: str) -> str:
    return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:8]) + (f" and {len(names) - 8} more" if len(names) > 8 else "")
