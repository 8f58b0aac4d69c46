from dataclasses import dataclass

import pytest
from tests.gorpc.streams import array_of, define, map_of, message, slice_of, struct, value

from boruta_farm.gorpc.decoder import Decoder
from boruta_farm.gorpc.errors import InvalidKeyError, MismatchError
from boruta_farm.gorpc.parser import Decoded
from boruta_farm.gorpc.primitives import encode_bytes, encode_int, encode_text, encode_uint
from boruta_farm.gorpc.schema import INT, STRING, Empty, GoField, GoStruct, Map, Scalar, Slice, T
from boruta_farm.gorpc.services import (
    GET_CURRENT_RECORD,
    PREPARE,
    REGISTER,
    SET_LED,
    CurrentRecordReply,
    SetLEDRequest,
)
from boruta_farm.gorpc.types import GoKind


def bind(schema: GoStruct[T], *messages: bytes) -> T:
    decoder = Decoder()
    decoder.feed(b"".join(messages))
    decoded = decoder.next_value()
    assert isinstance(decoded, Decoded)
    return decoder.bind(decoded, schema)


def test_fields_are_matched_by_name_whatever_their_order() -> None:
    sent = struct(70, B=GoKind.UINT, Extra=GoKind.STRING, Led=GoKind.STRING, led=GoKind.STRING)
    content = b"\x01\x07\x01\x01x\x01\x012\x01\x01y\x00"
    record = bind(SET_LED.argument, message(sent), value(70, content))
    assert record == SetLEDRequest(led="2", red=0, green=0, blue=7)


def test_an_empty_struct_fits_any_record() -> None:
    record = bind(SET_LED.argument, message(struct(65)), value(65, b"\x00"))
    assert record == SetLEDRequest(led="", red=0, green=0, blue=0)
    assert (
        bind(GoStruct(name="E", record=Empty), message(struct(65, A=2)), value(65, b"\x00"))
        == Empty()
    )


def test_structs_without_a_common_field_do_not_match() -> None:
    with pytest.raises(MismatchError, match="no fields matched compiling decoder for Interface"):
        bind(SET_LED.argument, message(struct(65, r=GoKind.UINT)), value(65, b"\x00"))


def test_numbers_beyond_the_width_of_their_field_do_not_match() -> None:
    sent = message(struct(65, R=GoKind.UINT))
    assert bind(SET_LED.argument, sent, value(65, b"\x01\xff\xff\x00")).red == 255
    with pytest.raises(MismatchError, match='value for "R" out of range'):
        bind(SET_LED.argument, sent, value(65, b"\x01\xfe\x01\x00\x00"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Narrow:
    number: int


@pytest.mark.parametrize(
    ("number", "fits"), [(127, True), (-128, True), (128, False), (-129, False)]
)
def test_signed_numbers_have_a_width_too(number: int, fits: bool) -> None:
    field = GoField(name="N", attribute="number", schema=Scalar(kind=GoKind.INT, bits=8))
    schema = GoStruct(name="Narrow", record=Narrow, fields=(field,))
    stream = message(struct(65, N=GoKind.INT)), value(65, b"\x01" + encode_int(number) + b"\x00")
    if fits:
        assert bind(schema, *stream).number == number
    else:
        with pytest.raises(MismatchError):
            bind(schema, *stream)


@pytest.mark.parametrize(
    ("schema", "sent"),
    [
        (SET_LED.argument, (message(struct(65, R=GoKind.INT)), value(65, b"\x01\x02\x00"))),
        (SET_LED.argument, (message(struct(65, Led=GoKind.BYTES)), value(65, b"\x01\x011\x00"))),
        (SET_LED.argument, (value(GoKind.STRING, b"\x00\x00"),)),
        (PREPARE.argument, (message(struct(65, Key=GoKind.STRING)), value(65, b"\x01\x01x\x00"))),
        (
            GET_CURRENT_RECORD.reply,
            (
                message(struct(65, Samples=66)),
                message(array_of(66, GoKind.INT, 1)),
                value(65, b"\x01\x01\x02\x00"),
            ),
        ),
        (
            GET_CURRENT_RECORD.reply,
            (
                message(struct(65, Samples=66)),
                message(slice_of(66, GoKind.UINT)),
                value(65, b"\x01\x01\x02\x00"),
            ),
        ),
        (
            REGISTER.argument,
            (
                message(struct(65, Caps=66)),
                message(map_of(66, GoKind.STRING, GoKind.INT)),
                value(65, b"\x01\x01\x01a\x02\x00"),
            ),
        ),
    ],
)
def test_other_types_do_not_match(schema: GoStruct[object], sent: tuple[bytes, ...]) -> None:
    with pytest.raises(MismatchError, match="type mismatch"):
        bind(schema, *sent)


def test_lists_become_tuples() -> None:
    sent = message(struct(65, Samples=66)), message(slice_of(66, GoKind.INT))
    record = bind(GET_CURRENT_RECORD.reply, *sent, value(65, b"\x01\x02\x01\x02\x00"))
    assert record == CurrentRecordReply(samples=(-1, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Outer:
    by_name: dict[str, tuple[Inner, ...]]


def test_types_nest() -> None:
    inner = GoStruct(
        name="I", record=Inner, fields=(GoField(name="N", attribute="number", schema=INT),)
    )
    by_name = Map(name="M", key=STRING, element=Slice(name="L", element=inner))
    outer = GoStruct(
        name="O", record=Outer, fields=(GoField(name="M", attribute="by_name", schema=by_name),)
    )
    record = bind(
        outer,
        message(struct(65, M=66)),
        message(map_of(66, GoKind.STRING, 67)),
        message(slice_of(67, 68)),
        message(struct(68, N=GoKind.INT)),
        value(65, b"\x01\x01\x01a\x02\x01\x02\x00\x00\x00"),
    )
    assert record == Outer(by_name={"a": (Inner(number=1), Inner(number=0))})


def prepare(name: str, type_id: int, content: bytes) -> tuple[bytes, ...]:
    definitions = (
        struct(65, Key=GoKind.INTERFACE),
        struct(66, N=67, E=GoKind.INT),
        define(67, 5, b""),
    )
    interface = encode_text(name) + encode_int(type_id) + encode_bytes(content)
    return *(message(each) for each in definitions), value(65, b"\x01" + interface + b"\x00")


def test_an_interface_takes_registered_names_only() -> None:
    with pytest.raises(MismatchError, match='not registered for interface: "dsa"'):
        bind(PREPARE.argument, *prepare("dsa", 66, b"\x00"))


def test_the_type_under_a_registered_name_must_match() -> None:
    with pytest.raises(MismatchError):
        bind(PREPARE.argument, *prepare("*ssh.rsaPublicKey", GoKind.BYTES, b"\x00\x01x"))


@pytest.mark.parametrize(
    "content", [b"\x00", b"\x01\x01\x02\x00", b"\x01\x02\x03\x05\x01\x06\x00", b"\x02\x06\x00"]
)
def test_keys_that_are_no_keys_do_not_match(content: bytes) -> None:
    with pytest.raises(InvalidKeyError):
        bind(PREPARE.argument, *prepare("*ssh.rsaPublicKey", 66, content))


def test_an_ed25519_key_has_32_bytes() -> None:
    name = "golang.org/x/crypto/ssh.ed25519PublicKey"
    content = b"\x00" + encode_uint(31) + bytes(31)
    with pytest.raises(InvalidKeyError, match="32"):
        bind(PREPARE.argument, *prepare(name, GoKind.BYTES, content))
