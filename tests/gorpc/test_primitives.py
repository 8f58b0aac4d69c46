import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.gorpc.errors import BrokenStreamError, MismatchError, StreamLimitError
from boruta_farm.gorpc.primitives import (
    Cursor,
    decode_big_int,
    encode_big_int,
    encode_bytes,
    encode_float,
    encode_int,
    encode_text,
    encode_uint,
    split_message,
)


@pytest.mark.parametrize(
    ("number", "data"),
    [(0, "00"), (127, "7f"), (128, "ff80"), (5000, "fe1388"), (2**64 - 1, "f8ffffffffffffffff")],
)
def test_unsigned_integers_have_go_s_bytes(number: int, data: str) -> None:
    assert encode_uint(number).hex() == data
    assert Cursor(bytes.fromhex(data)).read_uint() == number


@pytest.mark.parametrize(
    ("number", "data"), [(1, "02"), (-1, "01"), (65, "ff82"), (-65, "ff81"), (-64, "7f")]
)
def test_signed_integers_have_go_s_bytes(number: int, data: str) -> None:
    assert encode_int(number).hex() == data
    assert Cursor(bytes.fromhex(data)).read_int() == number


@given(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False), st.text(), st.binary())
def test_what_is_written_is_read(number: int, real: float, text: str, data: bytes) -> None:
    written = encode_int(number) + encode_float(real) + encode_text(text) + encode_bytes(data)
    cursor = Cursor(written)
    assert cursor.read_int() == number
    assert cursor.read_float() == real
    assert cursor.read_text() == text
    assert cursor.read_bytes() == data
    assert cursor.remaining == 0


def test_a_float_is_sent_with_its_bytes_reversed() -> None:
    assert encode_float(17.0).hex() == "fe3140"


@pytest.mark.parametrize("number", [-1, 2**64])
def test_integers_beyond_64_bits_cannot_be_written(number: int) -> None:
    with pytest.raises(MismatchError):
        encode_uint(number)


def test_a_lone_surrogate_cannot_be_written() -> None:
    with pytest.raises(MismatchError):
        encode_text("\ud800")


@pytest.mark.parametrize("head", [0x80, 0xF7])
def test_an_integer_of_more_than_eight_bytes_is_broken(head: int) -> None:
    with pytest.raises(BrokenStreamError):
        Cursor(bytes((head,)) + bytes(200)).read_uint()
    with pytest.raises(BrokenStreamError):
        split_message(bytearray((head,)), 100)


@pytest.mark.parametrize("data", [b"", b"\xfe\x01", b"\xf8"])
def test_an_integer_behind_the_end_of_its_message_is_broken(data: bytes) -> None:
    with pytest.raises(BrokenStreamError):
        Cursor(data).read_uint()


def test_a_truth_value_is_zero_or_one() -> None:
    with pytest.raises(BrokenStreamError):
        Cursor(b"\x02").read_bool()


def test_text_that_is_not_utf8_is_marked_not_refused() -> None:
    assert Cursor(b"\x03a\xffb").read_text() == "a\N{REPLACEMENT CHARACTER}b"


def test_names_have_a_limit_of_their_own() -> None:
    with pytest.raises(StreamLimitError):
        Cursor(b"\x04abcd").read_text(limit=3)


@given(st.integers())
def test_big_integers_survive(number: int) -> None:
    assert decode_big_int(encode_big_int(number)) == number


def test_big_integers_have_go_s_bytes() -> None:
    assert encode_big_int(256).hex() == "020100"
    assert encode_big_int(-1).hex() == "0301"
    assert decode_big_int(b"") == 0
    with pytest.raises(MismatchError):
        decode_big_int(b"\x04\x01")


def test_a_message_is_cut_off_only_when_it_is_complete() -> None:
    buffer = bytearray(b"\xff")
    assert split_message(buffer, 1000) is None
    buffer += b"\x82" + bytes(129)
    assert split_message(buffer, 1000) is None
    buffer += b"\x01\x05"
    assert split_message(buffer, 1000) == bytes(129) + b"\x01"
    assert buffer == b"\x05"


def test_a_message_too_long_is_refused_before_it_arrives() -> None:
    with pytest.raises(StreamLimitError, match="1000000"):
        split_message(bytearray(b"\xfd\x0f\x42\x40"), 65536)


def test_a_message_without_bytes_is_broken() -> None:
    with pytest.raises(BrokenStreamError):
        split_message(bytearray(1), 100)
