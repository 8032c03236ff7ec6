"""`vidgan trust keys`: the keys that credentials are signed with."""

from __future__ import annotations

import click

from vidgan.cli.options import print_values


@click.group("trust", short_help="The keys that credentials are signed with.")
def command() -> None:
    """What says that a video was made by vidgan, and by whom."""


@command.group("keys")
def keys() -> None:
    """The own keys, in $VIDGAN_TRUST or ~/.config/vidgan/trust. They are made at first use when there are none."""


@keys.command("new")
@click.option("--name", default="vidgan user", show_default=True, metavar="NAME", help="Who signs, for all to read.")
@click.option("--force", is_flag=True, help="Replace the keys that are there; they are lost.")
def new(name: str, force: bool) -> None:
    """Make a root, a certificate signed by it and its private key."""
    from vidgan.trust.keys import new_keys

    new_keys(name=name, force=force)
    _show()


@keys.command("show")
def show() -> None:
    """Say whose keys there are, where, and how long they are valid."""
    _show()


def _show() -> None:
    from vidgan.errors import TrustError
    from vidgan.trust.keys import ROOT, have_keys, load_identity, own_files

    chain, private_key = own_files()
    if not have_keys():
        raise TrustError(f"{chain.parent} holds no keys: `vidgan trust keys new` makes some")
    identity = load_identity(chain, private_key)
    print_values(
        {
            "name": identity.name,
            "algorithm": identity.algorithm,
            "valid until": f"{identity.certificate.not_valid_after_utc:%Y-%m-%d}",
            "certificate": chain,
            "private key": f"{private_key} (keep it to yourself)",
            "root": f"{chain.parent / ROOT} (give it to those who shall know you: vidgan verify --trust)",
        }
    )
