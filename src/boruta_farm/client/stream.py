"""Server-sent events: lines in, messages out (WHATWG HTML, section 9.2)."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamMessage:
    """Carry one message; ``event`` is ``message`` unless named, ``last_id`` the id in force."""

    event: str
    data: str
    last_id: str


class MessageParser:
    """Take lines without their ends and return a message at each empty line that ends one."""

    def __init__(self, last_id: str = "") -> None:
        self._last_id = last_id
        self._event = ""
        self._data: list[str] = []

    def take(self, line: str) -> StreamMessage | None:
        """Take one line. Comments, unknown fields and ``retry`` change nothing."""
        if not line:
            return self._finish()
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            self._data.append(value)
        elif name == "event":
            self._event = value
        elif name == "id" and "\0" not in value:
            self._last_id = value
        return None

    def _finish(self) -> StreamMessage | None:
        event, data = self._event or "message", self._data
        self._event, self._data = "", []
        if not data:
            return None
        return StreamMessage(event=event, data="\n".join(data), last_id=self._last_id)
