"""Why a request waits, in words: the one text of API, command line, logs and page."""

from collections.abc import Iterable, Mapping
from dataclasses import replace

from boruta_farm.model.explanation import (
    AbsentWorker,
    Cause,
    Explanation,
    Guess,
    JobLimit,
    Lack,
    NearMiss,
    WorkerHolder,
)
from boruta_farm.model.readiness import BOOT_CAPABILITY, IMAGE_CAPABILITY
from boruta_farm.model.request import RequestState
from boruta_farm.model.worker import UUID_CAPABILITY, WorkerState
from boruta_farm.words.counts import count
from boruta_farm.words.joining import joined
from boruta_farm.words.standing import sentence
from boruta_farm.words.times import Times
from boruta_farm.words.worker import OUT_OF_REACH, STATES

SERVING = frozenset({WorkerState.IDLE, WorkerState.RUNNING, WorkerState.PREPARE})
"""States that keep no worker from serving: its agent is away."""

NAMED = 3
"""Boards and capabilities named in one clause."""


def said(found: Explanation, times: Times) -> Explanation:
    """Return an explanation together with the words for what was found out."""
    miss = found.near_miss
    return replace(
        found,
        text=line(found, times),
        nearest=None if miss is None else nearest(miss),
        changes=changes(found, times),
    )


def line(found: Explanation, times: Times) -> str:
    """Say everything in one line."""
    return joined((*clauses(found, times), *_others(found)))


def headline(found: Explanation, times: Times) -> str:
    """Say the same as of a request that is not named beside it."""
    waits = found.state == RequestState.WAITING and found.cause is not Cause.NOW
    return f"{'waiting' if waits else f'request {found.request_id}'}: {line(found, times)}"


def clauses(found: Explanation, times: Times) -> tuple[str, ...]:
    """Say where a request stands and what it waits for, what holds it back most first.

    What other boards lack is told only by ``line``: pages have a place of its own for it.
    """
    if _foreign(found):
        return (found.text,)
    if found.standing is not None:
        return (sentence(found.standing, times),)
    if found.cause is Cause.STARTING:
        return ("the farm has just started and is still reading its queue; ask again soon",)
    if found.state != RequestState.WAITING:
        return (f"it is {found.state}",)
    if not found.matching:
        return tuple(nothing_fits(found))
    if found.cause is Cause.NOW:
        return ("a free board is being prepared for it",)
    parts = []
    if found.not_before is not None:
        parts.append(f"not before {times.moment(found.not_before)}")
    if found.limit is not None:
        parts.append(_limit(found.limit))
    if found.position is not None:
        place = f"position {found.position}"
        ordered = found.cause is Cause.QUEUE and found.decided is not None
        parts.append(f"{place} ({found.decided})" if ordered else place)
    parts.append(_boards(found, times))
    if found.forecast is not None:
        expected = times.range(found.forecast.earliest, found.forecast.latest)
        parts.append(f"expected start {expected}")
    return tuple(parts)


def changes(found: Explanation, times: Times) -> tuple[str, ...]:
    """Tell what would let the request start, or start sooner; each line is enough by itself."""
    if found.state != RequestState.WAITING or found.cause in (Cause.NONE, Cause.STARTING):
        return ()
    told = []
    if found.cause is Cause.LIMIT and found.limit is not None:
        whose = f" of {_account(found.limit)}" if found.limit.name is not None else ""
        told.append(f"a job{whose} ends")
    if found.cause is Cause.NOT_YET_VALID:
        told.append("an earlier ValidAfter")
    if found.cause is Cause.GROUPS:
        told.append("a board that matches serves one of the owner's groups")
    told += [
        f"{worker.name} returns to service ({_absence(worker, times)})"
        for worker in found.absent[:NAMED]
    ]
    if found.cause not in (Cause.NOW, Cause.NOT_YET_VALID):
        most = sorted(found.without.items(), key=lambda item: (-item[1], item[0]))
        more = "more board" if found.matching else "board"
        told += [
            f"without {brief(wanted)}: {count(boards, more)} would match"
            for wanted, boards in most[:NAMED]
        ]
    if not found.matching and not told and found.cause.hopeless:
        wanted = ", ".join(map(brief, found.wanted))
        told.append(f"a board with {wanted} is registered" if wanted else "a board is registered")
    return tuple(told)


def held(holder: WorkerHolder, times: Times) -> str:
    """Say who has a board, and until when."""
    who = holder.owner or f"request {holder.request_id}"
    return f"{holder.name}, held by {who} until {times.moment(holder.until)}"


def hold(holder: WorkerHolder, times: Times) -> str:
    """Say the same with the request's number and its owner, as far as he may be told."""
    of = f" of {holder.owner}" if holder.owner else ""
    until = times.moment(holder.until)
    return f"{holder.name} until {until} by request {holder.request_id}{of}"


def nearest(miss: NearMiss) -> str:
    """Say what the board that misses least fails on."""
    return f"{miss.name} {' and '.join(map(_lack, miss.lacks))}"


def guesses(found: Explanation) -> tuple[str, ...]:
    """Say what was perhaps meant by names and values that no board has."""
    return tuple(map(_guess, found.guesses))


def _lack(lack: Lack) -> str:
    if lack.has is None:
        asked = f"{lack.name}=yes"
        told = brief(asked)
        return f"has no {lack.name if told == asked else told}"
    return f"has {lack.has}" if lack.barred else f"has {lack.has} instead of {lack.wanted}"


def _guess(guess: Guess) -> str:
    meant = f"did you mean {' or '.join(guess.meant)}?"
    if guess.capability is None:
        return f"no board has a capability {guess.given!r}, {meant}"
    return f"for {guess.capability}, {meant}"


def _boards(found: Explanation, times: Times) -> str:
    total = sum(found.matching.values())
    told = []
    for state, called in STATES.items():
        boards = found.matching.get(state, 0)
        if not boards:
            continue
        notes = []
        first = found.holders[0] if found.holders and state == WorkerState.RUNNING else None
        if first is not None:
            notes.append(f"{'first ' if boards > 1 else ''}{held(first, times)}")
        away = [worker for worker in found.absent if worker.state == state]
        notes += [
            f"{worker.name}: {', '.join(why)}"
            for worker in away[:NAMED]
            if (why := _notes(worker, times))
        ]
        words = f"{boards} {called}"
        told.append(f"{words} ({', '.join(notes)})" if notes else words)
    return f"{total} board{'s match' if total > 1 else ' matches'}: {', '.join(told)}"


def _notes(worker: AbsentWorker, times: Times) -> list[str]:
    """Say why a worker serves nobody."""
    notes = []
    if worker.reason and (worker.reason != OUT_OF_REACH or worker.unreachable_since is None):
        notes.append(worker.reason)
    if worker.unreachable_since is not None:
        notes.append(f"unreachable since {times.moment(worker.unreachable_since)}")
    return notes


def _absence(worker: AbsentWorker, times: Times) -> str:
    notes = ", ".join(_notes(worker, times))
    if worker.state in SERVING:
        return notes
    state = STATES[WorkerState(worker.state)]
    return f"{state}: {notes}" if notes else state


def nothing_fits(found: Explanation) -> Iterable[str]:
    """Say why no registered board could serve a request: a text without times."""
    if not (found.registered or found.wanted):
        yield "no board is registered"
        return
    if found.cause is Cause.GROUPS:
        groups = ", ".join(found.groups or ()) or "none"
        others = found.other_groups
        boards = "1 board has" if others == 1 else f"{others} boards have"
        yield f"{boards} what is asked for, but none serves the owner's groups ({groups})"
        return
    if found.unknown:
        yield f"no registered board has {' or '.join(map(brief, found.unknown))}"
    else:
        wanted = ", ".join(map(brief, found.lacking or found.wanted))
        lacking = f": {_lacking(found.lacking)}" if found.lacking else ""
        yield f"no registered board has all of {wanted}{lacking}"
    yield from guesses(found)
    if found.near_miss is not None:
        yield f"nearest miss: {nearest(found.near_miss)}"


def brief(wanted: str) -> str:
    """Write what is asked for as people asked for it.

    Of a UUID, which nobody can read, only that it is one; of what an image or a prompt takes of a
    board, which agents tell as capabilities that nobody has typed, what it is.
    """
    if wanted.startswith(f"{UUID_CAPABILITY}="):
        return "this UUID"
    name, _, value = wanted.partition("=")
    if value != "yes":
        return wanted
    if name == BOOT_CAPABILITY:
        return "power and console to boot it by"
    if name == IMAGE_CAPABILITY or name.startswith(f"{IMAGE_CAPABILITY}."):
        storage = name.removeprefix(IMAGE_CAPABILITY).removeprefix(".")
        into = f" for {storage}" if storage else ""
        return f"leave to fetch images{into} (image_urls of its storage)"
    return wanted


def _foreign(found: Explanation) -> bool:
    """Tell whether only the server that found it out can say it, the cause being unknown here."""
    return found.cause is Cause.NONE and found.standing is None and bool(found.text)


def _others(found: Explanation) -> Iterable[str]:
    if found.matching and found.lacking and found.standing is None and not _foreign(found):
        yield _lacking(found.lacking)


def _lacking(lacking: Mapping[str, int]) -> str:
    most = sorted(lacking.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(_without(boards, caps) for caps, boards in most[:NAMED])


def _without(boards: int, wanted: str) -> str:
    if wanted.startswith(f"{UUID_CAPABILITY}="):
        return f"{boards} {'is another' if boards == 1 else 'are others'}"
    return f"{boards} {'lacks' if boards == 1 else 'lack'} {brief(wanted)}"


def _limit(limit: JobLimit) -> str:
    allowed = count(limit.allowed, "job")
    return f"{_account(limit)} has {limit.held} of {allowed} allowed at once"


def _account(limit: JobLimit) -> str:
    return f"{limit.kind} {limit.name}" if limit.name is not None else "everybody together"
