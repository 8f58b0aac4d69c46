"""``boruta ssh``: a board for as long as ssh runs."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Annotated, Any, NamedTuple, NoReturn

import typer
from typer.core import TyperCommand

from boruta_farm.cli.completion import names_and_ids
from boruta_farm.cli.console import complain, configured, local_times, point_at, remark
from boruta_farm.cli.options import (
    AfterOption,
    BootOption,
    CapsOption,
    DeadlineOption,
    IdleEndOption,
    ImageOption,
    KeyOption,
    LengthOption,
    PriorityOption,
    QueueOption,
    SelectorOption,
    StorageOption,
    WaitOption,
    read_caps,
    read_duration,
    read_moment,
    read_want,
)
from boruta_farm.cli.selection import running_on
from boruta_farm.cli.signals import Signals
from boruta_farm.cli.staying import ShellWish, StayingShell
from boruta_farm.cli.terminal import KEY_NAME, remark_beside, terminal_there
from boruta_farm.cli.turn import wait_its_turn
from boruta_farm.cli.via import ViaOption
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.last import LastHeld, recall, remember, state_path
from boruta_farm.client.lease import Lease, hold
from boruta_farm.client.openssh import (
    OwnKey,
    SshSession,
    command_line,
    copy_line,
    find_ssh,
    keys_at_hand,
    read_own_key,
    session_files,
)
from boruta_farm.client.session import (
    DEFAULT_KEEP_ALIVE,
    DEFAULT_PRIORITY,
    LeftError,
    filed,
)
from boruta_farm.client.wanting import asking, wanted_here
from boruta_farm.client.way import BoardWay
from boruta_farm.client.ways import find_way
from boruta_farm.model.errors import (
    BorutaError,
    ConfigError,
    NotFoundError,
    RefusedError,
    WorkerNotFoundError,
)
from boruta_farm.model.job import Job
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.via import Via
from boruta_farm.model.worker import (
    NOT_FORWARDED,
    PORTS_FACT,
    AccessInfo,
    Worker,
    WorkerState,
)
from boruta_farm.selectors.want import Want
from boruta_farm.selectors.wanted import Meant
from boruta_farm.words.joining import joined

REQUEST = "BORUTA_REQUEST"
"""The variable in which a command beside a board finds the request that holds it."""
OWN_FAILURE = 255
LAST_WORDS_WITHIN = 1.0
"""Seconds in which the event that tells why a connection was cut arrives after the cut."""
CUT_WITHIN = 10.0
"""Seconds after a job's end in which its connections are cut; then ssh is ended by us."""


class CommandAfterDashes(TyperCommand):
    """Take what follows the first ``--`` as the command to run on the board.

    Typer does not publish the type of the context that reaches this method.
    """

    def parse_args(self, context: Any, args: list[str]) -> list[str]:
        """Split the command off before options are read."""
        command: list[str] = []
        if "--" in args:
            place = args.index("--")
            args, command = args[:place], args[place + 1 :]
        context.meta["boruta.command"] = command
        context.allow_extra_args = True
        left = super().parse_args(context, args)
        if context.args:
            words = " ".join(context.args)
            context.fail(f"unexpected: {words}; a command goes after --: ... -- {words}")
        return left


@dataclass(frozen=True, slots=True, kw_only=True)
class SshRun:
    """Carry what one run of the verb is to do; ``new`` is None when it attaches.

    ``want`` says which board is to be borrowed; where it attaches, the name of the one whose
    running request is meant. ``copied`` are the two places between which scp
    copies, in place of a session: a path is ours, a text the board's. ``again`` is attached to
    where it still goes on, else ``new`` is filed. What is ``remembered`` may be asked for again.
    ``output`` is a file for what the command prints, in place of our own output, ``source`` a
    descriptor of its input. What is ``interactive`` gets Ctrl-C itself in front of a terminal; else
    it ends us and all we started. What is to ``persist`` runs in tmux on the board.
    """

    new: NewRequest | None
    want: Want | None
    request_id: int | None
    wait: timedelta | None
    own: OwnKey | None
    command: tuple[str, ...]
    extra: tuple[str, ...] = ()
    output: IO[bytes] | None = None
    source: int | None = None
    interactive: bool = True
    copied: tuple[Path | str, Path | str] | None = None
    again: LastHeld | None = None
    remembered: bool = False
    persist: bool = False
    via: Via = Via.AUTO
    forwards: tuple[tuple[int, int], ...] = ()
    """Ports here, and those of the board to which they are to lead."""

    @property
    def shell(self) -> bool:
        """Tell whether a shell is wanted by somebody at a terminal."""
        elsewhere = self.output is not None or self.source is not None
        plain = not self.command and self.copied is None and not elsewhere
        return self.interactive and plain and terminal_there()


class Attended(NamedTuple):
    """Carry ssh's status, and the finished request where it was the job's end that ended ssh."""

    status: int
    over: Request | None


def ssh(
    context: typer.Context,
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="WANT",
            autocompletion=names_and_ids,
            help="Borrow a board: lab-rpi4, rpi4, board=rpi4+ram.ge.4, any; or, by its ID (42, "
            "r42), connect to a request: nothing is filed or closed.",
        ),
    ] = None,
    caps: CapsOption = None,
    selector: SelectorOption = None,
    priority: PriorityOption = DEFAULT_PRIORITY,
    wait: WaitOption = None,
    after: AfterOption = None,
    deadline: DeadlineOption = None,
    length: LengthOption = None,
    idle_end: IdleEndOption = None,
    image: ImageOption = None,
    storage: StorageOption = None,
    boot_until: BootOption = None,
    key: KeyOption = None,
    queue: QueueOption = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="What was last held here: its board if the request still goes on, else the same "
            "demand anew.",
        ),
    ] = False,
    linger: Annotated[
        str | None,
        typer.Option(
            "--linger",
            metavar="DURATION",
            help="How long the board is kept when nothing is heard of this machine (10s to 1h; "
            "else 2m).",
        ),
    ] = None,
    persist: Annotated[
        bool,
        typer.Option(
            "--persist",
            help="A shell in tmux on the board: it survives lost connections and closed terminals.",
        ),
    ] = False,
    via: ViaOption = Via.AUTO,
    ssh_arguments: Annotated[
        list[str] | None,
        typer.Option(
            "--ssh-arg", metavar="ARG", help="Passed to ssh as it is, such as -t; repeatable."
        ),
    ] = None,
) -> None:
    """Borrow a board and open a shell on it, or run the command after --.

    WANT is a board's name, a kind of board, or what it must have. Files a request, waits for its
    turn, connects, prolongs the job while ssh runs (unless --for tells its length), and closes the
    request at the end, also after Ctrl-C or when --wait is over. What no registered board could
    serve is refused, unless --queue is given. Exits with ssh's status; 255 for failures of its
    own, 128 + n after signal n.
    """
    want = read_want(target)
    request_id = None if want is None else want.request
    ready = image or storage or boot_until
    if again and (target or caps or selector or ready):
        raise typer.BadParameter(
            "--again knows what is wanted: leave WANT, --cap, -s, --image, --storage and "
            "--boot-until out"
        )
    filing = caps or selector or after or deadline or length or linger or ready or idle_end
    if request_id is not None and filing:
        raise typer.BadParameter(
            "with an ID nothing is filed: leave --cap, --selector, --after, --deadline, --for, "
            "--idle-end, --linger, --image, --storage and --boot-until out"
        )
    kept = read_duration(linger, "--linger")
    wish_wait = read_duration(wait, "--wait")
    span = read_duration(length, "--for")
    idle = read_duration(idle_end, "--idle-end")
    wanted = read_caps(caps)
    times = (read_moment(after, "--after"), read_moment(deadline, "--deadline"))
    command = tuple(context.meta.get("boruta.command", ()))
    if persist and (command or not terminal_there()):
        raise typer.BadParameter("--persist is for a shell at a terminal, without a command")

    def wish() -> SshRun:
        own = None if key is None else read_own_key(key)
        new, last = None, _last(context) if again else None
        if request_id is None:
            new = NewRequest(
                caps=wanted if last is None else last.caps,
                selector=selector if last is None else last.selector,
                priority=priority,
                valid_after=times[0],
                deadline=times[1],
                ssh_key=None if own is None else own.line,
                keep_alive=(DEFAULT_KEEP_ALIVE if kept is None else round(kept.total_seconds())),
                length=span,
                idle_end=idle,
                image=image if last is None else last.image,
                storage=storage if last is None else last.storage,
                boot_until=boot_until if last is None else last.boot_until,
                strict=not queue,
            )
        return SshRun(
            new=new,
            want=None if request_id is not None else want,
            request_id=request_id,
            wait=wish_wait,
            own=own,
            command=command,
            extra=tuple(ssh_arguments or ()),
            again=last,
            remembered=True,
            persist=persist,
            via=via,
        )

    carry_out(context, wish)


def _last(context: typer.Context) -> LastHeld:
    """Return what was last held of this farm. Raises ConfigError where nothing was."""
    server = configured(context, quiet=True).server
    last = recall(state_path(), server)
    if last is None:
        raise ConfigError(
            f"nothing of {server} was held here by 'boruta ssh' yet; say what you want, such as: "
            "boruta ssh -c board=rpi4"
        )
    return last


def carry_out(context: typer.Context, make: Callable[[], SshRun]) -> NoReturn:
    """Do a wish and exit with ssh's status; 255 for failures of our own, told here."""
    signals = Signals()
    wish: SshRun | None = None
    try:
        made = wish = make()
        config = configured(context)

        async def work() -> int:
            find_ssh("ssh" if made.copied is None else "scp")
            async with connect(config) as farm:
                return await Errand(farm, made, signals, config.server).do()

        status = asyncio.run(signals.guard(work))
    except LeftError as left:
        remark(left.message)
        status = left.status if signals.came is None else 128 + signals.came
    except BorutaError as error:
        request_id = None if wish is None else wish.request_id
        complain(error, "" if request_id is None else f"request {request_id}")
        if wish is not None and wish.new is not None:
            point_at(wish.new.selector, error)
        status = OWN_FAILURE
    raise typer.Exit(status)


class Errand:
    """One run of the verb, from filing to closing."""

    def __init__(self, farm: Farm, wish: SshRun, signals: Signals, server: str) -> None:
        self._farm = farm
        self._server = server
        self._wish = wish
        self._signals = signals
        self._stays = False
        self._keep_alive: int | None = None

    async def do(self) -> int:
        """Return ssh's exit status. Raises BorutaError for failures of our own."""
        wish = self._wish
        async with self.held() as lease:
            if wish.shell:
                return await self._shell(lease)
            with session_files(lease.access, wish.own, lease.way) as files:
                if wish.copied is not None:
                    line = copy_line(find_ssh("scp"), lease.access, files, *wish.copied)
                else:
                    line = command_line(find_ssh(), lease.access, files, wish.command, wish.extra)
                session = SshSession(line, wish.output, wish.source, files.environment)
                return (await self.attend(session, lease)).status

    async def _shell(self, lease: Lease) -> int:
        """Open a shell that outlives a lost network. Raises as ``until_over`` does."""
        kept = self._keep_alive
        wish = ShellWish(
            own=self._wish.own,
            extra=self._wish.extra,
            persist=self._wish.persist,
            via=self._wish.via,
            ours=not self._stays,
            linger=None if kept is None else timedelta(seconds=kept),
        )
        shell = StayingShell(self._farm, lease, wish, self._signals, self.attend)
        return await shell.until_over()

    @asynccontextmanager
    async def held(self) -> AsyncIterator[Lease]:
        """Hold the wished board for the block; what was filed for it is closed at the end.

        Raises what ``wait_for_board``, ``file_request`` and ``acquire_worker`` raise.
        """
        async with self._request() as (request_id, stays):
            request = await wait_its_turn(
                self._farm,
                request_id,
                self._wish.wait,
                self._signals,
                stays=stays,
                asks=self._wish.interactive,
            )
            self._stays, self._keep_alive = stays, request.keep_alive
            access = await self._farm.requests.acquire_worker(self._farm.caller, request_id)
            if self._wish.remembered:
                self._remember(request)
            more = f"press {KEY_NAME} for more time" if self._wish.shell else None
            way = await find_way(self._farm, request_id, access, self._wish.via)
            if way.via is Via.DOOR and self._wish.own is None:
                await self._tell_of_no_key(way)
            async with hold(self._farm, request, access, remark_beside, more, way) as lease:
                await self._introduce(request, access)
                yield lease

    async def _tell_of_no_key(self, way: BoardWay) -> None:
        """Say what ssh would tell as a refusal alone: the door is not opened by the job's key."""
        if not await asyncio.to_thread(keys_at_hand, way.words[0], way.words[3], os.environ):
            remark(
                "the front door wants an SSH key of yours, and ssh finds none here: make one by "
                "ssh-keygen -t ed25519, or name one by --key; where the farm has users, your "
                "account has to know it: boruta user key add FILE.pub"
            )

    @asynccontextmanager
    async def _request(self) -> AsyncIterator[tuple[int, bool]]:
        """Have a request for the block; tell whether it stays when the block is left."""
        new = self._wish.new
        if new is None:
            attached = self._wish.request_id
            if attached is None:
                attached = await running_on(self._farm, str(self._wish.want))
            yield attached, True
            return
        if self._wish.again is not None and await self._goes_on(self._wish.again):
            yield self._wish.again.request, True
            return
        if self._wish.want is not None:
            found = await self._wanted(self._wish.want)
            if found.worker is not None:
                await self._tell_holder(found.worker)
            new = asking(new, found)
        async with filed(self._farm, new, remark, closed=remark) as answer:
            yield answer.id, False

    async def _goes_on(self, last: LastHeld) -> bool:
        try:
            found = await self._farm.requests.get_request_info(self._farm.caller, last.request)
        except (NotFoundError, RefusedError):
            return False
        return last.fits(found)

    def _remember(self, request: Request) -> None:
        try:
            remember(state_path(), self._server, request)
        except ConfigError as error:
            remark(f"this is not remembered for --again: {error.message}")

    async def _wanted(self, want: Want) -> Meant:
        try:
            return await wanted_here(self._farm, want)
        except WorkerNotFoundError as error:
            if self._wish.command or not self._wish.interactive:
                raise
            told = joined((error.message, "a command goes after --"))
            raise WorkerNotFoundError(told) from None

    async def _tell_holder(self, worker: Worker) -> None:
        """Name the request that has the board: whoever filed it himself would wait for himself."""
        if worker.state is not WorkerState.RUNNING:
            return
        lent = RequestFilter(states=(RequestState.IN_PROGRESS,))
        page = await self._farm.requests.list_requests(self._farm.caller, lent)
        for request in page.items:
            if request.job is not None and request.job.worker == worker.uuid:
                of = f" of {request.owner_name}" if request.owner_name else ""
                remark(
                    f"{worker.name} is lent to request {request.id}{of}; if that is yours, write "
                    f"{request.id} in place of {self._wish.want}"
                )

    def _tell_end(self, request: Request, job: Job, worker: Worker, *, owned: bool) -> None:
        """Say until when the board is ours, and what moves that."""
        times = local_times(self._farm.now(), distance=True)
        until = f"until {times.moment(job.timeout)}"
        if owned and request.ssh_key is None:
            remark(f"request {request.id}: {worker.name} {until}, as its owner decides")
        elif request.length is None:
            remark(f"request {request.id}: {worker.name} {until}, prolonged while you stay")
        else:
            more = f"boruta prolong {request.id} +30m"
            remark(f"request {request.id}: {worker.name} {until}; more time: {more}")

    async def _introduce(self, request: Request, access: AccessInfo) -> None:
        """Say where we are, and what is not as safe or simple as it could be."""
        assert request.job is not None
        worker = await self._farm.workers.get_worker_info(self._farm.caller, request.job.worker)
        # Who holds the board for us has said so.
        if os.environ.get(REQUEST) != str(request.id):
            self._tell_end(request, request.job, worker, owned=not access.key)
        forwarded = (worker.facts or {}).get(PORTS_FACT) != NOT_FORWARDED
        if self._wish.forwards and not forwarded:
            remark(
                f"{worker.name} forwards no ports, as sandboxes do not: nothing will answer here"
            )
        for local, port in self._wish.forwards if forwarded else ():
            remark(f"127.0.0.1:{local} here leads to port {port} of {worker.name}, until Ctrl-C")
        if access.host_key is None:
            remark(
                f"{worker.name} tells no host key, so ssh cannot tell whether this is the board; "
                "its first answer is believed"
            )
        if not access.key and self._wish.own is None:
            opened = "is opened by your account's SSH keys"
            if request.ssh_key is not None:
                opened = "was filed with its own SSH key"
            remark(
                f"request {request.id} {opened}; ssh tries your default ones, or name it with --key"
            )

    async def attend(self, session: SshSession, lease: Lease) -> Attended:
        """Run ssh until it ends or the board is gone."""
        # In front of a terminal Ctrl-C belongs to ssh. Where there is none, only a sender that
        # means us can have sent it.
        self._signals.interrupts_pass = self._wish.interactive and sys.stdin.isatty()
        running = asyncio.create_task(_run(session))
        ending = asyncio.create_task(lease.ended())
        try:
            await asyncio.wait((running, ending), return_when=asyncio.FIRST_COMPLETED)
            if not running.done():
                over = ending.result()
                remark(_why_over(over))
                await asyncio.wait((running,), timeout=CUT_WITHIN)
                await session.end(signal.SIGHUP)
                return Attended(await running, over)
            status = running.result()
            if status == OWN_FAILURE and not ending.done():
                await asyncio.wait((ending,), timeout=LAST_WORDS_WITHIN)
            if ending.done():
                remark(_why_over(ending.result()))
            cut = status == OWN_FAILURE and ending.done()
            return Attended(status, ending.result() if cut else None)
        finally:
            self._signals.interrupts_pass = False
            await session.end(self._signals.came or signal.SIGTERM)
            running.cancel()
            ending.cancel()
            await asyncio.gather(running, ending, return_exceptions=True)


async def _run(session: SshSession) -> int:
    await session.start()
    return await session.wait()


def _why_over(request: Request) -> str:
    reason = f": {request.reason}" if request.reason else ""
    if request.state is RequestState.DONE:
        return f"the job is over{reason}"
    return f"the job ended, request {request.id} is {request.state}{reason}"
