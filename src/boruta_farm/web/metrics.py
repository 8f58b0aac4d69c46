"""What was answered, counted; and all figures of the farm, written for Prometheus."""

from collections.abc import Awaitable, Callable

from boruta_farm.histogram import Histogram
from boruta_farm.web.calls import Answer, Call

METRICS_MEDIA = "text/plain; version=0.0.4; charset=utf-8"

ANSWER_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)


class Traffic:
    """Count answers by the route's method and path, and status; ``streams`` are open now.
    ``served`` are all answers together.

    There are only so many routes, so strangers cannot make the figures grow.
    """

    def __init__(self) -> None:
        self.answers: dict[tuple[str, str, int], Histogram] = {}
        self.streams = 0
        self.served = 0

    def note(self, method: str, path: str, status: int, seconds: float) -> None:
        """Count one answer."""
        self.served += 1
        key = method, path, status
        histogram = self.answers.get(key)
        if histogram is None:
            histogram = self.answers[key] = Histogram(ANSWER_SECONDS)
        histogram.note(seconds)


class MetricsCalls:
    """Answer ``metrics``: who may see the farm may see its figures, which name no person."""

    def __init__(self, write: Callable[[], Awaitable[bytes]]) -> None:
        self._write = write

    async def show(self, _call: Call) -> Answer:
        """Write them."""
        media = (b"content-type", METRICS_MEDIA.encode())
        return Answer(status=200, headers=(media,), body=await self._write())
