"""Every error a user can meet, and the exit code it ends the command with.

    VidganError                 1   something failed; the message says what, where and what to do
    ├── UsageError              2   the command line or a configuration is wrong
    │   └── ConfigError         2   a configuration key or value is wrong
    ├── MediaError              1   a media file cannot be read or written
    │   ├── NoVideoError        1   the file has no video in it (audio only, empty, not media)
    │   └── LimitError          1   the file is larger than the limits allow
    ├── PersonError             1   no person, or not the asked one, in the video
    ├── DeviceError             1   the asked device is not there
    ├── OutputError             1   the output cannot be written (full disk, read-only, equal to an input)
    ├── CacheError              1   a work folder is unusable or damaged
    ├── TrainingError           1   training cannot go on (NaN loss, checkpoint damaged)
    ├── TrustError              1   keys, a certificate or credentials will not do
    └── DependencyError         1   an optional package or model file is missing
    Interrupted               130   Ctrl-C or SIGTERM; the same command goes on where it stopped

Raise them with one line that says what is wrong, where, and what to do. `assert` is for programmers' mistakes only.
"""

from __future__ import annotations


class VidganError(Exception):
    """Something failed in a way the user can act on."""

    exit_code = 1


class UsageError(VidganError):
    """The command line is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """A configuration key or value is wrong."""


class MediaError(VidganError):
    """A media file cannot be read or written."""


class NoVideoError(MediaError):
    """The file has no video in it."""


class LimitError(MediaError):
    """The file is larger than the limits allow."""


class PersonError(VidganError):
    """No person, or not the asked one, is in the video."""


class DeviceError(VidganError):
    """The asked device is not there."""


class OutputError(VidganError):
    """The output cannot be written."""


class CacheError(VidganError):
    """A work folder is unusable or damaged."""


class TrainingError(VidganError):
    """Training cannot go on."""


class TrustError(VidganError):
    """Keys, a certificate or credentials will not do."""


class DependencyError(VidganError):
    """An optional package or a model file is missing."""


class Interrupted(VidganError):
    """The run was interrupted; the same command goes on where it stopped."""

    exit_code = 130


def known_error(name: str, message: str) -> VidganError | None:
    """The error of this name that another process tells of; None when it is none of ours."""
    found = globals().get(name)
    return found(message) if isinstance(found, type) and issubclass(found, VidganError) else None
