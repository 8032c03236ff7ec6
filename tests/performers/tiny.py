"""The size of the pair the tests render."""

SEED, FRAMES, SIZE = 13, 6, 64
