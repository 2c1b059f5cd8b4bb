"""Randomness by address: every random number is named by (seed, purpose, index), none is consumed.

Nothing random has to be saved for an exact resume, and any number of workers draws one stream.
"""

import hashlib

import torch


def derive(seed: int, purpose: str, index: int = 0) -> int:
    """A seed in [0, 2**63) for one purpose ("order", "augment/crop", ...) and one step or index."""
    digest = hashlib.blake2b(f"{seed}/{purpose}/{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def generator(seed: int, purpose: str, index: int = 0) -> torch.Generator:
    """A CPU generator seeded by `derive`."""
    return torch.Generator().manual_seed(derive(seed, purpose, index))


def seed_layers(seed: int, purpose: str, index: int = 0) -> None:
    """Seed torch's own generators, which dropout and weight initialisation draw from.

    `torch.manual_seed` does the same 100 times slower: this is called once a step.
    """
    value = derive(seed, purpose, index)
    torch.default_generator.manual_seed(value)
    if torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        torch.cuda.manual_seed_all(value)
    if torch.backends.mps.is_available():
        torch.mps.manual_seed(value)
