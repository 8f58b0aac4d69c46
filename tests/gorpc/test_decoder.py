import pytest
from tests.gorpc.captures import NAMES, load
from tests.gorpc.streams import message, struct, value

from boruta_farm.gorpc.decoder import NEED_MORE, Decoder
from boruta_farm.gorpc.errors import BrokenStreamError
from boruta_farm.gorpc.parser import Decoded


def decode(data: bytes, *, pieces: int | None = None) -> list[object]:
    """Decode a whole stream, which must end with its last value."""
    decoder = Decoder()
    values: list[object] = []
    step = pieces or len(data)
    for start in range(0, len(data), step):
        decoder.feed(data[start : start + step])
        while isinstance(decoded := decoder.next_value(), Decoded):
            values.append(decoded.value)
    assert not decoder.inside_value
    return values


def test_there_are_recordings() -> None:
    assert len(NAMES) == 30


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_decodes_with_nothing_left_over(name: str) -> None:
    capture = load(name)
    requests, replies = decode(capture.requests), decode(capture.replies)
    assert len(requests) == len(replies)
    assert len(requests) % 2 == 0


@pytest.mark.parametrize("pieces", [1, 2, 7])
@pytest.mark.parametrize("name", NAMES)
def test_the_pieces_in_which_bytes_arrive_do_not_matter(name: str, pieces: int) -> None:
    capture = load(name)
    assert decode(capture.requests, pieces=pieces) == decode(capture.requests)


@pytest.mark.parametrize("name", ["dryad-prepare-rsa2048", "superviser-register"])
def test_every_cut_stream_asks_for_more_and_is_never_broken(name: str) -> None:
    data = load(name).requests
    for end in range(len(data)):
        decoder = Decoder()
        decoder.feed(data[:end])
        taken = 0
        while decoder.next_value() is not NEED_MORE:
            taken += 1
        assert taken < 2
        decoder.feed(data[end:])
        while decoder.next_value() is not NEED_MORE:
            taken += 1
        assert taken == 2


def test_a_broken_stream_stays_broken() -> None:
    decoder = Decoder()
    decoder.feed(b"\x00")
    with pytest.raises(BrokenStreamError):
        decoder.next_value()
    decoder.feed(load("stm-dut").requests)
    with pytest.raises(BrokenStreamError, match="no bytes"):
        decoder.next_value()


def test_values_before_the_first_bad_byte_are_delivered() -> None:
    decoder = Decoder()
    decoder.feed(load("stm-dut").requests + b"\x00")
    assert isinstance(decoder.next_value(), Decoded)
    assert isinstance(decoder.next_value(), Decoded)
    with pytest.raises(BrokenStreamError):
        decoder.next_value()


def test_being_inside_a_value_is_known() -> None:
    decoder = Decoder()
    inside = [decoder.inside_value]
    for data in (message(struct(65, A=2)), value(65, b"\x00"), b"\x05"):
        decoder.feed(data)
        decoder.next_value()
        inside.append(decoder.inside_value)
    assert inside == [False, True, False, True]
