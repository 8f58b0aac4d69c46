"""A board in the hand of a test."""

from boruta_farm.client.blocking import Bridge, PlainLease
from boruta_farm.client.lease import Lease
from boruta_farm.model.worker import Worker
from boruta_farm.words.worker import board_text, tools_text


class LentBoard(PlainLease):
    """A lease that knows its board: its ``name``, ``caps`` and ``facts``."""

    def __init__(self, lease: Lease, bridge: Bridge, record: Worker) -> None:
        super().__init__(lease, bridge)
        self.name = record.name
        self.caps = dict(record.matched)
        self.facts = dict(record.facts or {})

    def __repr__(self) -> str:
        return f"<board {self.name} of request {self.request_id}>"

    def words(self) -> str:
        """Return what it is, in lines for a report."""
        lines = [f"board {self.name} ({self.worker}), request {self.request_id}"]
        lines += [text for text in (board_text(self.caps), tools_text(self.caps)) if text]
        lines += [f"{name}: {value}" for name, value in sorted(self.facts.items())]
        return "\n".join(lines)
