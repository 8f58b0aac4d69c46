import pytest
from tests.gorpc.streams import array_of, define, map_of, message, slice_of, struct, value

from boruta_farm.gorpc.decoder import Decoder
from boruta_farm.gorpc.errors import BrokenStreamError, StreamLimitError
from boruta_farm.gorpc.limits import DEFAULT_LIMITS, GobLimits
from boruta_farm.gorpc.parser import Decoded, InterfaceValue
from boruta_farm.gorpc.primitives import (
    encode_bytes,
    encode_float,
    encode_int,
    encode_text,
    encode_uint,
)
from boruta_farm.gorpc.types import GoKind


def decode(*messages: bytes, limits: GobLimits = DEFAULT_LIMITS) -> object:
    decoder = Decoder(limits)
    decoder.feed(b"".join(messages))
    decoded = decoder.next_value()
    assert isinstance(decoded, Decoded)
    assert not decoder.inside_value
    return decoded.value


def test_values_that_are_no_structs_follow_a_zero() -> None:
    assert decode(value(GoKind.STRING, b"\x00" + encode_text("hello"))) == "hello"
    assert decode(value(GoKind.BOOL, b"\x00\x01")) is True
    assert (
        decode(value(GoKind.COMPLEX, b"\x00" + encode_float(1.5) + encode_float(-2.0))) == 1.5 - 2j
    )
    with pytest.raises(BrokenStreamError, match="leading zero"):
        decode(value(GoKind.STRING, b"\x05hello"))


def test_structs_hold_only_the_fields_that_were_sent() -> None:
    stream = (
        message(struct(65, A=GoKind.INT, B=GoKind.BYTES, C=GoKind.UINT)),
        value(65, b"\x02\x01x\x01\x07\x00"),
    )
    assert decode(*stream) == {"B": b"x", "C": 7}


def test_a_field_behind_the_last_one_is_broken() -> None:
    with pytest.raises(BrokenStreamError, match="no field 2"):
        decode(message(struct(65, A=GoKind.INT)), value(65, b"\x03\x02\x00"))


def test_types_may_be_used_before_they_are_defined() -> None:
    outer, inner = message(struct(65, A=66)), message(slice_of(66, GoKind.INT))
    assert decode(outer, inner, value(65, b"\x01\x02\x02\x03\x00")) == {"A": [1, -2]}


def test_types_may_hold_themselves() -> None:
    assert decode(message(slice_of(70, 70)), value(70, b"\x00\x02\x00\x01\x00")) == [[], [[]]]


def test_arrays_have_the_length_of_their_type() -> None:
    assert decode(message(array_of(65, GoKind.UINT, 2)), value(65, b"\x00\x02\x05\x06")) == [5, 6]
    with pytest.raises(BrokenStreamError, match="array"):
        decode(message(array_of(65, GoKind.UINT, 2)), value(65, b"\x00\x01\x05"))


def test_maps_keep_the_order_of_arrival() -> None:
    stream = (
        message(map_of(65, GoKind.STRING, GoKind.INT)),
        value(65, b"\x00\x02\x01b\x02\x01a\x00"),
    )
    assert decode(*stream) == [("b", 1), ("a", 0)]


def test_types_that_encode_themselves_are_bytes() -> None:
    assert decode(message(define(65, 5, b"")), value(65, b"\x00\x02\x01\x02")) == b"\x01\x02"


def interface(name: str, type_id: int, content: bytes) -> bytes:
    return encode_text(name) + encode_int(type_id) + encode_bytes(content)


def test_an_interface_value_names_its_type() -> None:
    stream = (
        message(struct(65, K=GoKind.INTERFACE)),
        value(65, b"\x01" + interface("string", GoKind.STRING, b"\x00\x02hi") + b"\x00"),
    )
    assert decode(*stream) == {
        "K": InterfaceValue(name="string", type_id=GoKind.STRING, value="hi")
    }


def test_an_interface_without_a_name_holds_nothing() -> None:
    assert decode(message(slice_of(65, GoKind.INTERFACE)), value(65, b"\x00\x02\x00\x00")) == [
        None,
        None,
    ]


def test_definitions_inside_an_interface_split_the_value_over_messages() -> None:
    opening = encode_int(65) + b"\x01" + encode_text("T")
    decoded = decode(
        message(struct(65, K=GoKind.INTERFACE, After=GoKind.INT)),
        message(opening + struct(66, N=67)),
        message(slice_of(67, GoKind.UINT)),
        message(encode_int(66) + encode_bytes(b"\x01\x01\x07\x00") + b"\x01\x04\x00"),
    )
    assert decoded == {
        "K": InterfaceValue(name="T", type_id=66, value={"N": [7]}),
        "After": 2,
    }


def test_definitions_of_an_interface_inside_an_interface_lie_in_the_same_message() -> None:
    innermost = encode_int(66) + encode_bytes(b"\x01\x07\x00") + b"\x00"
    inner = b"\x01" + encode_text("Inner") + struct(66, N=GoKind.UINT)
    decoded = decode(
        message(struct(65, K=GoKind.INTERFACE)),
        message(
            encode_int(65)
            + b"\x01"
            + encode_text("Outer")
            + encode_int(65)
            + encode_bytes(inner)
            + encode_bytes(innermost)
            + b"\x00"
        ),
    )
    inner_value = InterfaceValue(name="Inner", type_id=66, value={"N": 7})
    assert decoded == {"K": InterfaceValue(name="Outer", type_id=65, value={"K": inner_value})}


def test_bytes_behind_a_value_are_broken() -> None:
    with pytest.raises(BrokenStreamError, match="follow a complete"):
        decode(value(GoKind.INT, b"\x00\x02\x00"))


def test_bytes_behind_a_definition_are_broken() -> None:
    with pytest.raises(BrokenStreamError, match="follow a gob type"):
        decode(message(struct(65) + b"\x01"))


def test_an_unknown_type_is_broken() -> None:
    with pytest.raises(BrokenStreamError, match="never defined"):
        decode(value(99, b"\x00"))


def nested(depth: int) -> tuple[bytes, bytes]:
    return message(slice_of(65, 65)), value(65, b"\x00" + b"\x01" * depth + b"\x00")


def test_depth_has_a_limit() -> None:
    decode(*nested(DEFAULT_LIMITS.depth))
    with pytest.raises(StreamLimitError, match="nested"):
        decode(*nested(DEFAULT_LIMITS.depth + 1))


def test_counts_have_a_limit() -> None:
    limits = GobLimits(elements=3)
    decode(message(slice_of(65, GoKind.UINT)), value(65, b"\x00\x03\x01\x01\x01"), limits=limits)
    for definition in (slice_of(65, GoKind.UINT), map_of(65, GoKind.UINT, GoKind.UINT)):
        with pytest.raises(StreamLimitError, match="4 elements"):
            decode(message(definition), value(65, b"\x00\x04" + b"\x01" * 8), limits=limits)


def test_memory_has_a_limit() -> None:
    bomb = encode_uint(30_000) + bytes(30_000)
    with pytest.raises(StreamLimitError, match="1048576"):
        decode(message(slice_of(65, 66)), message(struct(66)), value(65, b"\x00" + bomb))


def test_a_value_over_many_messages_has_a_limit() -> None:
    limits = GobLimits(value=100)
    with pytest.raises(StreamLimitError, match="100 bytes"):
        decode(*(message(struct(number, A=2)) for number in range(65, 75)), limits=limits)


def test_definitions_have_a_limit_over_the_whole_connection() -> None:
    limits = GobLimits(definitions=60)
    decoder = Decoder(limits)
    for number in (65, 66, 67):
        decoder.feed(message(struct(number, A=2)) + value(number, b"\x00"))
        assert isinstance(decoder.next_value(), Decoded)
    decoder.feed(message(struct(68, A=2)) + value(68, b"\x00"))
    with pytest.raises(StreamLimitError, match="definitions"):
        decoder.next_value()
