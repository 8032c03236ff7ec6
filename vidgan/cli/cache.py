"""`vidgan cache`: the work folder."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from vidgan.cli.options import FILE
from vidgan.errors import CacheError

WORK = click.option("--work", type=FILE, metavar="DIR", help="Work folder.  [$VIDGAN_WORK or ~/.cache/vidgan/work]")
_BYTES = {"": 1, "K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Amount(click.ParamType):
    """A number with a unit, as "10G" or "7d"."""

    def __init__(self, name: str, units: dict[str, int], example: str) -> None:
        self.name, self.units, self.example = name, units, example

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """The number in the base unit."""
        match = re.fullmatch(r"(\d+(?:\.\d*)?)\s*([A-Za-z]?)B?", str(value))
        unit = match and next((factor for name, factor in self.units.items() if name.lower() == match[2].lower()), None)
        if not match or unit is None:
            self.fail(f"{value!r} is no {self.name}: write it as {self.example}", param, ctx)
        return float(match[1]) * unit


@click.group("cache", short_help="List, trim or check the work folder.")
def command() -> None:
    """List, trim or check the work folder, in which finished and unfinished stages are kept."""


@command.command("ls")
@WORK
def list_entries(work: Path | None) -> None:
    """List what is kept: size, age and state of each stage."""
    from vidgan.stages.cleaning import listing

    store = _store(work)
    found = listing(store)
    for it in found:
        click.echo(f"{_size(it.bytes):>9}  {_age(it.age):>5}  {it.state:8}  {it.entry.name}")
    click.echo(f"{_size(sum(it.bytes for it in found)):>9}  in {len(found)} entries of {store.root}")


@command.command("gc")
@WORK
@click.option(
    "--max-age", type=Amount("age", _SECONDS, "12h or 7d"), metavar="AGE", help="Remove what is older: 12h, 7d."
)
@click.option(
    "--max-size", type=Amount("size", _BYTES, "500M or 10G"), metavar="SIZE", help="Keep the newest: 500M, 10G."
)
@click.option("--all", "everything", is_flag=True, help="Remove everything that is not in use.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def collect(work: Path | None, max_age: float | None, max_size: float | None, everything: bool, dry_run: bool) -> None:
    """Remove old entries; what a running command uses stays."""
    from vidgan.stages.cleaning import choose, listing, remove

    if max_age is None and max_size is None and not everything:
        raise click.UsageError("say what goes: --max-age, --max-size or --all")
    store, freed = _store(work), 0
    going = choose(listing(store), max_age, None if max_size is None else int(max_size), everything)
    for it, gone in remove(store, going, dry_run):
        click.echo(
            f"{'would remove' if dry_run else 'removed'}  {it.entry.name}" if gone else f"in use  {it.entry.name}"
        )
        freed += it.bytes if gone else 0
    click.echo(f"{_size(freed)} {'would be' if dry_run else 'are'} free")


@command.command("verify")
@WORK
def verify_entries(work: Path | None) -> None:
    """Read every file again and compare; what is damaged is removed and made anew by the next run."""
    from vidgan.stages.cleaning import verify

    damaged = checked = 0
    for entry, damage in verify(_store(work)):
        checked += 1
        damaged += bool(damage)
        for problem in damage:
            click.echo(f"damaged  {entry.name}: {problem}")
    if damaged:
        raise CacheError(f"{damaged} of {checked} entries were damaged and are removed; the next run makes them anew")
    click.echo(f"{checked} entries are as they were written")


def _store(work: Path | None) -> Any:
    from vidgan.stages.store import Store, default_work

    return Store(work or default_work())


def _size(count: float) -> str:
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"


def _age(seconds: float) -> str:
    for unit, factor in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= factor:
            return f"{seconds / factor:.0f}{unit}"
    return f"{seconds:.0f}s"
