"""Read bytes from a hostile peer as both ends would, and see what it costs."""

import time
import tracemalloc

from tests.gorpc.captures import METHODS

from boruta_farm.gorpc.decoder import NEED_MORE
from boruta_farm.gorpc.errors import BrokenStreamError, MismatchError
from boruta_farm.gorpc.keys import format_authorized_key
from boruta_farm.gorpc.rpc import REQUEST, RESPONSE, HeaderT, Incoming, Receiver
from boruta_farm.gorpc.services import PrepareRequest

MOST_MEMORY = 4 * 1024 * 1024
MOST_SECONDS = 1.0


class TooExpensiveError(AssertionError):
    """The stream cost more than a peer may cost."""


def read_everything(data: bytes, piece: int) -> int:
    """Read a stream as a server and as a client would; return how many messages there were.

    Only a broken stream or a mismatch may come out; anything else is a fault of ours.
    """
    return _read(Receiver(REQUEST), data, piece) + _read(Receiver(RESPONSE), data, piece)


def _read(receiver: Receiver[HeaderT], data: bytes, piece: int) -> int:
    messages = 0
    for start in range(0, len(data), piece):
        receiver.feed(data[start : start + piece])
        try:
            while (message := receiver.next_message()) is not NEED_MORE:
                messages += 1
                _bind(receiver, message)
        except BrokenStreamError:
            break
    return messages


def _bind(receiver: Receiver[HeaderT], message: Incoming[HeaderT]) -> None:
    method = METHODS.get(message.header.method)
    if method is None:
        return
    for schema in (method.argument, method.reply):
        try:
            record = receiver.bind(message.body, schema)
        except MismatchError:
            continue
        if isinstance(record, PrepareRequest) and record.key is not None:
            format_authorized_key(record.key)


def measure(data: bytes, piece: int) -> None:
    """Read everything; raise ``TooExpensiveError`` when it takes too much memory or time.

    Needs tracemalloc running. The time is the thread's own, which a busy machine hardly
    disturbs; what took long is read again untraced, since tracing slows it several times.
    """
    tracemalloc.clear_traces()
    seconds = _time(data, piece)
    _, peak = tracemalloc.get_traced_memory()
    if seconds > MOST_SECONDS:
        tracemalloc.stop()
        try:
            seconds = _time(data, piece)
        finally:
            tracemalloc.start()
    if seconds > MOST_SECONDS or peak > MOST_MEMORY:
        raise TooExpensiveError(f"{seconds:.2f} s, {peak} bytes")


def _time(data: bytes, piece: int) -> float:
    began = time.thread_time()
    read_everything(data, piece)
    return time.thread_time() - began
