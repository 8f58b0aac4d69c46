"""Errors on the wire: a JSON-RPC error object whose ``data.code`` names one of our classes."""

from collections.abc import Iterator
from enum import IntEnum

from boruta_farm.model import errors
from boruta_farm.model.errors import BorutaError, ProtocolError

LONGEST_TEXT = 4096


class RpcCode(IntEnum):
    """JSON-RPC's own numbers; SERVER_ERROR stands for all errors of ours."""

    PARSE_ERROR = -32700
    INVALID_REQUEST = -32600
    METHOD_NOT_FOUND = -32601
    INVALID_PARAMS = -32602
    INTERNAL_ERROR = -32603
    SERVER_ERROR = -32000


class FrameError(ProtocolError):
    """the message is no JSON-RPC 2.0"""

    def __init__(self, message: str, rpc_code: RpcCode = RpcCode.INVALID_REQUEST) -> None:
        super().__init__(message)
        self.rpc_code = rpc_code


class UnknownMethodError(ProtocolError):
    """the other side knows no such call"""


def failure_object(error: BorutaError) -> dict[str, object]:
    """Return the error object that stands for ``error``."""
    text = error.message[:LONGEST_TEXT]
    return {"code": int(_rpc_code(error)), "message": text, "data": {"code": error.code}}


def error_from(number: int, message: str, code: str | None) -> BorutaError:
    """Return the error that the other side meant.

    A code that this version does not know is kept in the words.
    """
    if number == RpcCode.METHOD_NOT_FOUND:
        return UnknownMethodError(message)
    if code in _BY_CODE:
        return _BY_CODE[code](message)
    if number in (RpcCode.INTERNAL_ERROR, RpcCode.SERVER_ERROR):
        return BorutaError(f"{message} ({code})" if code else message)
    return ProtocolError(message)


def _rpc_code(error: BorutaError) -> RpcCode:
    if isinstance(error, FrameError):
        return error.rpc_code
    if isinstance(error, UnknownMethodError):
        return RpcCode.METHOD_NOT_FOUND
    if isinstance(error, ProtocolError):
        return RpcCode.INVALID_PARAMS
    if type(error) is BorutaError:
        return RpcCode.INTERNAL_ERROR
    return RpcCode.SERVER_ERROR


def _classes(root: type[BorutaError]) -> Iterator[type[BorutaError]]:
    yield root
    for child in root.__subclasses__():
        yield from _classes(child)


_BY_CODE = {kind.code: kind for kind in _classes(BorutaError) if kind.__module__ == errors.__name__}
