import pytest
from tests.gorpc.captures import load

from boruta_farm.gorpc.decoder import NEED_MORE
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.errors import BrokenStreamError, MismatchError, StreamLimitError
from boruta_farm.gorpc.rpc import (
    REQUEST,
    RESPONSE,
    Incoming,
    Receiver,
    RequestHeader,
    ResponseHeader,
)
from boruta_farm.gorpc.schema import Empty, GoStruct
from boruta_farm.gorpc.services import HEALTHCHECK, PREPARE, SET_FAIL, SetFailRequest


def test_requests_come_with_their_arguments() -> None:
    receiver = Receiver(REQUEST)
    receiver.feed(load("superviser-setfail").requests)
    incoming = receiver.next_message()
    assert isinstance(incoming, Incoming)
    assert incoming.header == RequestHeader(method="Superviser.SetFail", sequence=0)
    assert receiver.bind(incoming.body, SET_FAIL.argument) == SetFailRequest(
        uuid="e1d8bb68-3f1c-4a1e-9b53-3f54a8a3e0a1", reason="sd card unreadable"
    )
    assert receiver.next_message() is NEED_MORE


def test_replies_come_with_their_error() -> None:
    receiver = Receiver(RESPONSE)
    receiver.feed(load("superviser-register-error").replies)
    incoming = receiver.next_message()
    assert isinstance(incoming, Incoming)
    assert incoming.header == ResponseHeader(
        method="Superviser.Register", sequence=0, error="Capabilities are missing UUID entry"
    )


def test_a_body_of_another_type_does_not_disturb_what_follows() -> None:
    receiver = Receiver(REQUEST)
    receiver.feed(load("stm-setled").requests)
    first = receiver.next_message()
    assert isinstance(first, Incoming)
    with pytest.raises(MismatchError):
        receiver.bind(first.body, PREPARE.argument)
    second = receiver.next_message()
    assert isinstance(second, Incoming)
    assert second.header.sequence == 1


def test_a_header_without_its_body_is_the_middle_of_a_message() -> None:
    receiver = Receiver(REQUEST)
    header = RequestHeader(method=HEALTHCHECK.name, sequence=0)
    receiver.feed(Encoder().encode((REQUEST, header)))
    assert receiver.next_message() is NEED_MORE
    assert receiver.inside_message


def test_something_else_than_a_header_is_broken() -> None:
    receiver = Receiver(REQUEST)
    receiver.feed(Encoder().encode((SET_FAIL.argument, SetFailRequest(uuid="u", reason="r"))))
    with pytest.raises(BrokenStreamError, match="no call over Go RPC"):
        receiver.next_message()


def test_method_names_have_a_limit() -> None:
    receiver = Receiver(REQUEST)
    header = RequestHeader(method="x" * 257, sequence=0)
    receiver.feed(Encoder().encode((REQUEST, header), (GoStruct(name="E", record=Empty), Empty())))
    with pytest.raises(StreamLimitError, match="257"):
        receiver.next_message()
