"""What the audit says of a decision: read off its steps, so that no decision can forget it."""

from collections.abc import Iterator
from dataclasses import replace

from boruta_farm.core.plan import IdentitySaved, Noted, RequestSaved, Step, WorkerSaved
from boruta_farm.model.account import Account, Group
from boruta_farm.model.audit import Action, Note
from boruta_farm.model.caller import Caller
from boruta_farm.model.events import EventKind
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Worker, WorkerState

FARM = "farm"
"""The actor of what the server does by itself."""
AGENT = "agent"
"""What the detail is called that names the program which acted for somebody."""

ALWAYS: dict[EventKind, Action] = {
    EventKind.REQUEST_STARTED: Action.GRANT,
    EventKind.WORKER_REGISTERED: Action.WORKER_REGISTERED,
    EventKind.WORKER_CHANGED: Action.WORKER_CHANGED,
    EventKind.WORKER_LOST: Action.WORKER_LOST,
    EventKind.WORKER_BACK: Action.WORKER_BACK,
    EventKind.WORKER_DEREGISTERED: Action.WORKER_DEREGISTERED,
    EventKind.ACCOUNT_CHANGED: Action.ACCOUNT_CHANGED,
    EventKind.ACCOUNT_REMOVED: Action.ACCOUNT_REMOVED,
    EventKind.GROUP_CHANGED: Action.GROUP_CHANGED,
    EventKind.GROUP_REMOVED: Action.GROUP_REMOVED,
    EventKind.TOKEN_ISSUED: Action.TOKEN_ISSUED,
    EventKind.TOKEN_USED: Action.TOKEN_USED,
    EventKind.TOKEN_REVOKED: Action.TOKEN_REVOKED,
}
"""Events that are entered whoever caused them."""

ROUTINE = frozenset({EventKind.TOKEN_JUDGED})
"""Events about people that come every few minutes and change nothing by themselves: what they lead
to is entered."""


def notes_of(step: Step, caller: Caller | None) -> Iterator[Note]:
    """Yield what is to be entered about a step that was taken for ``caller`` (None: the farm).

    Entered are grants and releases, everything that concerns accounts, tokens and agents, and
    what an admin does to another's request or to a worker.
    """
    for note in _notes(step, caller):
        yield note if caller is None or note.actor != caller.name else by_agent(note, caller)


def by_agent(note: Note, caller: Caller) -> Note:
    """Return an entry that tells which program acted for the caller, if one did."""
    if not caller.agent:
        return note
    return replace(note, detail={**note.detail, AGENT: caller.agent})


def _notes(step: Step, caller: Caller | None) -> Iterator[Note]:
    actor = FARM if caller is None else caller.name
    source = "" if caller is None else caller.source
    match step:
        case Noted():
            yield step.note
        case RequestSaved():
            action = _on_request(step, caller)
            if action is not None:
                yield Note(
                    actor=actor,
                    source=source,
                    action=action,
                    subject=f"request {step.request.id}",
                    detail=_request_detail(step.request),
                )
        case WorkerSaved():
            worker = step.worker
            found = _on_worker(step, caller)
            if found is not None:
                yield Note(
                    actor=f"agent {worker.uuid}" if _told_by_agent(step, caller) else actor,
                    source=source,
                    action=found,
                    subject=f"worker {worker.uuid}",
                    detail=_worker_detail(worker, step.kind),
                )
        case IdentitySaved() if step.kind not in ROUTINE:
            subject, detail = _identity(step)
            yield Note(
                actor=actor,
                source=source,
                action=ALWAYS[step.kind],
                subject=subject,
                detail={key: text for key, text in detail.items() if text},
            )


def _on_request(step: RequestSaved, caller: Caller | None) -> Action | None:
    request = step.request
    if step.kind is EventKind.REQUEST_SHARED:
        # Who shares it with whom is noted by the decision itself.
        return None
    if step.kind is EventKind.REQUEST_NUDGED:
        return Action.REQUEST_NUDGED
    if step.kind is EventKind.REQUEST_FINISHED and request.job is not None:
        return Action.RELEASE
    if caller is not None and caller.id != request.owner:
        if step.kind is EventKind.REQUEST_FINISHED:
            return Action.REQUEST_CLOSED
        return Action.REQUEST_CHANGED
    return ALWAYS.get(step.kind)


def _on_worker(step: WorkerSaved, caller: Caller | None) -> Action | None:
    if step.kind is not EventKind.WORKER_STATE:
        return ALWAYS.get(step.kind)
    if step.worker.state is WorkerState.FAILED:
        return Action.WORKER_FAILED
    return (
        None
        if caller is None or step.worker.state is WorkerState.RUNNING
        else (Action.WORKER_STATE)
    )


def _told_by_agent(step: WorkerSaved, caller: Caller | None) -> bool:
    return caller is None and step.kind is EventKind.WORKER_REGISTERED


def _request_detail(request: Request) -> dict[str, str]:
    detail = {"owner": request.owner_name, "state": request.state.value}
    if request.job is not None:
        detail |= {"worker": request.job.worker, "epoch": str(request.job.epoch)}
    if request.reason:
        detail["reason"] = request.reason
    return detail


def _worker_detail(worker: Worker, kind: EventKind) -> dict[str, str]:
    detail = {"name": worker.name, "state": worker.state.value}
    if worker.groups:
        detail["groups"] = ", ".join(worker.groups)
    if kind is EventKind.WORKER_CHANGED:
        labels = ", ".join(f"{name}={value}" for name, value in (worker.labels or {}).items())
        told = {"labels": labels, "notes": worker.notes, "photo": worker.photo}
        detail |= {name: text for name, text in told.items() if text}
    if worker.borrower is not None:
        detail["request"] = str(worker.borrower)
    if worker.reason:
        detail["reason"] = worker.reason
    return detail


def _identity(step: IdentitySaved) -> tuple[str, dict[str, str]]:
    record = step.record
    if isinstance(record, Account):
        detail = {
            "id": record.id,
            "role": record.role.value,
            "groups": ", ".join(record.groups),
            "ssh_keys": str(len(record.ssh_keys)),
            "networks": ", ".join(record.networks),
            "disabled": "yes" if record.disabled else "",
            "identity": record.identity,
            "limits": record.limits.words(),
        }
        subject = f"account {record.name}"
    elif isinstance(record, Group):
        detail = {
            "limits": record.limits.words(),
            "keys_for_admins": "yes" if record.keys_for_admins else "",
            "members_join": "yes" if record.members_join else "",
        }
        subject = f"group {record.name}"
    else:
        detail = {
            "account": record.account_name,
            "kind": record.kind.value,
            "scope": record.scope.value,
            "name": record.name,
            "provider": record.provider,
            "expires": record.expires.isoformat(timespec="seconds"),
        }
        subject = f"token {record.id}"
    return subject, detail
