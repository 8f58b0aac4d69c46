"""A world in dictionaries: the smallest thing the core can decide upon."""

from datetime import UTC, datetime, timedelta

from boruta_farm.core.jobs import Grant
from boruta_farm.core.plan import (
    Answer,
    ClockStepped,
    CreationRemembered,
    IdentitySaved,
    JobSaved,
    KeyErased,
    KeySaved,
    Noted,
    Plan,
    RequestSaved,
    WorkerSaved,
)
from boruta_farm.model.account import Account, Group
from boruta_farm.model.audit import Note
from boruta_farm.model.events import EventKind, Identity
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.spelling import folded
from boruta_farm.model.token import Token
from boruta_farm.model.worker import Fence, Registration, SessionKey, Worker

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
UUID = "00000000-0000-4000-8000-00000000000{}"


class DictWorld:
    """Hold records in dictionaries and apply plans to them."""

    def __init__(self, settings: FarmSettings | None = None) -> None:
        self.settings = settings or FarmSettings()
        self.requests: dict[int, Request] = {}
        self.workers: dict[str, Worker] = {}
        self.keys: dict[tuple[str, int], SessionKey] = {}
        self.epochs: dict[str, int] = {}
        self.creations: dict[tuple[str, str], tuple[str, int]] = {}
        self.aborted: list[Job] = []
        self.told: list[EventKind] = []
        self.people: dict[tuple[type, str], Identity] = {}
        self.notes: list[Note] = []
        self.account_ids = 0

    def request(self, request_id: int) -> Request | None:
        return self.requests.get(request_id)

    def worker(self, uuid: str) -> Worker | None:
        return self.workers.get(uuid)

    def registered(self) -> tuple[Worker, ...]:
        return tuple(self.workers.values())

    def orphaned(self) -> tuple[Request, ...]:
        waiting = (r for r in self.requests.values() if r.state is RequestState.WAITING)
        return tuple(r for r in waiting if r.orphaned_since is not None)

    def worker_named(self, name: str) -> Worker | None:
        return next((w for w in self.workers.values() if w.name == name), None)

    def workers_like(self, text: str) -> tuple[Worker, ...]:
        like = folded(text)
        return tuple(w for w in self.workers.values() if like in (folded(w.uuid), folded(w.name)))

    def holder(self, uuid: str) -> Request | None:
        for request in self.requests.values():
            job = request.live_job
            if job is not None and job.worker == uuid:
                return request
        return None

    def held_by(self, owner: str) -> tuple[Request, ...]:
        return tuple(r for r in self.requests.values() if r.owner == owner and r.live_job)

    def shared_with(self, account_id: str) -> tuple[Request, ...]:
        return tuple(r for r in self.requests.values() if account_id in r.shared and r.live_job)

    def session_key(self, uuid: str, epoch: int) -> SessionKey | None:
        return self.keys.get((uuid, epoch))

    def remembered_epoch(self, uuid: str) -> int:
        return self.epochs.get(uuid, 0)

    def remembered_creation(self, owner: str, key: str) -> tuple[str, int] | None:
        return self.creations.get((owner, key))

    def next_request_id(self) -> int:
        return len(self.requests) + 1

    def free_port(self, after: int | None = None) -> int | None:
        taken = {worker.port for worker in self.workers.values()}
        first, last = self.settings.tunnel_ports
        return next(
            (p for p in range(max(first, (after or 0) + 1), last + 1) if p not in taken), None
        )

    def account(self, account_id: str) -> Account | None:
        found = self.people.get((Account, account_id))
        return found if isinstance(found, Account) else None

    def account_named(self, name: str) -> Account | None:
        return next((account for account in self.accounts() if account.name == name), None)

    def fresh_account_id(self) -> str:
        self.account_ids += 1
        return f"id-{self.account_ids}"

    def accounts(self) -> tuple[Account, ...]:
        return tuple(r for r in self.people.values() if isinstance(r, Account))

    def group(self, name: str) -> Group | None:
        found = self.people.get((Group, name))
        return found if isinstance(found, Group) else None

    def groups(self) -> tuple[Group, ...]:
        return tuple(r for r in self.people.values() if isinstance(r, Group))

    def token(self, token_id: str) -> Token | None:
        found = self.people.get((Token, token_id))
        return found if isinstance(found, Token) else None

    def tokens(self) -> tuple[Token, ...]:
        return tuple(r for r in self.people.values() if isinstance(r, Token))

    def waiting_size(self, owner: str) -> int:
        waiting = (r for r in self.requests.values() if r.state is RequestState.WAITING)
        return sum(request.size for request in waiting if request.owner == owner)

    def count_waiting(self, owner: str, most: int) -> int:
        waiting = (r for r in self.requests.values() if r.state is RequestState.WAITING)
        return min(most, sum(request.owner == owner for request in waiting))

    def put(self, record: Identity) -> None:
        """Keep an account, group or token."""
        self.people[type(record), _key_of(record)] = record

    def apply(self, plan: Plan[Answer]) -> Answer:
        """Take a plan's steps and return its answer."""
        for step in plan.steps:
            match step:
                case RequestSaved():
                    before = self.requests.get(step.request.id)
                    assert step.request.revision == (before.revision if before else 0) + 1
                    self.requests[step.request.id] = step.request
                    self.told.append(step.kind)
                case WorkerSaved(removed=True):
                    del self.workers[step.worker.uuid]
                    self.epochs[step.worker.uuid] = step.worker.epoch
                    self.told.append(step.kind)
                case WorkerSaved():
                    known = self.workers.get(step.worker.uuid)
                    assert step.worker.revision == (known.revision if known else 0) + 1
                    self.workers[step.worker.uuid] = step.worker
                    self.told.append(step.kind)
                case JobSaved():
                    self.aborted.append(step.job)
                case KeySaved():
                    self.keys[step.key.worker, step.key.epoch] = step.key
                case KeyErased():
                    self.keys.pop((step.worker, step.epoch), None)
                case CreationRemembered():
                    self.creations[step.owner, step.key] = (step.body_hash, step.request_id)
                case IdentitySaved():
                    self.put(step.record)
                    if step.kind.removes:
                        del self.people[type(step.record), _key_of(step.record)]
                    self.told.append(step.kind)
                case ClockStepped():
                    self.told.append(EventKind.CLOCK_STEPPED)
                case Noted():
                    self.notes.append(step.note)
        return plan.answer

    def grant_of(self, request_id: int, uuid: str) -> Grant:
        """Return a proposal that is true now."""
        worker = self.workers[uuid]
        return Grant(
            request_id=request_id,
            request_revision=self.requests[request_id].revision,
            worker=uuid,
            worker_revision=worker.revision,
            epoch=worker.epoch,
        )


def _key_of(record: Identity) -> str:
    return record.name if isinstance(record, Group) else record.id


def registration(
    number: int = 1,
    *,
    caps: dict[str, str] | None = None,
    fence: Fence = Fence.AGENT,
    epoch: int = 0,
    boot_id: str | None = "boot-1",
    credential: str | None = "credential",
    name: str | None = "board",
    ssh_port: int = 22,
) -> Registration:
    """Return what a board says when it registers."""
    return Registration(
        caps={"UUID": UUID.format(number), **(caps or {})},
        dryad_address="10.0.0.1:7175",
        ssh_address=f"10.0.0.1:{ssh_port}",
        fence=fence,
        name=name,
        epoch=epoch,
        boot_id=boot_id,
        credential=credential,
    )
