"""Errors of the wire rebuilt as errors of the model, and words for servers out of reach."""

import json
import os
import re
import socket
import ssl
from typing import TYPE_CHECKING

from boruta_farm.client.wire import read
from boruta_farm.model import errors
from boruta_farm.model.errors import (
    BorutaError,
    InvalidError,
    NotFoundError,
    ProtocolError,
    RefusedError,
    RequestNotFoundError,
    RouteNotFoundError,
    SelectorError,
    UnauthenticatedError,
    UnavailableError,
    WorkerNotFoundError,
)

if TYPE_CHECKING:
    from boruta_farm.model.answers import Refusal

PREFIX = "invalid request: "


def _codes() -> dict[str, type[BorutaError]]:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    return {c.code: c for c in classes if issubclass(c, BorutaError)}


BY_CODE = _codes() | {
    "bad-request-id": RequestNotFoundError,
    "bad-worker-id": WorkerNotFoundError,
}
"""Ids that no server could know are not found, whatever the HTTP status says."""

BY_TEXT = {error.default_message(): error for error in BY_CODE.values()}
"""The original's server sends no codes, but its texts are ours to the letter."""

BY_STATUS: dict[int, type[BorutaError]] = {
    401: UnauthenticatedError,
    403: RefusedError,
    404: NotFoundError,
    500: BorutaError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}

PLAIN_ANSWERS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE")
"""OpenSSL's reasons where the other side answered without TLS."""

LOGIN = "; sign in with 'boruta login', or set BORUTA_TOKEN to a token this server knows"

_UNNAMED = re.compile(r"boruta login(?! http)")
"""Servers do not know under which address they are called; whoever calls does."""


def unheeded(what: str) -> RouteNotFoundError:
    """Return the error for what a server of the original would ignore without a word."""
    return RouteNotFoundError(
        f"this server is of the original Boruta, which cannot do this (it knows no {what})"
    )


def is_original(records: object, key: str) -> bool:
    """Tell whether records lack a key that our servers always tell."""
    found = records if isinstance(records, list) else [records]
    return any(isinstance(record, dict) and key not in record for record in found)


def error_of(status: int, body: bytes, address: str) -> BorutaError:
    """Return the error that an answer of status 300 and above stands for."""
    told = _refusal(body)
    if told is None or not told.message:
        if status == 400 and b"HTTPS" in body:
            # So say this server, nginx and Go, of the port that was called.
            return UnavailableError(
                f"the server at {address} speaks TLS there: write https:// instead of http://"
            )
        return _foreign(status, address)
    plain = told.message.removeprefix(PREFIX)
    kind = BY_CODE.get(told.code) or BY_TEXT.get(plain) or _by_status(status)
    if status == 404 and not told.code and plain.startswith("/"):
        # So answers the original's server, which knows nothing of what is new here.
        return RouteNotFoundError(
            f"the server at {address} is of the original Boruta, which cannot do this ({plain})"
        )
    words = plain if issubclass(kind, InvalidError) else told.message
    if status == 401:
        words = _UNNAMED.sub(f"boruta login {address}", words if told.code else words + LOGIN)
    error = kind(words)
    error.standing = told.standing
    if isinstance(error, SelectorError):
        error.column = told.column
    return error


def unreachable(address: str, error: BaseException, proxy: str = "") -> str:
    """Say that a server was not reached, why, and what to do.

    ``proxy`` is the HOST:PORT that was dialled in the server's place, empty where none was.
    """
    hint = "start it with 'boruta serve', or name another with --server or BORUTA_SERVER"
    what = f"cannot reach the server at {address}"
    if proxy:
        what += f" by the proxy {proxy} of the environment"
        hint = "if the server is reached without it, name that in NO_PROXY"
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            why = cause.verify_message or "its certificate was not accepted"
            return (
                f"cannot trust the server at {address}: {why}; "
                f"where the farm has an authority of its own, 'boruta login {address} --ca-file "
                "FILE' keeps its file for good; --ca-file and BORUTA_CA_FILE name it for once"
            )
        if isinstance(cause, ssl.SSLError) and cause.reason in PLAIN_ANSWERS:
            return f"the server at {address} speaks no TLS there: write http:// instead of https://"
        if isinstance(cause, ssl.SSLError):
            why = (cause.reason or str(cause)).lower().replace("_", " ")
            return (
                f"cannot speak TLS with the server at {address}: {why}; "
                "if it serves without TLS, write http:// instead"
            )
        if isinstance(cause, socket.gaierror):
            return f"{what}: the host's name is not known; {hint}"
        if isinstance(cause, OSError) and cause.errno:
            # The event loop puts other words into strerror.
            why = os.strerror(cause.errno).lower()
            return f"{what}: {why}; {hint}"
    why = str(error).rstrip(".") or "no answer in time"
    if address.startswith("http:") and "disconnected" in why:
        hint = "if it serves over TLS, write https:// instead"
    return f"{what}: {why}; {hint}"


def _causes(error: BaseException) -> list[BaseException]:
    """Return an error and all it came from, the deepest first."""
    found: list[BaseException] = []
    queue: list[BaseException | None] = [error]
    while queue:
        current = queue.pop(0)
        if current is None or current in found:
            continue
        found.append(current)
        queue += [current.__cause__, current.__context__]
        if isinstance(current, BaseExceptionGroup):
            queue += current.exceptions
    return found[::-1]


def _refusal(body: bytes) -> "Refusal | None":
    """Return what the server says, None where that is nothing of ours or the original's."""
    from boruta_farm.model.answers import Refusal

    try:
        content = json.loads(body)
    except ValueError:
        return None
    if not isinstance(content, dict):
        return None
    # The refusal itself must be told, whatever a newer server adds to it.
    for told in (content, {key: content.get(key) for key in ("message", "Code")}):
        try:
            return read(Refusal, told)
        except ProtocolError:
            continue
    return None


def _by_status(status: int) -> type[BorutaError]:
    if status in BY_STATUS:
        return BY_STATUS[status]
    return InvalidError if 400 <= status < 500 else BorutaError


def _foreign(status: int, address: str) -> BorutaError:
    if status in (502, 503, 504):
        return UnavailableError(f"{address} answered with status {status}; try again in a moment")
    kind = RefusedError if status in (401, 403) else BorutaError
    extra = (
        _UNNAMED.sub(f"boruta login {address}", LOGIN)
        if status == 401
        else "; is this the address of a Boruta server?"
    )
    return kind(f"{address} answered with status {status} and no words of ours{extra}")
