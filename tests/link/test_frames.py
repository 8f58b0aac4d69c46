import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boruta_farm.link.failures import FrameError, RpcCode
from boruta_farm.link.frames import (
    LARGEST_MESSAGE,
    LONGEST_METHOD,
    CallOutcome,
    IncomingCall,
    decode,
    encode_call,
    encode_failure,
    encode_result,
)
from boruta_farm.model.errors import (
    BoardError,
    BorutaError,
    KeyRefusedError,
    LimitError,
    ProtocolError,
    StaleEpochError,
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
NEARLY = st.fixed_dictionaries(
    {"jsonrpc": st.just("2.0") | JSON},
    optional=dict.fromkeys(("id", "method", "params", "result", "error"), JSON),
)


def test_a_call_goes_there_and_back() -> None:
    text = encode_call(7, "grant", {"epoch": 3, "key": "ssh-ed25519 ü"})
    assert decode(text) == IncomingCall(
        id=7, method="grant", params={"epoch": 3, "key": "ssh-ed25519 ü"}
    )
    assert text.isascii()


def test_a_message_without_id_wants_no_answer() -> None:
    assert decode(encode_call(None, "goodbye", {})) == IncomingCall(
        id=None, method="goodbye", params={}
    )


def test_a_result_goes_there_and_back() -> None:
    assert decode(encode_result("a", {"epoch": 3})) == CallOutcome(id="a", result={"epoch": 3})


@pytest.mark.parametrize(
    "error",
    [
        BoardError("no space"),
        KeyRefusedError("no"),
        StaleEpochError(),
        BorutaError("?"),
        ProtocolError("bad"),
    ],
)
def test_an_error_keeps_class_and_words(error: BorutaError) -> None:
    outcome = decode(encode_failure(1, error))
    assert isinstance(outcome, CallOutcome)
    assert type(outcome.error) is type(error)
    assert outcome.error.message == error.message


def test_an_error_of_a_newer_version_keeps_its_code_in_words() -> None:
    error = {"code": -32000, "message": "too warm", "data": {"code": "overheated"}}
    outcome = decode(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}))
    assert isinstance(outcome, CallOutcome)
    assert str(outcome.error) == "too warm (overheated)"


def test_words_that_could_not_be_stored_are_replaced() -> None:
    error = {"code": -32000, "message": "a\0b\ud800c", "data": {"code": "board-failed"}}
    outcome = decode(json.dumps({"jsonrpc": "2.0", "id": 1, "error": error}))
    assert isinstance(outcome, CallOutcome)
    assert str(outcome.error) == "a?b?c"


def test_a_large_message_is_neither_sent_nor_read() -> None:
    with pytest.raises(LimitError):
        encode_call(1, "register", {"caps": "x" * LARGEST_MESSAGE})
    with pytest.raises(FrameError, match="larger"):
        decode(" " * (LARGEST_MESSAGE + 1))
    with pytest.raises(FrameError, match="larger"):
        decode("€" * (LARGEST_MESSAGE // 2))
    largest = encode_call(1, "register", {}).ljust(LARGEST_MESSAGE)
    assert decode(largest) == IncomingCall(id=1, method="register", params={})


def test_the_name_of_a_call_has_a_longest() -> None:
    named = decode(encode_call(1, "m" * LONGEST_METHOD, {}))
    assert isinstance(named, IncomingCall)
    with pytest.raises(FrameError, match="short text"):
        decode(encode_call(1, "m" * (LONGEST_METHOD + 1), {}))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", RpcCode.PARSE_ERROR),
        ("{", RpcCode.PARSE_ERROR),
        ("[" * 60000, RpcCode.PARSE_ERROR),
        ("1" * 5000, RpcCode.PARSE_ERROR),
        ('{"jsonrpc": "2.0", "method": "end", "params": {"epoch": NaN}}', RpcCode.PARSE_ERROR),
        ('{"jsonrpc": "2.0", "method": "a", "method": "b"}', RpcCode.PARSE_ERROR),
        ("[]", RpcCode.INVALID_REQUEST),
        ('{"method": "end"}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": 1}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "end", "params": [1]}', RpcCode.INVALID_PARAMS),
        ('{"jsonrpc": "2.0", "method": "end", "id": 1.5}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "end", "id": true}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "method": "end", "id": null}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "result": {}, "error": {}}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "result": 5}', RpcCode.INVALID_REQUEST),
        ('{"jsonrpc": "2.0", "id": 1, "error": {"code": 1}}', RpcCode.INVALID_REQUEST),
    ],
)
def test_rubbish_is_refused_with_the_standard_code(text: str, code: RpcCode) -> None:
    with pytest.raises(FrameError) as refused:
        decode(text)
    assert refused.value.rpc_code is code


@given(st.text() | NEARLY.map(json.dumps))
def test_decoding_ends_in_a_message_or_a_frame_error(text: str) -> None:
    with contextlib.suppress(FrameError):
        assert isinstance(decode(text), IncomingCall | CallOutcome)
