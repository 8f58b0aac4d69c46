"""Small farms in which a request waits, one for each reason it can have."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from boruta_farm.core.demands import demand_key
from boruta_farm.matching.index import Index
from boruta_farm.matching.learning import demand_name
from boruta_farm.model.explanation import Cause, Explanation
from boruta_farm.model.job import Job, JobPhase
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.summary import Summary
from boruta_farm.model.worker import Worker, WorkerState
from tests.matching.naive import START, make_request, make_worker

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PI = {"board": "rpi4"}
PI_HDMI = {**PI, "hdmi": "yes"}


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Tell what is so in a farm, and what is asked about.

    ``used`` is board time in seconds by subject, ``lengths`` what past jobs on such boards took,
    in minutes. ``sees`` tells whether the asker may read names.
    """

    title: str
    asked: Request
    others: tuple[Request | Worker, ...] = ()
    policies: Policies = Policies()
    used: Mapping[str, float] | None = None
    lengths: tuple[int, ...] = ()
    sees: bool = True

    def explanation(self) -> Explanation:
        """Return what the farm explains."""
        index = Index(START, FarmSettings(policies=self.policies))
        name = demand_name(demand_key(make_request(1, PI)))
        seconds = tuple(60.0 * minutes for minutes in self.lengths)
        summaries = [
            Summary(subject=subject, values=(used,), updated=START)
            for subject, used in (self.used or {}).items()
        ]
        if seconds:
            subject = f"length/{name}/"
            summaries.append(Summary(subject=subject, values=seconds, updated=START))
        index.begin(summaries)
        for record in (*self.others, self.asked):
            if isinstance(record, Request):
                index.put_request(record)
            else:
                index.put_worker(record)
        return index.explain(self.asked, START, lambda _: self.sees)


def board(number: int, caps: Mapping[str, str], state: WorkerState = WorkerState.IDLE) -> Worker:
    """Return a board of the scene."""
    return make_worker(f"{number:02}", dict(caps), state=state)


def running(number: int, on: int, minutes: int = 20, owner: str = "bob") -> Request:
    """Return a request that has held a board for ten minutes and has it for some more."""
    job = Job(
        request_id=number,
        worker=f"{on:02}",
        epoch=3,
        phase=JobPhase.LIVE,
        granted=START - 10 * MINUTE,
        timeout=START + minutes * MINUTE,
        limit=START + 24 * HOUR,
    )
    request = make_request(number, PI, owner=owner, groups=[])
    return replace(request, state=RequestState.IN_PROGRESS, job=job)


def opening(number: int, on: int, **how: Any) -> Request:
    """Return a request whose own key is being installed on a board."""
    request = running(number, on)
    assert request.job is not None
    job = replace(request.job, **{"phase": JobPhase.OPENING, **how})
    return replace(request, state=RequestState.WAITING, job=job)


def waiting(number: int, caps: Mapping[str, str] = PI, **how: Any) -> Request:
    """Return a waiting request of a farm with users."""
    return make_request(number, dict(caps), **{"groups": [], **how})


def since(hours: int) -> dict[str, Any]:
    """Return when a request was filed that has waited for so long."""
    return {"created": START - hours * HOUR, "valid_after": START - hours * HOUR}


RUN, KEPT, BROKEN = WorkerState.RUNNING, WorkerState.MAINTENANCE, WorkerState.FAILED
BUSY = (board(1, PI, RUN), running(3, 1))

SCENES = (
    Scene(
        title="All boards that fit are busy, and it is the first to get one",
        asked=waiting(7),
        others=(
            *BUSY,
            board(2, PI, RUN),
            running(4, 2, 45),
            replace(board(3, PI, KEPT), reason="fan"),
            board(4, {"board": "rpi3"}),
        ),
        lengths=(25, 30, 40),
    ),
    Scene(
        title="Others come first: more important ones",
        asked=waiting(7),
        others=(*BUSY, waiting(8, priority=3)),
        lengths=(25, 30, 40),
    ),
    Scene(
        title="Others come first: older ones",
        asked=waiting(7),
        others=(*BUSY, waiting(5), waiting(6)),
        lengths=(25, 30, 40),
    ),
    Scene(
        title="Others come first: less important ones that have waited long, with `ageing`",
        asked=waiting(7, **since(0)),
        others=(*BUSY, waiting(5, priority=9, **since(5))),
        policies=Policies(ageing=4 * HOUR),
    ),
    Scene(
        title="Others come first: those of owners who have used less, with `fair_share`",
        asked=waiting(7, owner="ann"),
        others=(*BUSY, waiting(8, owner="eve")),
        policies=Policies(fair_share=FairShare.OWNERS),
        used={"use/owner/ann": 7200.0},
    ),
    Scene(
        title="Others come first: those of groups that have used less, with `fair_share`",
        asked=waiting(7, groups=["ci"]),
        others=(*BUSY, waiting(8, groups=["qa"])),
        policies=Policies(fair_share=FairShare.GROUPS),
        used={"use/group/ci": 7200.0},
    ),
    Scene(
        title="Its owner has as many jobs as he may have at once, with `owner_limit`",
        asked=waiting(7, owner="bob"),
        others=(*BUSY, board(2, PI)),
        policies=Policies(owner_limit=1),
    ),
    Scene(
        title="The same on a farm without users, who are all one there",
        asked=waiting(7, groups=None),
        others=(BUSY[0], replace(running(3, 1), owner="ann", owner_groups=None), board(2, PI)),
        policies=Policies(owner_limit=1),
    ),
    Scene(
        title="It is not yet valid",
        asked=waiting(7, valid_after=START + 2 * HOUR),
        others=(board(1, PI),),
    ),
    Scene(
        title="No board has a capability that is asked for",
        asked=waiting(7, {"board": "rpi4", "hdmi": "yes"}),
        others=(board(1, {**PI, "hdmi": "no"}), board(2, PI), board(3, {"board": "rpi3"})),
    ),
    Scene(
        title="No board has such a value, or such a capability",
        asked=waiting(7, {"board": "rpi44", "hdmy": "yes"}),
        others=(board(1, {**PI, "hdmi": "yes"}), board(2, {"board": "rpi3"})),
    ),
    Scene(
        title="No board has all of what is asked for",
        asked=waiting(7, PI_HDMI),
        others=(board(1, PI), board(2, {"board": "rpi3", "hdmi": "yes"})),
    ),
    Scene(
        title="A selector refuses every board",
        asked=replace(waiting(7, {}), caps=None, selector="board = rpi4, ram >= 4"),
        others=(board(1, {**PI, "ram": "2"}), board(2, {"board": "rpi3", "ram": "8"})),
    ),
    Scene(
        title="The boards serve other groups",
        asked=waiting(7, groups=["ci"]),
        others=(replace(board(1, PI), groups=("lab",)), board(2, {"board": "rpi3"})),
    ),
    Scene(
        title="The boards are out of service",
        asked=waiting(7),
        others=(
            replace(board(1, PI, BROKEN), reason="the power supply is off"),
            replace(board(2, PI, KEPT), reason="new firmware"),
            replace(board(3, PI), unreachable_since=START - 40 * MINUTE),
        ),
    ),
    Scene(
        title="No board is registered at all",
        asked=waiting(7, {}),
    ),
    Scene(
        title="The agent of the board that is held is out of reach",
        asked=waiting(7),
        others=(
            replace(BUSY[0], unreachable_since=START - 2 * MINUTE),
            BUSY[1],
            board(2, PI, RUN),
            running(4, 2),
        ),
    ),
    Scene(
        title="A board is about to be given to it",
        asked=waiting(7),
        others=(board(1, PI),),
    ),
    Scene(
        title="A board is being opened for it, since it brought its own SSH key",
        asked=opening(7, 1),
        others=(board(1, PI, RUN),),
    ),
    Scene(
        title="A board is being made ready for it, as it asked",
        asked=opening(7, 1, phase=JobPhase.READYING, progress="sd: writing, 41.2 MB of 310.0 MB"),
        others=(board(1, PI, RUN),),
    ),
    Scene(
        title="The asker may not see who holds the boards (`show_owners = false`)",
        asked=waiting(7),
        others=BUSY,
        sees=False,
    ),
)

NOT_STAGED = {Cause.NONE, Cause.STARTING}
"""Requests that do not wait, and the seconds in which a server reads its queue."""
