"""Keyed randomness: every random draw in data code is a pure function of a key, never of worker, rank or history."""

import hashlib

import numpy as np


def generator(*key: int | str) -> np.random.Generator:
    """A NumPy generator that belongs to `key`, for example (seed, epoch, sample, "augmentation").

    The same key gives the same stream on every machine; keys that differ in any entry or in an entry's type give
    unrelated streams.
    """
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    digest = hashlib.blake2b(text.encode(), digest_size=32).digest()
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(list(np.frombuffer(digest, np.uint32)))))
