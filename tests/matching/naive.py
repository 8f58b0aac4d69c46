"""The matching rules said plainly, by looking at everything each time."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta

from boruta_farm.core.demands import demand_key
from boruta_farm.core.jobs import Grant
from boruta_farm.model.caller import serves
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.selectors.selector import parse

Turns = Callable[[list[Request], list[Request]], Request | None]

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)


def make_request(
    request_id: int,
    caps: dict[str, str] | None = None,
    *,
    priority: int = 8,
    groups: Iterable[str] | None = None,
    valid_after: datetime = START,
    deadline: datetime = START + 30 * DAY,
    owner: str = "ann",
    created: datetime = START,
    selector: str | None = None,
    ssh_key: str | None = None,
    length: timedelta | None = None,
) -> Request:
    """Return a waiting request."""
    return Request(
        id=request_id,
        owner=owner,
        owner_name=owner,
        owner_groups=None if groups is None else frozenset(groups),
        priority=priority,
        valid_after=valid_after,
        deadline=deadline,
        state=RequestState.WAITING,
        caps=caps,
        selector=selector,
        ssh_key=ssh_key,
        length=length,
        created=created,
    )


def make_worker(
    uuid: str,
    caps: dict[str, str] | None = None,
    *,
    state: WorkerState = WorkerState.IDLE,
    groups: tuple[str, ...] = (),
    fence: Fence = Fence.AGENT,
) -> Worker:
    """Return a registered worker, its UUID among its capabilities."""
    return Worker(
        uuid=uuid,
        name=f"lab-{uuid}",
        state=state,
        since=START,
        caps={"UUID": uuid, **(caps or {})},
        groups=groups,
        epoch=3,
        fence=fence,
        dryad_address="192.0.2.1:7175",
        ssh_address="192.0.2.1:22",
        port=20000,
        registered=START,
    )


def order(request: Request) -> tuple[int, int]:
    """Return what waiting requests are sorted by."""
    return request.priority, request.id


def capability(worker: Worker) -> tuple[int, str]:
    """Return what idle workers are sorted by."""
    return len(worker.matched) + len(worker.groups), worker.uuid


def fits(request: Request, worker: Worker) -> bool:
    """Tell whether a worker can serve a request."""
    has_all = all(worker.matched.get(name) == value for name, value in request.required.items())
    meets = parse(request.selector or "").matches(worker.matched)
    takes_key = worker.fence is Fence.AGENT or (request.ssh_key or "ssh-rsa").split()[0] in (
        "ssh-rsa",
        "ssh-ed25519",
    )
    return has_all and meets and takes_key and serves(worker.groups, request.owner_groups)


def most_servable(requests: list[Request], workers: list[Worker]) -> int:
    """Return the size of a largest assignment (Kuhn's algorithm)."""
    server: dict[str, Request] = {}

    def place(request: Request, seen: set[str]) -> bool:
        for worker in workers:
            if worker.uuid not in seen and fits(request, worker):
                seen.add(worker.uuid)
                if worker.uuid not in server or place(server[worker.uuid], seen):
                    server[worker.uuid] = request
                    return True
        return False

    return sum(place(request, set()) for request in requests)


def can_serve(requests: list[Request], workers: list[Worker]) -> bool:
    """Tell whether all requests can have a worker at once."""
    return most_servable(requests, workers) == len(requests)


def best_use(
    requests: Iterable[Request], workers: Iterable[Worker], turns: Turns | None = None
) -> list[Grant]:
    """Return who gets which worker.

    A request is served when it can be without taking a worker from one before it. Then each in
    its order gets the least capable worker that leaves the others served. ``turns`` tells who
    is next after those served so far; by default the first in the original's order.
    """
    idle = sorted(workers, key=capability)
    served: list[Request] = []
    left = sorted(requests, key=order)
    while left:
        request = left[0] if turns is None else turns(left, served)
        if request is None:
            break
        left.remove(request)
        if can_serve([*served, request], idle):
            served.append(request)
    grants = []
    for number, request in enumerate(served, 1):
        worker = next(
            w
            for w in idle
            if fits(request, w) and can_serve(served[number:], [x for x in idle if x is not w])
        )
        idle.remove(worker)
        grants.append(
            Grant(
                request_id=request.id,
                request_revision=request.revision,
                worker=worker.uuid,
                worker_revision=worker.revision,
                epoch=worker.epoch,
            )
        )
    return grants


def grantable(request: Request, now: datetime) -> bool:
    """Tell whether a request can be granted now."""
    waits = request.state is RequestState.WAITING and request.live_job is None
    return waits and request.valid_after <= now < request.deadline


def position(
    request: Request,
    requests: Iterable[Request],
    workers: list[Worker],
    now: datetime,
    key: Callable[[Request], tuple[int, ...]] = order,
    by_owner: bool = False,
) -> int:
    """Return the place of a waiting request among valid ones that compete with it.

    Those who ask for the same compete even where no worker is registered, unless policies look
    ``by_owner`` and their owners differ.
    """

    def competes(other: Request) -> bool:
        alike = demand_key(other) == demand_key(request)
        alike = alike and not (by_owner and other.owner != request.owner)
        return alike or any(fits(request, w) and fits(other, w) for w in workers)

    return 1 + sum(
        other.state is RequestState.WAITING
        and other.valid_after <= now
        and key(other) < key(request)
        and competes(other)
        for other in requests
    )
