"""JSON-RPC 2.0 messages as text, by name only and never in batches."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, NoReturn

from boruta_farm.link.failures import (
    LONGEST_TEXT,
    FrameError,
    RpcCode,
    error_from,
    failure_object,
)
from boruta_farm.link.fields import legible
from boruta_farm.model.errors import BorutaError, LimitError

LARGEST_MESSAGE: Final = 64 * 1024
"""Bytes of one message; a larger one ends the link."""

LONGEST_ID: Final = 64
LONGEST_METHOD: Final = 64
LARGEST_ID: Final = 2**53

JsonObject = Mapping[str, object]
CallId = int | str


@dataclass(frozen=True, slots=True, kw_only=True)
class IncomingCall:
    """Carry a call of the other side; without ``id`` it wants no answer."""

    id: CallId | None
    method: str
    params: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOutcome:
    """Carry the answer to a call of ours: a result, or an error.

    ``id`` is None when the other side could not read what it was sent.
    """

    id: CallId | None
    result: JsonObject
    error: BorutaError | None = None


def decode(text: str) -> IncomingCall | CallOutcome:
    """Read one message. Raises FrameError for anything that is no JSON-RPC 2.0."""
    if len(text) > LARGEST_MESSAGE or len(text.encode(errors="replace")) > LARGEST_MESSAGE:
        raise FrameError(f"a message is larger than {LARGEST_MESSAGE} bytes")
    try:
        message = _DECODER.decode(text)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a message is no JSON: {error}", RpcCode.PARSE_ERROR) from None
    if not isinstance(message, dict):
        raise FrameError("a message must be one JSON object; batches are not served")
    if message.get("jsonrpc") != "2.0":
        raise FrameError("a message must say that it is JSON-RPC 2.0")
    return _incoming(message) if "method" in message else _outcome(message)


def encode_call(call_id: int | None, method: str, params: JsonObject) -> str:
    """Write a call; without an id it wants no answer. Raises LimitError."""
    message: dict[str, object] = {"jsonrpc": "2.0", "method": method, "params": params}
    if call_id is not None:
        message["id"] = call_id
    return _encode(message)


def encode_result(call_id: CallId, result: JsonObject) -> str:
    """Write the answer to a call. Raises LimitError."""
    return _encode({"jsonrpc": "2.0", "id": call_id, "result": result})


def encode_failure(call_id: CallId | None, error: BorutaError) -> str:
    """Write the error that a call ended with."""
    return _encode({"jsonrpc": "2.0", "id": call_id, "error": failure_object(error)})


def _encode(message: JsonObject) -> str:
    text = _ENCODER.encode(message)
    if len(text) > LARGEST_MESSAGE:
        raise LimitError(f"a message of {len(text)} bytes is larger than {LARGEST_MESSAGE}")
    return text


def _incoming(message: dict[str, object]) -> IncomingCall:
    method, params = message["method"], message.get("params", {})
    if not isinstance(method, str) or len(method) > LONGEST_METHOD:
        raise FrameError("the method of a call must be a short text")
    if not isinstance(params, dict):
        raise FrameError("the params of a call must be an object", RpcCode.INVALID_PARAMS)
    call_id = _id(message["id"]) if "id" in message else None
    if call_id is None and "id" in message:
        raise FrameError("the id of a call must not be null")
    return IncomingCall(id=call_id, method=method, params=params)


def _outcome(message: dict[str, object]) -> CallOutcome:
    if "id" not in message or ("result" in message) == ("error" in message):
        raise FrameError("an answer must have an id and either a result or an error")
    call_id = _id(message["id"])
    if "error" in message:
        return CallOutcome(id=call_id, result={}, error=_error(message["error"]))
    result = message["result"]
    if call_id is None or not isinstance(result, dict):
        raise FrameError("the result of a call must be an object")
    return CallOutcome(id=call_id, result=result)


def _error(error: object) -> BorutaError:
    if not isinstance(error, dict):
        raise FrameError("an error must be an object")
    number, message, data = error.get("code"), error.get("message"), error.get("data")
    if not isinstance(number, int) or not isinstance(message, str):
        raise FrameError("an error must have a code and a message")
    code = data.get("code") if isinstance(data, dict) else None
    words = legible(message, LONGEST_TEXT)
    return error_from(number, words, code if isinstance(code, str) else None)


def _id(value: object) -> CallId | None:
    if value is None:
        return None
    if isinstance(value, str) and len(value) <= LONGEST_ID:
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= LARGEST_ID:
        return value
    raise FrameError("an id must be a whole number or a short text")


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that names a key twice: its two readers could differ."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object names a key twice")
    return found


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# Made once: json.loads and json.dumps make them anew for every message.
_DECODER: Final = json.JSONDecoder(parse_constant=_refuse, object_pairs_hook=_object)
_ENCODER: Final = json.JSONEncoder(separators=(",", ":"), allow_nan=False)
