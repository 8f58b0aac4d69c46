"""Calls on the farm's time."""

from boruta_farm.contracts import Timekeeping
from boruta_farm.web.answers import told
from boruta_farm.web.calls import JSON_TYPE, Answer, Call


class ClockCalls:
    """Answer ``clock`` and ``clock/adopt``."""

    def __init__(self, time: Timekeeping) -> None:
        self._time = time

    async def read(self, call: Call) -> Answer:
        """Tell the farm's time beside its machine's."""
        reading = self._time.reading(call.caller)
        return Answer(status=200, headers=(JSON_TYPE,), body=told(reading))

    async def adopt(self, call: Call) -> Answer:
        """Set the farm's time to its machine's."""
        reading = await self._time.adopt(call.caller)
        return Answer(status=200, headers=(JSON_TYPE,), body=told(reading))
