"""vidgan: the person of one video performs the motion of another."""

__version__ = "0.1.0"
