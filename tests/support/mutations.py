"""Mutations of a file's bytes, by a seed: what a bad disk, a stopped copy or a stranger does to it."""

import random

__all__ = ["mutate"]

TOKENS = [
    b"\0",
    b"\xff",
    b"\xff" * 8,
    b"\n",
    b'"',
    b"{",
    b"]",
    b"-1",
    b"1e999",
    b"null",
    b"NaN",
    b"9" * 30,
    b"../",
    b",",
    b"=",
]


def mutate(content: bytes, seed: int) -> bytes:
    """Return the content with one to four changes: flipped bits, cut, repeated, moved or foreign bytes."""
    chance = random.Random(seed)
    changed = bytearray(content)
    for _ in range(chance.randint(1, 4)):
        place = chance.randrange(len(changed) + 1)
        end = min(len(changed), place + chance.choice((1, 2, 8, 64)))
        kind = chance.randrange(6)
        if kind == 0 and place < len(changed):
            changed[place] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[place:end]
        elif kind == 2:
            changed[place:place] = changed[place:end] * chance.choice((1, 3, 50))
        elif kind == 3:
            other = chance.randrange(len(changed) + 1)
            changed[other:other] = changed[place:end]
        elif kind == 4:
            changed[place:end] = chance.choice(TOKENS)
        elif chance.random() < 0.2:
            del changed[place:]
    return bytes(changed)
