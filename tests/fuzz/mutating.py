"""Bytes changed by a seed alone: cut, doubled, spliced, mixed with what readers stumble over."""

import random
from collections.abc import Iterator, Sequence

LONGEST = 4096

ODD = (
    *(b"\0", b"\xff", b"\xff\xff\xff\xff", b"\x80", b"\r\n", b"\n\n", b" ", b'"', b"\\", b"'"),
    *(b"-1", b"0", b"9" * 40, b"1e400", b"NaN", b"1e-400", b"-0", b"\xf0\x9f\x92\xa9", b"\xc2"),
    *(b"[" * 2000, b"{" * 99, b"(" * 2000, b"\\ud800", b"%00", b"../", b"=", b",", b".", b"+"),
    *("\N{ARABIC-INDIC DIGIT FIVE}".encode(), "\N{SUPERSCRIPT TWO}".encode(), b"\xe2\x80\xae"),
)


def mutations(examples: Sequence[bytes], seed: int, count: int) -> Iterator[bytes]:
    """Yield so many mutations of examples, the same ones for a seed."""
    chance = random.Random(seed)
    for _ in range(count):
        data = bytearray(chance.choice(examples))
        for _ in range(chance.randint(1, 6)):
            _mutate(data, examples, chance)
        yield bytes(data[:LONGEST])


def _mutate(data: bytearray, examples: Sequence[bytes], chance: random.Random) -> None:
    start = chance.randint(0, len(data))
    end = min(len(data), start + chance.randint(0, 40))
    match chance.choice(("change", "cut", "double", "insert", "splice", "odd", "swap")):
        case "change" if start < len(data):
            data[start] = chance.randrange(256)
        case "cut":
            del data[start:end]
        case "double":
            data[end:end] = data[start:end]
        case "insert":
            data[start:start] = chance.randbytes(chance.randint(1, 12))
        case "splice":
            other = chance.choice(examples)
            data[start:] = other[chance.randint(0, len(other)) :]
        case "odd":
            data[start:end] = chance.choice(ODD)
        case "swap":
            data[start:] = data[end:] + data[start:end]
