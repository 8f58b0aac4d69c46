"""How much an agent may use: boards at once, minutes of boards, flashes and switchings of power."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from boruta_farm.model.errors import BorutaError
from boruta_farm.words.durations import rough

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)


class BudgetError(BorutaError):
    """the budget of this agent does not allow it"""

    code = "over-budget"


class CountedAct(StrEnum):
    """What is counted in an hour."""

    FLASH = "flashes"
    POWER = "power"


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Bound what may be used: ``minutes`` of boards in a day, the rest in an hour or at once."""

    boards: int = 1
    minutes: int = 240
    flashes: int = 6
    power: int = 60

    def most(self, counted: CountedAct) -> int:
        """Return how often something may be done in an hour."""
        return self.flashes if counted is CountedAct.FLASH else self.power


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """Note a board's time: until ``until``, or until it was given back."""

    request: int
    begun: datetime
    until: datetime
    over: bool = False

    def used(self, since: datetime) -> timedelta:
        """Return how much of it lies behind a moment."""
        return max(self.until - max(self.begun, since), timedelta())


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """Carry what was used within the last day."""

    bookings: tuple[Booking, ...] = ()
    acts: Mapping[CountedAct, tuple[datetime, ...]] = field(default_factory=dict)

    def since(self, now: datetime) -> "Spent":
        """Return what still counts."""
        return Spent(
            bookings=tuple(each for each in self.bookings if each.used(now - DAY)),
            acts={
                counted: tuple(at for at in self.acts.get(counted, ()) if at > now - HOUR)
                for counted in CountedAct
            },
        )

    def minutes_left(self, budget: Budget, now: datetime) -> timedelta:
        """Return how much board time is left of the day's."""
        used = sum((each.used(now - DAY) for each in self.bookings), timedelta())
        return max(timedelta(minutes=budget.minutes) - used, timedelta())

    def booked(self, budget: Budget, request: int, length: timedelta, now: datetime) -> "Spent":
        """Return it with a board's time more. Raises BudgetError."""
        held = [each for each in self.bookings if not each.over and each.until > now]
        if len(held) >= budget.boards:
            ids = ", ".join(str(each.request) for each in held)
            raise BudgetError(
                f"the budget is {budget.boards} boards at once, and requests {ids} hold them; "
                "give one back first"
            )
        self._check_time(budget, length, now)
        booking = Booking(request=request, begun=now, until=now + length)
        return replace(self, bookings=(*self.bookings, booking))

    def named(self, reserved: int, request: int) -> "Spent":
        """Return it with the id of a request that was reserved for before it was filed."""
        return self._replaced(reserved, replace(self._of(reserved), request=request))

    def moved(self, budget: Budget, request: int, end: datetime, now: datetime) -> "Spent":
        """Return it with another end of a board's time. Raises BudgetError for too late a one."""
        found = self._of(request)
        self._check_time(budget, end - found.until, now)
        return self._replaced(request, replace(found, until=end))

    def ended(self, request: int, now: datetime) -> "Spent":
        """Return it with a board given back; what was not used of its time is free again."""
        held = [each for each in self.bookings if each.request == request and not each.over]
        if not held:
            return self
        return self._replaced(request, replace(held[0], until=min(held[0].until, now), over=True))

    def done(self, budget: Budget, counted: CountedAct, now: datetime) -> "Spent":
        """Return it with something done once more. Raises BudgetError."""
        before = [at for at in self.acts.get(counted, ()) if at > now - HOUR]
        most = budget.most(counted)
        if len(before) >= most:
            words = f"in {rough(before[-most] + HOUR - now)}" if most else "never"
            raise BudgetError(
                f"the budget is {most} x {counted.value} in an hour, which are used up; "
                f"the next is free {words}"
            )
        return replace(self, acts={**self.acts, counted: (*before, now)})

    def _check_time(self, budget: Budget, more: timedelta, now: datetime) -> None:
        left = self.minutes_left(budget, now)
        if more > left:
            raise BudgetError(
                f"the budget is {budget.minutes} board minutes in a day; "
                f"{int(left / timedelta(minutes=1))} are left"
            )

    def _of(self, request: int) -> Booking:
        for each in self.bookings:
            if each.request == request and not each.over:
                return each
        raise BudgetError(f"request {request} is not one that this agent holds")

    def _replaced(self, request: int, booking: Booking) -> "Spent":
        kept = tuple(
            booking if each.request == request and not each.over else each for each in self.bookings
        )
        return replace(self, bookings=kept)
