"""`vidgan doctor`: what is there, and what to do about what is not."""

from __future__ import annotations

import json

import click

MARKS = {"ok": "ok  ", "warning": "note", "broken": "FAIL"}


@click.command("doctor", short_help="Say what was found on this machine, and what to do.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def command(as_json: bool) -> None:
    """Say what was found on this machine, and what to do; exit code 1 when something needed is broken."""
    from vidgan.doctor import checks

    broken = False
    for check in checks():
        broken = broken or check.state == "broken"
        if as_json:
            click.echo(json.dumps({"name": check.name, "state": check.state, "found": check.found, "do": check.advice}))
        else:
            click.echo(f"{MARKS[check.state]}  {check.name:12}  {check.found}")
            if check.advice:
                click.echo(f"{'':20}{check.advice}")
    click.get_current_context().exit(1 if broken else 0)
