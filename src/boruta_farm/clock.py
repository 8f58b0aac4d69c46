"""Where time comes from: the system in production, a virtual loop in tests."""

import asyncio
import ctypes
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final, Protocol

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)


class Clock(Protocol):
    """Tell the time; the only source of it outside the agent's fence."""

    def now(self) -> datetime:
        """Return the farm's time, aware and in UTC, going backwards by journalled steps only."""
        ...

    def monotonic(self) -> float:
        """Return seconds of a steady clock that also runs while the machine sleeps."""
        ...


class FarmClock(Clock, Protocol):
    """Tell the farm's time beside the machine's, and be set anew; for the one who owns the time."""

    @property
    def anchor(self) -> int:
        """Return the farm's time less the machine's steady clock, in microseconds."""
        ...

    def drift(self) -> timedelta:
        """Return how far the machine's wall clock is ahead of the farm's time."""
        ...

    def step(self, by: timedelta) -> None:
        """Set the farm's time forward, or back."""
        ...


# Asked several times per call: a function of ours around it cost half as much again.
_boottime: Final = partial(time.clock_gettime_ns, time.CLOCK_BOOTTIME)


class SystemClock:
    """Read the wall clock once and go on with the steady one.

    A jump of the wall clock therefore neither lengthens a job nor times a request out. ``drift``
    tells how far the two have come apart; ``step`` takes it over, which is for the farm's
    ``Timekeeper`` to decide. ``wall`` and ``steady`` (nanoseconds since boot) are the machine's.
    """

    def __init__(
        self,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        steady: Callable[[], int] = _boottime,
    ) -> None:
        self._wall, self._steady = wall, steady
        self._base = wall() - timedelta(0, 0, steady() // 1000)

    @property
    def anchor(self) -> int:
        """Return the farm's time at the machine's boot, in microseconds since 1970."""
        return (self._base - _EPOCH) // _MICROSECOND

    def now(self) -> datetime:
        """Return the wall time at start plus the steady seconds since, and what it was stepped."""
        return self._base + timedelta(0, 0, self._steady() // 1000)

    def monotonic(self) -> float:
        """Return CLOCK_BOOTTIME in seconds."""
        return self._steady() / 1e9

    def drift(self) -> timedelta:
        """Return how far the system's wall clock is ahead of ours."""
        return self._wall() - self.now()

    def step(self, by: timedelta) -> None:
        """Set the farm's time forward, or back."""
        self._base += by


class VirtualClock:
    """Follow the running event loop's time, which a virtual loop advances at will.

    ``wall_ahead`` is how far the imagined machine's wall clock is ahead of where it was at first.
    """

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._start = start
        self.wall_ahead = timedelta()

    def read_wall(self) -> None:
        """Begin with the imagined machine's wall clock, as a process does that starts."""
        self.step(self.wall_ahead)

    @property
    def anchor(self) -> int:
        """Return the farm's time at the loop's zero, in microseconds since 1970."""
        return (self._start - _EPOCH) // _MICROSECOND

    def now(self) -> datetime:
        """Return the start plus the loop's seconds."""
        return self._start + timedelta(seconds=self.monotonic())

    def monotonic(self) -> float:
        """Return the loop's seconds."""
        return asyncio.get_running_loop().time()

    def drift(self) -> timedelta:
        """Return how far the imagined machine's wall clock is ahead of the farm's time."""
        return self.wall_ahead

    def step(self, by: timedelta) -> None:
        """Set the farm's time forward, or back."""
        self._start += by
        self.wall_ahead -= by


class _Timex(ctypes.Structure):
    """What the kernel tells of its clock, with room for what it tells besides."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("frequency", ctypes.c_long),
        ("largest_error", ctypes.c_long),
        ("estimated_error", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


_UNSYNCHRONISED: Final = 0x40
_ERROR: Final = 5


def synchronised() -> bool:
    """Tell whether the system says that its wall clock agrees with a time server.

    False also where it does not tell.
    """
    told = _Timex()
    try:
        state = ctypes.CDLL(None, use_errno=True).adjtimex(ctypes.byref(told))
    except (AttributeError, OSError):
        return False
    return 0 <= state != _ERROR and not told.status & _UNSYNCHRONISED
