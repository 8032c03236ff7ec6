from __future__ import annotations

import numpy as np
import pytest

from vidgan.trust.payload import CODED_BITS, GENERATORS, _checksum, decode, encode

NUMBERS = [0, 1, 0xDEADBEEF, 2**32 - 1]


@pytest.mark.parametrize("number", NUMBERS)
def test_what_is_encoded_is_decoded(number):
    assert decode(encode(number).astype(float)) == number


def test_the_checksum_is_the_published_one():
    assert _checksum(int.from_bytes(b"1234", "big")) == 0x5349  # CRC-16/CCITT-FALSE of "1234"


def test_coding_is_the_product_of_polynomials():
    """The coder's output is the message times each generator, as polynomials over GF(2)."""
    number = 0xCAFE1234
    info = np.array([int(bit) for bit in f"{number:032b}{_checksum(number):016b}"])
    products = [np.convolve(info, [int(bit) for bit in f"{generator:07b}"]) % 2 for generator in GENERATORS]
    assert np.array_equal(encode(number), 1 - 2 * np.stack(products, 1).ravel())


def test_any_two_codewords_differ_in_fifteen_bits():
    """The free distance, over all short messages."""
    polynomials = [[int(bit) for bit in f"{generator:07b}"] for generator in GENERATORS]
    messages = [[int(bit) for bit in f"{value:b}"] for value in range(1, 256)]
    assert min(sum(int((np.convolve(m, p) % 2).sum()) for p in polynomials) for m in messages) == 15


def test_a_fifth_of_the_bits_may_be_wrong():
    rng = np.random.default_rng(1)
    read = [decode(encode(NUMBERS[2]) + rng.normal(0, 1.05, CODED_BITS)) for _ in range(40)]  # 17 % wrong each
    assert read.count(NUMBERS[2]) >= 34
    assert set(read) <= {NUMBERS[2], None}


def test_noise_is_no_number():
    rng = np.random.default_rng(2)
    assert [decode(rng.normal(0, 1, CODED_BITS)) for _ in range(50)].count(None) >= 49


def test_a_number_too_large_is_refused():
    with pytest.raises(ValueError, match="32 bits"):
        encode(2**32)
