"""How much of a peer's stream is accepted."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class GobLimits:
    """Bound what one connection can cost. The defaults keep it under 4 MiB.

    The largest legitimate message, the key of 4096 bits in a ``Prepare``, is under 1 KiB.
    Sizes are in bytes, times in seconds. ``memory`` is an upper estimate of what Python spends on
    one decoded value (and on all calls in flight together), since one byte on the wire may become
    a hundred in memory.
    """

    message: int = 64 * 1024
    value: int = 64 * 1024  # all messages that make up one value, definitions included
    memory: int = 1024 * 1024
    depth: int = 16
    elements: int = 32 * 1024  # of one list or map
    types: int = 64  # definitions, over the whole connection
    fields: int = 64  # of one struct type
    definitions: int = 16 * 1024  # bytes of all definitions, over the whole connection
    name: int = 256  # of a method, type, field or interface
    calls: int = 16  # in flight
    value_seconds: float = 10.0  # from the first byte of a call to its last
    write_seconds: float = 30.0  # until a peer that does not read is given up
    idle_seconds: float | None = 600.0  # without any call; None keeps the connection for ever


DEFAULT_LIMITS: Final = GobLimits()
