"""What server and relay tell each other: one JSON object per line, both ways.

A relay greets whoever connects: ``hello``, then one ``holds`` per worker whose job is live. The
server answers with the full wanted set (``begin``, one ``route`` per worker, ``commit``), then
changes (``put``, ``drop``). Anyone may say ``drain``, ``stop`` and ``ping``. The relay reports
``bind-failed``, ``released``, ``connections``, ``used``, ``pong``, and ``replaced`` to a server
whose place another one takes. With ``stream`` it asks that a board's agent open one to its
``port``; the server answers ``refuse`` where the agent will not; ``no-streams`` tells that none can
arrive. A relay whose ``hello`` says so takes ``sessions``: from which of its own ports somebody is
signed in at a board.

The relay of a site dials several servers. It greets each with ``hello`` and tells all of them which
ports are ``bound``; the one to which it says ``follow`` answers with the full wanted set.
Relays and servers of different versions meet, so ``hello``, ``holds``, ``begin``, ``route``,
``commit``, ``drain``, ``released``, ``ping`` and ``pong`` keep what they say.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.worker import Reach

LINE_LIMIT = 64 * 1024

HELLO = "hello"
HOLDS = "holds"
BEGIN = "begin"
ROUTE = "route"
COMMIT = "commit"
PUT = "put"
DROP = "drop"
DRAIN = "drain"
STOP = "stop"
PING = "ping"
PONG = "pong"
BIND_FAILED = "bind-failed"
RELEASED = "released"
CONNECTIONS = "connections"
REPLACED = "replaced"
STREAM = "stream"
REFUSE = "refuse"
NO_STREAMS = "no-streams"
SESSIONS = "sessions"
USED = "used"
BOUND = "bound"
FOLLOW = "follow"

Value = str | int | float | bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Carry one line; the getters raise ProtocolError when a field is absent or mistyped."""

    kind: str
    fields: Mapping[str, object]

    def text(self, name: str) -> str:
        """Return a field that holds text."""
        value = self.fields.get(name)
        if isinstance(value, str):
            return value
        raise self._wrong(name)

    def whole(self, name: str) -> int:
        """Return a field that holds a whole number."""
        value = self.whole_or_none(name)
        if value is not None:
            return value
        raise self._wrong(name)

    def whole_or_none(self, name: str) -> int | None:
        """Return a field that holds a whole number or null."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        raise self._wrong(name)

    def seconds_or_none(self, name: str) -> float | None:
        """Return a field that holds a number or null."""
        value = self.fields.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
        raise self._wrong(name)

    def ports(self, name: str) -> frozenset[int]:
        """Return a field that holds port numbers with commas between."""
        given = [port for port in self.text(name).split(",") if port]
        if all(port.isascii() and port.isdigit() and len(port) < 6 for port in given):
            return frozenset(map(int, given))
        raise self._wrong(name)

    def switch(self, name: str) -> bool:
        """Return a field that holds true or false."""
        value = self.fields.get(name)
        if isinstance(value, bool):
            return value
        raise self._wrong(name)

    def _wrong(self, name: str) -> ProtocolError:
        return ProtocolError(f"relay protocol: {self.kind!r} has no usable {name!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class TunnelBounds:
    """Tell a relay how many connections it takes, and how long from those who say nothing.

    ``connections`` are those of one tunnel, ``silent`` those of them whose clients have said
    nothing yet, from one source, which they must within ``patience`` seconds; ``greeting`` are
    agents' streams that have not greeted, in all. A server before these says nothing of them.
    """

    connections: int = 1000
    silent: int = 128
    patience: float = 10.0
    greeting: int = 256

    @classmethod
    def read(cls, message: Message) -> "TunnelBounds":
        """Return what a line says of them. Raises ProtocolError."""
        patience = message.seconds_or_none("patience")
        return cls(
            connections=message.whole_or_none("connections") or USUAL.connections,
            silent=message.whole_or_none("silent") or USUAL.silent,
            patience=USUAL.patience if patience is None else patience,
            greeting=message.whole_or_none("greeting") or USUAL.greeting,
        )

    def fields(self) -> dict[str, Value]:
        """Return the fields of a line that says them."""
        return {
            "connections": self.connections,
            "silent": self.silent,
            "patience": self.patience,
            "greeting": self.greeting,
        }


USUAL: Final = TunnelBounds()


@dataclass(frozen=True, slots=True, kw_only=True)
class RouteEntry:
    """Tell a relay what a worker's port is for.

    ``epoch`` is that of the live job, None without one; ``cut_in`` is how many seconds from now
    the job's connections end at the latest.
    """

    worker: str
    port: int
    host: str
    target: int
    epoch: int | None = None
    cut_in: float | None = None
    reach: Reach = Reach.DIRECT

    @classmethod
    def read(cls, message: Message) -> "RouteEntry":
        """Return the entry that a line carries. Raises ProtocolError."""
        entry = cls(
            worker=message.text("worker"),
            port=message.whole("port"),
            host=message.text("host"),
            target=message.whole("target"),
            epoch=message.whole_or_none("epoch"),
            cut_in=message.seconds_or_none("cut_in"),
            reach=_reach(message),
        )
        if (entry.epoch is None) != (entry.cut_in is None):
            raise ProtocolError("relay protocol: a live epoch and its end come together")
        if not (0 <= entry.port <= 65535 and 0 <= entry.target <= 65535):
            raise ProtocolError("relay protocol: a port is a number from 0 to 65535")
        return entry

    def line(self, kind: str) -> bytes:
        """Return the line that carries this entry."""
        return encode(
            kind,
            worker=self.worker,
            port=self.port,
            host=self.host,
            target=self.target,
            epoch=self.epoch,
            cut_in=self.cut_in,
            reach=self.reach.value,
        )


def _reach(message: Message) -> Reach:
    """Return how a board is reached; servers before outbound streams do not say."""
    try:
        return Reach(message.text("reach")) if "reach" in message.fields else Reach.DIRECT
    except ValueError:
        raise ProtocolError("relay protocol: 'reach' is direct, outbound or auto") from None


def encode(kind: str, **fields: Value) -> bytes:
    """Return one line."""
    return json.dumps({"type": kind, **fields}).encode() + b"\n"


def decode(line: bytes) -> Message:
    """Return the message of one line. Raises ProtocolError."""
    try:
        fields: object = json.loads(line)
    except (ValueError, RecursionError):
        fields = None
    if isinstance(fields, dict) and isinstance(kind := fields.get("type"), str):
        return Message(kind=kind, fields=fields)
    raise ProtocolError("relay protocol: a line is no JSON object with a 'type'")
