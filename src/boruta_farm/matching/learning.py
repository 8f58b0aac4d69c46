"""What ended jobs teach: how long jobs last, and who has used boards how much.

The writer saves what a job taught in the transaction that ends it, followers learn the same from
the same change; both call ``learnt``.
"""

import json
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import blake2b
from math import ceil

from boruta_farm.core.demands import DemandKey, demand_key
from boruta_farm.core.moments import micros, moment
from boruta_farm.matching.policies.ledger import GROUP, OWNER
from boruta_farm.matching.policies.shares import Use
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.summary import Summary

LENGTHS_KEPT = 32
"""Lengths remembered per subject: enough for a range, few enough to follow changing habits."""

SUMMARIES_KEPT = 20_000
"""Subjects remembered; those that taught nothing for longest go first."""

Known = Callable[[str], Summary | None]


@lru_cache(maxsize=16_384)
def demand_name(key: DemandKey) -> str:
    """Return a short name under which lengths of jobs that demand this are kept."""
    text = json.dumps([sorted(key.caps), sorted(key.bars)], separators=(",", ":"))
    return blake2b(text.encode(), digest_size=9).hexdigest()


def lengths_of(demand: str, owner: str) -> str:
    """Return the subject of a demand's lengths, of one owner or of all (empty)."""
    return f"length/{demand}/{owner}"


def shares_of(owner: str) -> str:
    """Return the subject of how much of a named length jobs use, of one owner or of all (empty)."""
    return f"share/{owner}"


def use_of(kind: str, name: str) -> str:
    """Return the subject of an account's use."""
    return f"use/{kind}/{name}"


def learnt(known: Known, request: Request, settings: FarmSettings) -> tuple[Summary, ...]:
    """Return the summaries that a finished request's job changes, none for any other request.

    Lengths are learnt from jobs that came to their end, not from those that a failure cut off;
    use is charged for both. A job whose length was named teaches which share of it was used:
    how long it lasted tells nothing of those whose length is another, or not named. Who looks after
    a board that is out of service teaches nothing.
    """
    job = request.job
    if not request.state.finished or job is None or job.ended is None or request.borrows:
        return ()
    start, end = micros(job.granted), micros(job.ended)
    found = []
    for subject in _uses(request):
        before = known(subject)
        half_life = round(settings.policies.half_life.total_seconds() * 1_000_000)
        use = (_use(before) if before else Use()).plus(start, end - start, half_life)
        found.append(Summary(subject=subject, values=(use.seconds,), updated=moment(use.at)))
    if request.state is RequestState.DONE:
        seconds = float(max(1, ceil((end - start) / 1_000_000)))
        subjects = tuple(_lengths(request))
        if request.length is not None:
            seconds /= request.length.total_seconds()
            subjects = (shares_of(request.owner), shares_of(""))
        for subject in subjects:
            before = known(subject)
            values = (*(before.values if before else ()), seconds)[-LENGTHS_KEPT:]
            found.append(Summary(subject=subject, values=values, updated=job.ended))
    return tuple(found)


def _uses(request: Request) -> Iterator[str]:
    yield use_of(OWNER, request.owner)
    for group in sorted(request.owner_groups or ()):
        yield use_of(GROUP, group)


def _lengths(request: Request) -> Iterator[str]:
    demand = demand_name(demand_key(request))
    yield lengths_of(demand, request.owner)
    yield lengths_of(demand, "")
    yield lengths_of("", request.owner)


def _use(summary: Summary) -> Use:
    return Use(seconds=summary.values[0], at=micros(summary.updated))


class Memory:
    """Keep the summaries as a follower knows them."""

    def __init__(self, settings: FarmSettings) -> None:
        self._settings = settings
        self._summaries: dict[str, Summary] = {}

    def begin(self, summaries: Iterable[Summary]) -> None:
        """Start over from what the store holds."""
        ordered = sorted(summaries, key=lambda summary: summary.updated)
        self._summaries = {summary.subject: summary for summary in ordered}

    def summaries(self) -> tuple[Summary, ...]:
        """Return all there is."""
        return tuple(self._summaries.values())

    def uses(self) -> dict[tuple[str, str], Use]:
        """Return every account's use, by kind and name."""
        found = {}
        for subject, summary in self._summaries.items():
            what, _, rest = subject.partition("/")
            if what == "use":
                kind, _, name = rest.partition("/")
                found[kind, name] = _use(summary)
        return found

    def note(self, request: Request) -> None:
        """Learn from a request that is finished now."""
        for summary in learnt(self._summaries.get, request, self._settings):
            self._summaries.pop(summary.subject, None)
            self._summaries[summary.subject] = summary
        while len(self._summaries) > SUMMARIES_KEPT:
            del self._summaries[next(iter(self._summaries))]

    def lengths(self, demand: str, owner: str) -> tuple[float, ...]:
        """Return lengths in seconds: of this demand and owner, else of the demand, of the owner."""
        return self._first(lengths_of(demand, owner), lengths_of(demand, ""), lengths_of("", owner))

    def named_lengths(self, owner: str, length: float) -> tuple[float, ...]:
        """Return how long jobs last that name this length (in seconds): of this owner, else all."""
        shares = self._first(shares_of(owner), shares_of(""))
        return tuple(share * length for share in shares)

    def _first(self, *subjects: str) -> tuple[float, ...]:
        known = (self._summaries.get(subject) for subject in subjects)
        return next((summary.values for summary in known if summary is not None), ())
