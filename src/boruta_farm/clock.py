"""Where time comes from: the system in production, a virtual loop in tests."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Tell the time; the only source of it outside the agent's fence."""

    def now(self) -> datetime:
        """Return the farm's time, aware and in UTC, never going backwards."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a steady clock that also runs while the machine sleeps."""
        ...


class SystemClock:
    """Read the wall clock once and go on with the steady one.

    A jump of the wall clock therefore neither lengthens a job nor times a request out.
    ``drift`` tells how far the two have come apart, so that the server can raise an alarm.
    """

    def __init__(self) -> None:
        self._start_wall = datetime.now(UTC)
        self._start_steady = time.clock_gettime_ns(time.CLOCK_BOOTTIME)

    def now(self) -> datetime:
        """Return the wall time at start plus the steady seconds since."""
        passed = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - self._start_steady
        return self._start_wall + timedelta(0, 0, passed // 1000)

    def monotonic(self) -> float:
        """Return CLOCK_BOOTTIME in seconds."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def drift(self) -> timedelta:
        """Return how far the system's wall clock is ahead of ours."""
        return datetime.now(UTC) - self.now()


class VirtualClock:
    """Follow the running event loop's time, which a virtual loop advances at will."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start

    def now(self) -> datetime:
        """Return the start plus the loop's seconds."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()
