"""Definitions that were read once are known again, and judged by the same limits."""

from collections.abc import Iterator
from unittest.mock import patch

import pytest
from tests.gorpc.streams import message, slice_of, struct, value

from boruta_farm.gorpc import parser, recurring
from boruta_farm.gorpc.decoder import Decoder
from boruta_farm.gorpc.errors import BrokenStreamError, StreamLimitError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.parser import Decoded
from boruta_farm.gorpc.recurring import Recurring
from boruta_farm.gorpc.types import GoKind, ListType

STREAM = (message(struct(65, A=GoKind.INT, B=66)), message(slice_of(66, GoKind.INT)))
NUMBERS = value(65, b"\x01\x02\x01\x01\x06\x00")


@pytest.fixture
def known() -> Iterator[Recurring]:
    with patch.object(parser, "DEFINITIONS", Recurring()) as fresh:
        yield fresh


def decode(*messages: bytes, limits: GobLimits = DEFAULT_LIMITS) -> object:
    decoder = Decoder(limits)
    decoder.feed(b"".join(messages))
    decoded = decoder.next_value()
    assert isinstance(decoded, Decoded)
    return decoded


def test_the_second_connection_reads_the_same(known: Recurring) -> None:
    first = decode(*STREAM, NUMBERS)
    assert len(known) == 2
    with patch.object(parser.Parser, "_define", side_effect=AssertionError("read anew")):
        assert decode(*STREAM, NUMBERS) == first


def test_a_known_definition_is_held_to_the_limits(known: Recurring) -> None:
    decode(*STREAM, NUMBERS)
    with pytest.raises(StreamLimitError, match="more than 1 gob types"):
        decode(*STREAM, NUMBERS, limits=GobLimits(types=1))
    with pytest.raises(StreamLimitError, match="fields"):
        decode(*STREAM, NUMBERS, limits=GobLimits(fields=1))
    with pytest.raises(StreamLimitError, match="definitions exceed"):
        decode(*STREAM, NUMBERS, limits=GobLimits(definitions=10))
    with pytest.raises(BrokenStreamError, match="although it exists"):
        decode(STREAM[0], STREAM[0], NUMBERS)


def test_what_was_refused_is_refused_again(known: Recurring) -> None:
    for _ in range(2):
        with pytest.raises(BrokenStreamError, match="refers to no type"):
            decode(message(slice_of(66, 0)), NUMBERS)
    assert not len(known)


def test_only_so_many_short_definitions_are_kept() -> None:
    known, kind = Recurring(kept=2), ListType(name="", element=GoKind.INT)
    for text in (b"a", b"b", b"c", b"x" * (recurring.LONGEST + 1)):
        known.keep(DEFAULT_LIMITS, text, kind)
    found = [known.find(DEFAULT_LIMITS, text) for text in (b"a", b"b", b"c")]
    assert found == [None, kind, kind]
    assert len(known) == 2
