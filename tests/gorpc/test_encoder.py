from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.gorpc.captures import NAMES, called, load
from tests.gorpc.values import ARGUMENTS, REPLIES, roundtrip

from boruta_farm.gorpc.decoder import NEED_MORE
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import MismatchError
from boruta_farm.gorpc.keys import RSAPublicKey
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.rpc import NO_REPLY, REQUEST, RESPONSE, Receiver
from boruta_farm.gorpc.schema import GoStruct
from boruta_farm.gorpc.services import (
    GET_CURRENT_RECORD,
    PREPARE,
    PRINT_TEXT,
    REGISTER,
    SET_LED,
    CurrentRecordReply,
    PrepareRequest,
    PrintTextRequest,
    RegisterRequest,
    SetLEDRequest,
)

# Go slips the definitions of a new interface type into the value; we send them before it.
DIFFERENT = {"dryad-prepare-rsa512", "dryad-prepare-rsa2048", "dryad-prepare-twice"}


def encode_requests_again(requests: bytes) -> bytes:
    receiver, encoder, again = Receiver(REQUEST), Encoder(), b""
    receiver.feed(requests)
    while (incoming := receiver.next_message()) is not NEED_MORE:
        schema = called(incoming.header.method).argument
        argument = receiver.bind(incoming.body, schema)
        again += encoder.encode((REQUEST, incoming.header), (schema, argument))
    return again


def encode_replies_again(replies: bytes) -> bytes:
    receiver, encoder, again = Receiver(RESPONSE), Encoder(), b""
    receiver.feed(replies)
    while (incoming := receiver.next_message()) is not NEED_MORE:
        header = incoming.header
        schema = NO_REPLY if header.error else called(header.method).reply
        reply = receiver.bind(incoming.body, schema)
        again += encoder.encode((RESPONSE, header), (schema, reply))
    return again


@pytest.mark.parametrize("name", sorted(set(NAMES) - DIFFERENT))
def test_requests_have_the_bytes_go_sends(name: str) -> None:
    requests = load(name).requests
    assert encode_requests_again(requests).hex() == requests.hex()


@pytest.mark.parametrize("name", NAMES)
def test_replies_have_the_bytes_go_sends(name: str) -> None:
    replies = load(name).replies
    assert encode_replies_again(replies).hex() == replies.hex()


def test_definitions_of_interface_values_come_before_the_value() -> None:
    encoder = Encoder()
    request = PrepareRequest(key=RSAPublicKey(modulus=0xC5C1, exponent=65537))
    first, second = (encoder.encode((PREPARE.argument, request)) for _ in range(2))
    assert first.endswith(second)
    assert second.hex() == (
        "24ff820111" + b"*ssh.rsaPublicKey".hex() + "ff840b010302c5c101fd0200020000"
    )


@pytest.mark.parametrize("name", sorted(ARGUMENTS))
@given(data=st.data())
def test_every_argument_survives(name: str, data: st.DataObject) -> None:
    schema, strategy = ARGUMENTS[name]
    value = data.draw(strategy)
    assert roundtrip(schema, value) == value


@pytest.mark.parametrize("name", sorted(REPLIES))
@given(data=st.data())
def test_every_reply_survives(name: str, data: st.DataObject) -> None:
    schema, strategy = REPLIES[name]
    value = data.draw(strategy)
    assert roundtrip(schema, value) == value


def test_any_mapping_is_a_map() -> None:
    capabilities = MappingProxyType({"UUID": "u"})
    request = RegisterRequest(capabilities=capabilities, dryad_address="", ssh_address="")
    assert roundtrip(REGISTER.argument, request).capabilities == {"UUID": "u"}


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        (SET_LED.argument, SetLEDRequest(led="1", red=256, green=0, blue=0)),
        (SET_LED.argument, SetLEDRequest(led="1", red=-1, green=0, blue=0)),
        (SET_LED.argument, SetLEDRequest(led="1", red=True, green=0, blue=0)),
        (PRINT_TEXT.argument, PrintTextRequest(x=2**64, y=0, color="on", text="")),
        (GET_CURRENT_RECORD.reply, CurrentRecordReply(samples=(2**63,))),
    ],
)
def test_values_outside_their_type_cannot_be_sent(schema: GoStruct[object], value: object) -> None:
    with pytest.raises(MismatchError):
        Encoder().encode((schema, value))


def test_a_value_that_failed_leaves_no_trace() -> None:
    encoder, untouched = Encoder(), Encoder()
    bad = SetLEDRequest(led="1", red=256, green=0, blue=0)
    good = SetLEDRequest(led="1", red=1, green=0, blue=0)
    with pytest.raises(MismatchError):
        encoder.encode((PREPARE.argument, PrepareRequest(key=None)), (SET_LED.argument, bad))
    assert encoder.encode((SET_LED.argument, good)) == untouched.encode((SET_LED.argument, good))


def test_a_message_too_long_is_not_sent() -> None:
    encoder = Encoder(GobLimits(message=100))
    request = PrintTextRequest(x=0, y=0, color="on", text="x" * 100)
    with pytest.raises(MismatchError, match="exceeds the limit of 100"):
        encoder.encode((PRINT_TEXT.argument, request))
