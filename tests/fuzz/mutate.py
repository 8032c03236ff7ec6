"""Mutations of a file: what chance, a careless program or somebody malicious makes of it."""

from __future__ import annotations

import random

_NUMBERS = (b"\0", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\xff" * 8)
_TEXTS = (
    b"null",
    b"-1",
    b"1e999",
    b"NaN",
    b"[]",
    b"{}",
    b'""',
    b"99999999999999999999",
    b"[" * 2000,
    b"../../x",
    b"%n",
)


def mutated(data: bytes, number: int) -> bytes:
    """The mutation of `data` by this number: the same number makes the same one."""
    chance = random.Random(number)
    changed = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        changed = chance.choice(_WAYS)(changed, chance)
    return bytes(changed)


def _flip(data: bytearray, chance: random.Random) -> bytearray:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return data


def _overwrite(data: bytearray, chance: random.Random) -> bytearray:
    what, place = chance.choice(_NUMBERS + _TEXTS), chance.randrange(len(data) + 1)
    data[place : place + len(what)] = what
    return data


def _insert(data: bytearray, chance: random.Random) -> bytearray:
    place = chance.randrange(len(data) + 1)
    data[place:place] = chance.choice(_NUMBERS + _TEXTS)
    return data


def _cut(data: bytearray, chance: random.Random) -> bytearray:
    return data[: chance.randrange(len(data) + 1)]


def _drop(data: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(data) + 1)
    del data[start : start + chance.choice((1, 4, 100))]
    return data


def _repeat(data: bytearray, chance: random.Random) -> bytearray:
    start = chance.randrange(len(data) + 1)
    data[start:start] = data[start : start + chance.choice((4, 64, 1000))]
    return data


_WAYS = (_flip, _flip, _overwrite, _insert, _cut, _drop, _repeat)
