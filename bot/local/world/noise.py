"""Noise that depends on seed, key and time only, so that the same question always gets the same answer."""

import hashlib

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BIN_SECONDS = 5


def key_number(*parts: object) -> int:
    """A 64-bit number for a tuple of parts, stable between processes."""
    text = "/".join(str(part) for part in parts)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def noise(key: int, times: Floats) -> Floats:
    """About normal, mean 0, deviation 1: one value for each 5-second bin."""
    bins = np.floor(times / BIN_SECONDS).astype(np.uint64)
    total = np.zeros(times.shape)
    for round_ in range(4):
        total += _uniform(bins, (key + round_ * 0x9E3779B97F4A7C15) % 2**64)
    drawn: Floats = (total - 2.0) * np.sqrt(3.0)
    return drawn


def fraction(*parts: object) -> float:
    """One number in [0, 1) for a tuple of parts."""
    return key_number(*parts) / 2**64


def _uniform(bins: NDArray[np.uint64], key: int) -> Floats:
    """The splitmix64 finaliser over bin and key, as a number in [0, 1)."""
    mixed = bins * np.uint64(0x9E3779B97F4A7C15) + np.uint64(key)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed ^= mixed >> np.uint64(31)
    shifted: Floats = (mixed >> np.uint64(11)).astype(np.float64) / 2**53
    return shifted
