"""What the door answers in text: who has what, and the few verbs that need no client."""

import shlex
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from boruta_farm.client.farm import Farm
from boruta_farm.client.session import DEFAULT_PRIORITY
from boruta_farm.client.ssh_config import DoorBlock, authority_line
from boruta_farm.client.wanting import asking, wanted_here
from boruta_farm.frontdoor.guest import DoorGuest
from boruta_farm.frontdoor.names import Here
from boruta_farm.model.errors import WantError
from boruta_farm.model.front_door import DoorSettings
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import (
    LONGEST_LENGTH,
    SHORTEST_LENGTH,
    MoreTime,
    NewRequest,
    Request,
    RequestState,
)
from boruta_farm.model.worker import Worker, WorkerState
from boruta_farm.selectors.want import parse, request_of
from boruta_farm.settings.durations import parse_duration
from boruta_farm.words.explanation import headline
from boruta_farm.words.request import wanted_text
from boruta_farm.words.times import Times

OPEN: Final = (RequestState.WAITING, RequestState.IN_PROGRESS)

HELP: Final = """\
This is the front door of a farm that lends boards. A board is got by a jump:

    ssh -J {farm} boruta-user@rpi4                 a board of this kind, or of this name
    ssh -J {farm} boruta-user@board=rpi4+ram.ge.4  by what it must have; any: whatever is free
    ssh -J {farm} boruta-user@r42                  the board of your running request 42

boruta-user is who you are on every board. It is given back {linger} s after the last connection
ended. Verbs of the door, by ssh {farm_line} VERB:

    ls                   what is free, who holds what, your requests
    new WANT [2h]        file a request (for so long); then: ssh -J {farm} boruta-user@r42
    explain ID           why a request waits
    prolong ID [+30m]    more time
    close ID             give a board back, or cancel
    ssh-config [NAME]    the block for ~/.ssh/config after which ssh rpi4.farm, scp, rsync, git,
                         sshfs and VS Code just work; NAME is how you reach this door
    known-hosts [NAME]   the key of the board that NAME leads you to, for ssh; without NAME the
                         line by which ssh knows all boards that show a certificate
    help                 this
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerbRoom:
    """Carry what a verb works with."""

    guest: DoorGuest
    farm: Farm
    settings: DoorSettings
    here: Here
    host_key: Callable[[str], Awaitable[str | None]]
    say: Callable[[str], None]

    def times(self) -> Times:
        """Return how moments are written: in UTC, for the reader's zone is not known."""
        return Times(now=self.farm.now(), distance=True)


class DoorUsageError(WantError):
    """this verb is used otherwise; see: help"""

    code = "door-usage"


async def perform(room: VerbRoom, line: str) -> int:
    """Do what a line asks for and return its exit status. Raises BorutaError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise DoorUsageError(f"the line cannot be read: {error}") from None
    verb, *rest = words or ["ls"]
    act = VERBS.get(verb)
    if act is None:
        raise DoorUsageError(f"there is no verb {verb!r} here; see: help. {_jump(room)}")
    await act(room, rest)
    return 0


async def _help(room: VerbRoom, _words: Sequence[str]) -> None:
    linger = f"{room.settings.linger.total_seconds():g}"
    room.say(HELP.format(farm=room.here.jump, farm_line=room.here.words, linger=linger).rstrip())


async def _ls(room: VerbRoom, _words: Sequence[str]) -> None:
    farm = room.farm
    workers = (await farm.workers.list_workers(farm.caller)).items
    requests = (await farm.requests.list_requests(farm.caller, RequestFilter(states=OPEN))).items
    holders = {r.job.worker: r for r in requests if r.job is not None and r.live_job is not None}
    times = Times(now=farm.now())
    if not workers:
        room.say("no board is registered here yet")
    width = max((len(worker.name) for worker in workers), default=0)
    for worker in sorted(workers, key=lambda worker: worker.name):
        told = _stands(worker, holders.get(worker.uuid), times)
        room.say(f"{worker.name:{width}}  {_kind(worker, room.settings.kinds):12}  {told}".rstrip())
    own = [request for request in requests if _is_own(room, request)]
    names = {worker.uuid: worker.name for worker in workers}
    for request in own:
        at = ""
        if request.live_job is not None:
            until = times.moment(request.live_job.timeout)
            at = f" on {names.get(request.live_job.worker, '?')} until {until}"
        room.say(f"r{request.id}: {request.state.lower()}{at}, wants {wanted_text(request, names)}")
    room.say(_jump(room))


def _is_own(room: VerbRoom, request: Request) -> bool:
    return room.guest.visitor.open_farm or request.owner_name == room.guest.visitor.name


def _kind(worker: Worker, kinds: Sequence[str]) -> str:
    return next((worker.matched[kind] for kind in kinds if kind in worker.matched), "")


def _stands(worker: Worker, holder: Request | None, times: Times) -> str:
    if worker.state is WorkerState.IDLE and worker.unreachable_since is None:
        return "free"
    if holder is not None and holder.job is not None:
        who = holder.owner_name or f"request {holder.id}"
        return f"held by {who} until {times.moment(holder.job.timeout)}"
    reason = f": {worker.reason}" if worker.reason else ""
    return f"{worker.state.value.lower()}{reason}"


def _jump(room: VerbRoom) -> str:
    return f"Borrow one: ssh -J {room.here.jump} boruta-user@NAME. More: ssh {room.here.words} help"


async def _new(room: VerbRoom, words: Sequence[str]) -> None:
    if not 1 <= len(words) <= 2:
        raise DoorUsageError("write: new WANT [DURATION], such as: new rpi4 2h")
    want = parse(words[0])
    if want.request is not None:
        raise DoorUsageError(f"{words[0]} is a request already; see: explain {want.request}")
    new = NewRequest(
        priority=DEFAULT_PRIORITY,
        caps={},
        ssh_key=room.guest.key,
        account_key=None if room.guest.visitor.open_farm else True,
        length=_duration(words[1]) if len(words) == 2 else None,
        strict=True,
    )
    new = asking(new, await wanted_here(room.farm, want, room.settings.kinds))
    filed = await room.farm.requests.new_request(room.farm.caller, new)
    told = f"request {filed.id} is filed"
    if filed.outlook is not None:
        told = headline(filed.outlook, room.times())
    room.say(f"r{filed.id}: {told}; connect: ssh -J {room.here.jump} boruta-user@r{filed.id}")


async def _close(room: VerbRoom, words: Sequence[str]) -> None:
    for number in _ids(words, "close ID"):
        await room.farm.requests.close_request(room.farm.caller, number)
        room.say(f"r{number} is closed")


async def _explain(room: VerbRoom, words: Sequence[str]) -> None:
    for number in _ids(words, "explain ID"):
        found = await room.farm.requests.explain(room.farm.caller, number)
        room.say(headline(found, room.times()))


async def _prolong(room: VerbRoom, words: Sequence[str]) -> None:
    if not 1 <= len(words) <= 2:
        raise DoorUsageError("write: prolong ID [+DURATION], such as: prolong 42 +30m")
    (number,) = _ids(words[:1], "prolong ID")
    more = MoreTime(length=_duration(words[1].removeprefix("+")) if len(words) == 2 else None)
    end = await room.farm.requests.prolong_access(room.farm.caller, number, more)
    room.say(f"r{number} lasts until {room.times().moment(end)}")


async def _known_hosts(room: VerbRoom, words: Sequence[str]) -> None:
    if not words and room.settings.authority:
        room.say(authority_line(room.settings.authority))
        return
    if len(words) != 1:
        raise DoorUsageError("write: known-hosts NAME, as ssh's KnownHostsCommand does")
    key = await room.host_key(words[0])
    if key is not None:
        room.say(f"{words[0]} {key}")


async def _ssh_config(room: VerbRoom, words: Sequence[str]) -> None:
    host = words[0] if words else room.here.host
    room.say(DoorBlock(host=host, port=room.here.port).text())


def _ids(words: Sequence[str], usage: str) -> list[int]:
    found = [request_of(word) for word in words]
    ids = [number for number in found if number is not None]
    if not ids or len(ids) != len(found):
        raise DoorUsageError(f"write: {usage}, such as {usage.split()[0]} 42")
    return ids


def _duration(text: str) -> timedelta:
    try:
        return parse_duration(text, least=SHORTEST_LENGTH, most=LONGEST_LENGTH)
    except ValueError as error:
        raise DoorUsageError(str(error)) from None


VERBS: Final[dict[str, Callable[[VerbRoom, Sequence[str]], Awaitable[None]]]] = {
    "help": _help,
    "--help": _help,
    "ls": _ls,
    "new": _new,
    "close": _close,
    "explain": _explain,
    "prolong": _prolong,
    "known-hosts": _known_hosts,
    "ssh-config": _ssh_config,
}
