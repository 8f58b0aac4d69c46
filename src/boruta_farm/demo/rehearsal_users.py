"""`boruta demo --once --users`: who may do what, shown by trying what is not allowed."""

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Final

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.openssh import OwnKey, command_line, find_ssh, session_files
from boruta_farm.client.session import file_request, wait_for_board
from boruta_farm.demo.farm import make_idle
from boruta_farm.demo.steps import WITHIN, Steps, must
from boruta_farm.demo.users import FREE, GROUPED, UsersFarm
from boruta_farm.dryad.proc.processes import list_processes, read_command_line
from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.audit import Action, AuditFilter
from boruta_farm.model.errors import (
    BorutaError,
    ForbiddenError,
    UnauthenticatedError,
    UnavailableError,
)
from boruta_farm.model.job import Job
from boruta_farm.model.permission import Role
from boruta_farm.model.request import MoreTime, NewRequest, Request, RequestState
from boruta_farm.model.worker import Worker, WorkerState

REVOKED_WITHIN: Final = 1.0
SEALED_WITHIN: Final = 10.0
AUDITED: Final = (
    Action.LOGIN,
    Action.LOGIN_FAILED,
    Action.TOKEN_ISSUED,
    Action.TOKEN_REVOKED,
    Action.ACCOUNT_CHANGED,
    Action.AGENT_ENROLLED,
    Action.AGENT_REFUSED,
    Action.GRANT,
    Action.KEY_READ,
    Action.REQUEST_SHARED,
    Action.ACCESS_READ,
    Action.REQUEST_UNSHARED,
    Action.RELEASE,
)
TOLD_APART: Final = 24
"""Characters of a secret's end that nothing else has."""


class UsersRehearsal(Steps):
    """Show each step with its time; one that does not happen as it should raises BorutaError."""

    def __init__(self, demo: UsersFarm, say: Callable[[str], None]) -> None:
        super().__init__(say)
        self._demo = demo

    async def rehearse(self) -> None:
        """Do it all."""
        self._check_tls()
        await self._refuse_anonymous()
        admin = await self._in_time("signing in", self._demo.sign_in(self._demo.first_token))
        self._step("the one-time token was exchanged for a token of the account admin")
        ann, bob = await self._make_people(admin)
        free, grouped = await self._enrol_boards(admin)
        await self._share(ann, bob, free)
        await self._keep_to_the_group(ann, bob, grouped)
        await self._refuse_key(ann, bob)
        await self._look_together(ann, bob)
        await self._refuse_thief(admin, grouped)
        await self._revoke(admin, bob)
        await self._verify(admin)
        self._look_for_secrets()

    def _check_tls(self) -> None:
        """Shake hands as a client with the farm's authority, and as one without it."""
        host, _, port = self._demo.url.removeprefix("https://").partition(":")
        trust = ssl.create_default_context(cafile=self._demo.authority)
        plain = socket.create_connection((host, int(port)), WITHIN)
        with plain, trust.wrap_socket(plain, server_hostname=host) as secured:
            version = secured.version()
        must(version in ("TLSv1.2", "TLSv1.3"), f"the server speaks {version}")
        self._step(f"TLS is on: {version}, the certificate is signed by the farm's own authority")

    async def _refuse_anonymous(self) -> None:
        anonymous = await self._demo.connect(None)
        words = await _refused(
            UnauthenticatedError, anonymous.workers.list_workers(anonymous.caller)
        )
        self._step(f"a call without a token is refused (401): {words}")
        wrong = await self._demo.connect("boruta_p_0_" + "x" * 43)
        await _refused(UnauthenticatedError, wrong.workers.list_workers(wrong.caller))
        self._step("a call with a wrong token is refused (401)")
        async with connect(ClientConfig(server=self._demo.url)) as unaware:
            words = await _refused(UnavailableError, unaware.version())
        self._step("a client that does not know the farm's authority refuses to speak with it")

    async def _make_people(self, admin: Farm) -> tuple[Farm, Farm]:
        people = []
        for name, group in (("ann", "kernel"), ("bob", "radio")):
            await admin.accounts.save_group(admin.caller, group, GroupChange())
            change = AccountChange(role=Role.USER, groups=(group,))
            issued = await admin.tokens.invite(admin.caller, name, change)
            people.append(await self._demo.sign_in(issued.secret))
            self._step(f"{name} of the group {group} was invited and signed in")
        return people[0], people[1]

    async def _enrol_boards(self, admin: Farm) -> tuple[Worker, Worker]:
        await self._demo.start_agent(FREE, None)
        await self._in_time("the refusal", self._logged(FREE.name, "by invitation"))
        self._step("an agent without an invitation is refused")
        must(
            not (await admin.workers.list_workers(admin.caller)).items, "it was let in all the same"
        )
        token = await self._demo.invite_agents(admin, 2)
        await self._demo.processes.stop(FREE.name)
        for board in (FREE, GROUPED):
            await self._demo.start_agent(board, token)
        idle = await self._demo.processes.unless_failed(
            make_idle(admin, 2), "the boards to be IDLE"
        )
        boards = {worker.name: worker for worker in idle}
        await admin.workers.set_groups(admin.caller, boards["grouped"].uuid, ("kernel",))
        self._step("two agents came by one invitation for two boards; one board is for kernel only")
        return boards["free"], boards["grouped"]

    async def _share(self, ann: Farm, bob: Farm, free: Worker) -> None:
        for name, person in (("ann", ann), ("bob", bob)):
            await self._lend_once(person, FREE.caps, free)
            self._step(f"{name} was lent the board {free.name}, which is in no group")

    async def _keep_to_the_group(self, ann: Farm, bob: Farm, grouped: Worker) -> None:
        """Let Bob wait first: what he must not have goes to who asks after him."""
        waiting = (await file_request(bob, NewRequest(caps=GROUPED.caps, priority=1))).id
        for _ in range(2):
            await self._lend_once(ann, GROUPED.caps, grouped)
        request = await bob.requests.get_request_info(bob.caller, waiting)
        must(request.state is RequestState.WAITING, "bob was lent a board of another group")
        await bob.requests.close_request(bob.caller, waiting)
        self._step(
            f"ann of kernel was lent {grouped.name} twice, while bob of radio waited for it "
            "with a higher priority and from earlier on, and got nothing"
        )

    async def _lend_once(self, person: Farm, caps: Mapping[str, str], worker: Worker) -> None:
        """Lend a board to somebody and take it back, until it is IDLE again."""
        request_id = (await file_request(person, NewRequest(caps=dict(caps), priority=8))).id
        request = await self._in_time("the grant", wait_for_board(person, request_id))
        must(request.job is not None and request.job.worker == worker.uuid, "another board came")
        await person.requests.close_request(person.caller, request_id)
        await self._in_time("the board to be clean", self._idle(person, worker))

    async def _idle(self, person: Farm, worker: Worker) -> None:
        async with person.watch(worker=worker.uuid) as happenings:
            async for _ in happenings:
                now = await person.workers.get_worker_info(person.caller, worker.uuid)
                if now.state is WorkerState.IDLE:
                    return

    async def _refuse_key(self, ann: Farm, bob: Farm) -> None:
        request_id = (await file_request(ann, NewRequest(caps=dict(FREE.caps), priority=8))).id
        await self._in_time("the grant", wait_for_board(ann, request_id))
        access = await ann.requests.acquire_worker(ann.caller, request_id)
        must("PRIVATE KEY" in access.key, "ann received no key")
        self._demo.secrets.append(access.key.splitlines()[1])
        words = await _refused(ForbiddenError, bob.requests.acquire_worker(bob.caller, request_id))
        self._step(f"ann received the key of request {request_id}; bob is refused (403): {words}")
        await _refused(ForbiddenError, bob.requests.close_request(bob.caller, request_id))
        self._step("bob may not close ann's request either (403)")
        await ann.requests.close_request(ann.caller, request_id)

    async def _look_together(self, ann: Farm, bob: Farm) -> None:
        """Share a board with Bob, who comes with a key of his own, and part with him."""
        key = self._demo.folder / "bob-key"
        command = ("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
        making = await asyncio.create_subprocess_exec(*command)
        must(await making.wait() == 0, "ssh-keygen made no key")
        change = AccountChange(ssh_keys=(key.with_suffix(".pub").read_text(),))
        await bob.accounts.save_account(bob.caller, "bob", change)
        new = NewRequest(caps=dict(FREE.caps), priority=8, length=timedelta(minutes=20))
        request_id = (await file_request(ann, new)).id
        request = await self._in_time("the grant", wait_for_board(ann, request_id))
        until = _job_of(request).timeout
        more = MoreTime(length=timedelta(minutes=10))
        later = await ann.requests.prolong_access(ann.caller, request_id, more)
        must(later - until == timedelta(minutes=10), "the job was not prolonged by ten minutes")
        self._step(f"ann named a length of 20 minutes for request {request_id}, and added 10 more")
        await ann.requests.share_request(ann.caller, request_id, "bob")
        access = await bob.requests.acquire_worker(bob.caller, request_id)
        must(not access.key, "bob was given ann's key")
        with session_files(access, OwnKey(line="", identity=key)) as files:
            words = ("echo here; exec cat",)
            visit = await asyncio.create_subprocess_exec(
                *command_line(find_ssh(), access, files, words),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
            )
            output = visit.stdout
            assert output is not None
            said = await self._in_time("bob's session", output.readline())
            must(said == b"here\n", "bob did not come in with his own key")
            there = await ann.requests.list_sessions(ann.caller, request_id)
            names = [entry.account for entry in there]
            must(names == ["bob"], f"ann sees {names} on her board")
            await ann.requests.unshare_request(ann.caller, request_id, "bob")
            await self._in_time("the end of bob's session", visit.wait())
        await _refused(ForbiddenError, bob.requests.acquire_worker(bob.caller, request_id))
        self._step("she shared it with bob: he came with his own key, she saw him, and he was out")
        await ann.requests.close_request(ann.caller, request_id)

    async def _refuse_thief(self, admin: Farm, victim: Worker) -> None:
        """Start an agent with a board's UUID, an invitation for any board, and a new credential."""
        before = await admin.workers.get_worker_info(admin.caller, victim.uuid)
        thief = FREE.renamed("thief")
        await self._demo.start_agent(thief, await self._demo.invite_agents(admin, 5), victim.uuid)
        await self._in_time("the refusal", self._logged("thief", "credential is pinned"))
        await self._demo.processes.stop("thief")
        now = await admin.workers.get_worker_info(admin.caller, victim.uuid)
        must(
            (now.credential_since, now.epoch, now.name, now.unreachable_since)
            == (before.credential_since, before.epoch, before.name, None),
            "the stolen UUID changed something",
        )
        self._step(f"an agent with the UUID of {victim.name} and another credential is refused")

    async def _revoke(self, admin: Farm, bob: Farm) -> None:
        token = next(token for token in await admin.tokens.list_tokens(admin.caller, "bob"))
        listening = asyncio.Event()

        async def follow() -> None:
            async with bob.watch() as happenings:
                async for _ in happenings:
                    listening.set()

        following = asyncio.create_task(follow())
        await self._in_time("bob's events", listening.wait())
        await admin.tokens.revoke(admin.caller, token.id)
        began = time.monotonic()
        await _refused(UnauthenticatedError, bob.workers.list_workers(bob.caller))
        await self._in_time("the end of bob's events", asyncio.wait((following,)))
        took = time.monotonic() - began
        ended = isinstance(following.exception(), UnauthenticatedError)
        must(ended, "bob's open events did not end")
        must(took < REVOKED_WITHIN, f"the revoked token was good for {took:.2f} s more")
        self._step(f"bob's token was revoked: dead, open events included, within {took:.3f} s")

    async def _verify(self, admin: Farm) -> None:
        deadline = time.monotonic() + SEALED_WITHIN
        found = await admin.audit.verify()
        while found.unsealed and time.monotonic() < deadline:
            # The sealer tells nobody when it is done; each call checks the whole chain.
            found = await admin.audit.verify()
        must(found.broken is None, f"the audit is broken: {found.words}")
        must(not found.unsealed, f"{found.unsealed} entries of the audit have no seal")
        for action in AUDITED:
            async with admin.audit.lines(AuditFilter(action=action.value, limit=1)) as lines:
                entered = [line async for line in lines if line]
            must(bool(entered), f"the audit holds no {action.value}")
        self._step(
            f"the audit's chain of {found.entries} entries holds; entered are "
            + ", ".join(action.value for action in AUDITED)
        )

    def _look_for_secrets(self) -> None:
        """Search every log and command line for every secret that this rehearsal saw."""
        logs = {path.name: path.read_text(errors="replace") for path in self._logs()}
        lines = {
            str(pid): read_command_line(pid).decode(errors="replace") for pid in list_processes()
        }
        for secret in self._demo.secrets:
            # The end is random in tokens and keys alike; their beginnings are not secret.
            places = [name for name, text in (logs | lines).items() if secret[-TOLD_APART:] in text]
            must(not places, f"a secret stands in {', '.join(places)}")
        self._step(
            f"none of {len(self._demo.secrets)} tokens and keys stands in {len(logs)} logs or in "
            "any command line of this machine"
        )

    def _logs(self) -> list[Path]:
        found = sorted(self._demo.folder.glob("*.log"))
        must(bool(found), "there are no logs to look at")
        return found

    async def _logged(self, name: str, words: str) -> None:
        """Wait until a process has said these words; it is the log's writer that tells."""
        while words not in self._demo.log(name):
            await self._demo.processes.more_said(name)


def _job_of(request: Request) -> Job:
    if request.job is None:
        raise BorutaError(f"request {request.id} has no job")
    return request.job


async def _refused(kind: type[BorutaError], work: Awaitable[object]) -> str:
    """Return the words of the refusal that must come."""
    try:
        await work
    except kind as error:
        return error.message
    raise BorutaError(f"what had to be refused was allowed ({kind.code} was expected)")
