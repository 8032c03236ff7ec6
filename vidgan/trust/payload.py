"""The bits that a watermark carries: a run's number with its checksum, coded so that many of them may be lost.

Legend: I information bits (the number and its checksum), C coded bits, S states of the coder.
"""

from __future__ import annotations

from binascii import crc_hqx
from functools import cache

import numpy as np
from numpy.typing import NDArray

ID_BITS, CHECK_BITS = 32, 16
INFO_BITS = ID_BITS + CHECK_BITS
GENERATORS = (0o133, 0o171, 0o165)
"""The rate 1/3 convolutional code of constraint length 7 of 3GPP TS 36.212, section 5.1.3.1: free distance 15."""
_MEMORY = 6
_STATES = 1 << _MEMORY
CODED_BITS = (INFO_BITS + _MEMORY) * len(GENERATORS)

_CRC_START = 0xFFFF

Signs = NDArray[np.int8]


def encode(number: int) -> Signs:
    """The coded bits (C,) of a run's number in [0, 2^32), as +1 and -1; one is -1."""
    if not 0 <= number < 1 << ID_BITS:
        raise ValueError(f"a run's number has {ID_BITS} bits: {number}")
    info = _bits(number, ID_BITS) + _bits(_checksum(number), CHECK_BITS)
    state, coded = 0, []
    for bit in [*info, *[0] * _MEMORY]:  # zeros at the end bring the coder back to its first state
        window = bit << _MEMORY | state
        coded += [(window & generator).bit_count() & 1 for generator in GENERATORS]
        state = window >> 1
    return (1 - 2 * np.array(coded)).astype(np.int8)


def decode(soft: NDArray[np.floating]) -> int | None:
    """The number that coded bits (C,) stand for, None when its checksum does not fit.

    `soft` has the sign of each bit as `encode` gives it, its magnitude how sure it is. Maximum likelihood for white
    noise (Viterbi 1967); a number that was never sent passes the checksum once in 2^16 times.
    """
    number, check = divmod(_join(_viterbi(np.asarray(soft, np.float64))[:INFO_BITS]), 1 << CHECK_BITS)
    return number if check == _checksum(number) else None


def _viterbi(soft: NDArray[np.float64]) -> list[int]:
    """The likeliest input bits, the tail included."""
    before, outputs = _trellis()
    scores = np.full(_STATES, -np.inf)
    scores[0] = 0.0
    choices = []
    for received in soft.reshape(-1, len(GENERATORS)):
        candidates = scores[before] + outputs @ received  # (S, 2): from either state before
        choice = candidates.argmax(1)
        scores = candidates[np.arange(_STATES), choice]
        choices.append(choice)
    state, bits = 0, []
    for choice in reversed(choices):
        bits.append(state >> (_MEMORY - 1))
        state = int(before[state, choice[state]])
    return bits[::-1]


@cache
def _trellis() -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each state the two before it (S, 2), and the signs (S, 2, 3) that the coder puts out on the way."""
    states = np.arange(_STATES)
    before = (states[:, None] << 1 & (_STATES - 1)) | np.arange(2)
    window = (states >> (_MEMORY - 1))[:, None] << _MEMORY | before
    parity = [[[(int(w) & generator).bit_count() & 1 for generator in GENERATORS] for w in row] for row in window]
    return before, 1.0 - 2.0 * np.array(parity)


def _checksum(number: int) -> int:
    """CRC-16 with the polynomial 0x1021 from 0xFFFF."""
    return crc_hqx(number.to_bytes(ID_BITS // 8, "big"), _CRC_START)


def _bits(value: int, count: int) -> list[int]:
    return [value >> place & 1 for place in reversed(range(count))]


def _join(bits: list[int]) -> int:
    value = 0
    for bit in bits:
        value = value << 1 | bit
    return value
