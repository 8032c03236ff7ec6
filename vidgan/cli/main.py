"""The `vidgan` command: subcommands imported when used, errors as one line, exit codes 0, 1, 2 and 130."""

from __future__ import annotations

import os
import signal
import sys
import traceback
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import click

import vidgan
from vidgan.errors import Interrupted, VidganError

COMMANDS = (
    "transfer", "reanimate", "dub", "train", "generate", "latent", "evaluate", "verify", "trust", "run", "performers",
    "inspect", "doctor", "cache",
)  # fmt: skip


class LazyGroup(click.Group):
    """A group whose command NAME is the attribute `command` of the module vidgan.cli.NAME."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"vidgan.cli.{cmd_name}").command
        return command


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(vidgan.__version__, prog_name="vidgan")
def cli() -> None:
    """The person of one video performs the motion of another.

    Try `vidgan transfer SOURCE TARGET`, or `vidgan doctor` to see what is there.
    """


def main(args: list[str] | None = None) -> Any:
    """Run the command and exit; `VIDGAN_DEBUG=1` shows where an error comes from."""
    signal.signal(signal.SIGTERM, _terminate)
    sys.exit(_exit_code(args))


def _exit_code(args: list[str] | None) -> int:
    try:
        _check_here()
        result = cli.main(args, prog_name="vidgan", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _say("interrupted; run the same command again to go on", Interrupted.exit_code)
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  (nothing more can be said there)
        return 1
    except Exception as error:
        from vidgan.libraries import explained

        _trace()
        known = explained(error)
        if isinstance(known, VidganError):
            return _say(str(known), known.exit_code)
        text = str(error) if type(error).__name__ == "StageCrashedError" else f"{type(error).__name__}: {error}"
        return _say(f"{' '.join(text.split())} (a fault in vidgan: set VIDGAN_DEBUG=1 to see where)", 1)


def _check_here() -> None:
    try:
        Path.cwd()
    except FileNotFoundError:
        raise VidganError("the folder that vidgan was started in is gone: change to another") from None


def _say(message: str, code: int) -> int:
    print(f"vidgan: {message}", file=sys.stderr)
    return code


def _trace() -> None:
    if os.environ.get("VIDGAN_DEBUG"):
        traceback.print_exc()


def _terminate(signum: int, frame: FrameType | None) -> None:
    raise Interrupted("interrupted; run the same command again to go on")


if __name__ == "__main__":
    main()
