"""The policies said plainly: everything is added up anew each time somebody asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import log2

from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request, RequestState

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(kw_only=True)
class Books:
    """Say who comes first, from all requests there ever were and the proposals under way.

    ``proposed`` tells since when a request is proposed a worker.
    """

    policies: Policies
    now: datetime
    job_timeout: timedelta
    requests: Iterable[Request]
    proposed: Mapping[int, datetime]
    taken: list[Request] = field(default_factory=list)

    def jobs(self) -> Iterable[tuple[Request, datetime, timedelta, bool]]:
        """Yield every hold: whose, from when, how long, and whether it goes on."""
        for request in self.taken:
            yield request, self.now, self.job_timeout, True
        for request in self.requests:
            job = request.job
            if request.id in self.proposed:
                yield request, self.proposed[request.id], self.job_timeout, True
            elif job is not None and job.holds:
                yield request, job.granted, job.timeout - job.granted, True
            elif job is not None and job.ended is not None:
                yield request, job.granted, job.ended - job.granted, False

    def used(self, owner: str | None = None, group: str | None = None) -> float:
        """Return the recent use in seconds."""
        return float(
            sum(
                length.total_seconds() * 0.5 ** ((self.now - start) / self.policies.half_life)
                for request, start, length, _ in self.jobs()
                if _concerns(request, owner, group)
            )
        )

    def held(self, owner: str | None = None, group: str | None = None) -> int:
        """Return how many boards are held or proposed."""
        return sum(goes_on and _concerns(r, owner, group) for r, _, _, goes_on in self.jobs())

    def share(self, owner: str | None = None, group: str | None = None) -> int:
        """Return the use as it is compared: in steps of 1/256 doubling."""
        used = self.used(owner, group)
        if used < 1e-3:
            return 0
        return round((log2(used) + (self.now - EPOCH) / self.policies.half_life) * 256)

    def key(self, request: Request) -> tuple[int, ...]:
        """Return what a request is sorted by."""
        policies = self.policies
        shared = policies.fair_share
        level = request.priority
        if policies.ageing:
            since = max(request.created, request.valid_after) - EPOCH
            if shared is FairShare.NONE:
                microsecond = timedelta(microseconds=1)
                level = request.priority * (policies.ageing // microsecond) + since // microsecond
            else:
                level = request.priority + since // policies.ageing
        groups = owner = 0
        if shared in (FairShare.GROUPS, FairShare.BOTH):
            groups = min((self.share(group=g) for g in request.owner_groups or ()), default=0)
        if shared in (FairShare.OWNERS, FairShare.BOTH):
            owner = self.share(owner=request.owner)
        return level, groups, owner, request.id

    def allowed(self, request: Request) -> bool:
        """Tell whether the request's owner may hold one board more."""
        policies = self.policies
        limit = policies.owner_limits.get(request.owner, policies.owner_limit)
        if limit is not None and self.held(owner=request.owner) >= limit:
            return False
        for group in request.owner_groups or ():
            limit = policies.group_limits.get(group, policies.group_limit)
            if limit is not None and self.held(group=group) >= limit:
                return False
        return True

    def next(self, left: list[Request], served: list[Request]) -> Request | None:
        """Return whose turn it is once some of the same pass were served."""
        self.taken = served
        allowed = [request for request in left if self.allowed(request)]
        return min(allowed, key=self.key, default=None)


def _concerns(request: Request, owner: str | None, group: str | None) -> bool:
    return request.owner == owner if group is None else group in (request.owner_groups or ())


def finished_jobs(requests: Iterable[Request]) -> list[Request]:
    """Return the requests whose job is over."""
    over = (RequestState.DONE, RequestState.FAILED)
    return [request for request in requests if request.state in over and request.job is not None]
