"""``boruta run``: a board for one command, there with files sent and fetched, or here."""

import asyncio
import select
import shlex
import signal
import sys
from collections.abc import Awaitable
from dataclasses import dataclass
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.cli.console import complain, configured, local_times, point_at, remark
from boruta_farm.cli.options import (
    BootOption,
    CapsOption,
    ContextOption,
    ImageOption,
    KeepAliveOption,
    LengthOption,
    PriorityOption,
    QueueOption,
    SelectorOption,
    StorageOption,
    WaitOption,
    WantArgument,
    read_caps,
    read_context,
    read_duration,
    read_want,
)
from boruta_farm.cli.signals import Signals
from boruta_farm.cli.ssh import LAST_WORDS_WITHIN, REQUEST, Errand, SshRun
from boruta_farm.cli.via import ViaOption
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.job import JobOverError
from boruta_farm.client.lease import Lease
from boruta_farm.client.openssh import SshSession, command_line, find_ssh, session_files
from boruta_farm.client.remote import CopyError
from boruta_farm.client.session import DEFAULT_KEEP_ALIVE, DEFAULT_PRIORITY, NotStartedError
from boruta_farm.client.way import environment_of
from boruta_farm.client.workload import TOKEN
from boruta_farm.model.errors import (
    AgentUnreachableError,
    AmbiguousWorkerError,
    BorutaError,
    ConfigError,
    UnavailableError,
    UnmetDemandError,
    WorkerNotAssignedError,
    WorkerNotFoundError,
)
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.via import Via

SSH_FAILED = 255
"""ssh's own failure, which may be the command's own status too."""
ANSWERS_WITHIN = 15.0
"""Seconds a board has to answer whether it is still there."""
FIRST_PAUSE = 0.5
LONGEST_PAUSE = 30.0
"""Seconds between two attempts; each pause is twice the last."""


class RunFault(IntEnum):
    """Why a command's own status is not known, as an exit status.

    Above every 128 + n of a signal, below what systemd uses, and none of ssh's.
    """

    NOBODY_FREE = 193
    NO_BOARD = 194
    BOARD_LOST = 195
    UNREACHABLE = 196
    JOB_ENDED = 197
    NOT_COPIED = 198
    REFUSED = 199


REPEATED = frozenset({RunFault.BOARD_LOST, RunFault.UNREACHABLE})
"""Faults of board or farm, after which another attempt may do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardCommand:
    """Carry what is to be done on the board: a folder sent, a command, files fetched.

    ``here`` has the command run on this machine instead, while the board is held for it.
    """

    line: str
    here: bool = False
    sent: Path | None = None
    fetched: tuple[str, ...] = ()
    to: Path = Path()


def run_command(
    context: typer.Context,
    want: WantArgument = None,
    caps: CapsOption = None,
    selector: SelectorOption = None,
    sent: Annotated[
        Path | None,
        typer.Option(
            "--in",
            metavar="DIR",
            exists=True,
            file_okay=False,
            help="Send this folder; the command runs in its copy on the board.",
        ),
    ] = None,
    fetched: Annotated[
        list[str] | None,
        typer.Option(
            "--fetch",
            metavar="GLOB",
            help="Fetch these files or folders after the command, from where it ran; repeatable.",
        ),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", file_okay=False, help="Where fetched files go."),
    ] = None,
    here: Annotated[
        bool,
        typer.Option(
            "--here",
            help="Run the command on this machine, which finds the request in BORUTA_REQUEST.",
        ),
    ] = False,
    length: LengthOption = None,
    origin: ContextOption = None,
    image: ImageOption = None,
    storage: StorageOption = None,
    boot_until: BootOption = None,
    keep_alive: KeepAliveOption = None,
    priority: PriorityOption = DEFAULT_PRIORITY,
    wait: WaitOption = None,
    queue: QueueOption = False,
    via: ViaOption = Via.AUTO,
    retries: Annotated[
        int,
        typer.Option(
            "--retries",
            metavar="N",
            min=0,
            help="Try again so often after 195 and 196, never after the command's own failure.",
        ),
    ] = 0,
) -> None:
    """Borrow a board, run the command after -- on it, give it back; made for CI.

    One word is a line for the board's shell, several are quoted for it word by word. Files are
    fetched after a command that failed, too. With --here the command runs on this machine, in its
    shell, while the board is held: a test suite, for example. The board is given back whatever
    happens, also after Ctrl-C, SIGTERM and a lost terminal. --wait is for each attempt.

    Exits with the command's status, or with one of these: 193 no board was free in time, 194 no
    such board, 195 the board was lost, 196 the farm cannot be reached, 197 the job ended before
    the command did, or the board was not made ready for it, 198 files were not copied, 199 refused
    or not possible here; 128 + n after signal n, 2 for wrong usage.
    """
    words: tuple[str, ...] = tuple(context.meta.get("boruta.command", ()))
    if not words:
        raise typer.BadParameter("say what to run on the board, after --")
    wanted = read_want(want)
    if wanted is not None and wanted.request is not None:
        raise typer.BadParameter(
            f"a board is borrowed for the command; on that of a request: boruta ssh {want} -- ..."
        )
    if here and (sent is not None or fetched):
        raise typer.BadParameter("--in and --fetch are for commands on the board, not for --here")
    if to is not None and not fetched:
        raise typer.BadParameter("--to is for what --fetch names")
    span = read_duration(keep_alive, "--keep-alive")
    command = BoardCommand(
        line=words[0] if len(words) == 1 else shlex.join(words),
        here=here,
        sent=sent,
        fetched=tuple(fetched or ()),
        to=to or Path(),
    )
    wish = SshRun(
        new=NewRequest(
            caps=read_caps(caps),
            selector=selector,
            priority=priority,
            keep_alive=DEFAULT_KEEP_ALIVE if span is None else round(span.total_seconds()),
            length=read_duration(length, "--for"),
            context=read_context(origin),
            image=image,
            storage=storage,
            boot_until=boot_until,
            strict=not queue,
        ),
        want=wanted,
        request_id=None,
        wait=read_duration(wait, "--wait"),
        own=None,
        command=(),
        interactive=False,
        via=via,
    )
    signals = Signals()
    try:
        runs = CommandRuns(configured(context), wish, command, signals)
        _prepare(command)
        status = asyncio.run(signals.guard(lambda: runs.until_done(retries)))
    except ConfigError as error:
        complain(error)
        status = RunFault.REFUSED
    raise typer.Exit(int(status))


def _prepare(command: BoardCommand) -> None:
    """See that what is needed here is there, before a board is asked for. Raises ConfigError."""
    find_ssh()
    if command.sent is not None or command.fetched:
        find_ssh("scp")
    if command.fetched:
        try:
            command.to.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{command.to}: cannot be made: {error.strerror}") from None


class CommandRuns:
    """Run one command on a board, anew on another after faults of board or farm."""

    def __init__(
        self, config: ClientConfig, wish: SshRun, command: BoardCommand, signals: Signals
    ) -> None:
        self._config = config
        self._wish = wish
        self._command = command
        self._signals = signals

    async def until_done(self, retries: int) -> int:
        """Return the command's status, or the fault of the last attempt."""
        pause = FIRST_PAUSE
        for left in range(retries, 0, -1):
            status = await self._attempt()
            if status not in REPEATED:
                return status
            remark(f"trying again in {pause:g} s (--retries: {left} left)")
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)
        return await self._attempt()

    async def _attempt(self) -> int:
        try:
            async with connect(self._config) as farm:
                errand = Errand(farm, self._wish, self._signals, self._config.server)
                async with errand.held() as lease:
                    self._tell_sign_in(farm)
                    use = self._use_here if self._command.here else self._use
                    return await use(errand, lease)
        except BorutaError as error:
            complain(error)
            point_at(None if self._wish.new is None else self._wish.new.selector, error)
            return fault_of(error)

    def _tell_sign_in(self, farm: Farm) -> None:
        """Say when a sign-in ends that cannot be made anew: the board is lost with it."""
        left = None if self._config.job is None else self._config.job.left
        if left is not None:
            now = farm.now()
            until = local_times(now, distance=True).moment(now + timedelta(seconds=left))
            remark(
                f"this CI job has signed in until {until}, and cannot again: {TOKEN} counts once; "
                "what takes longer wants a longer 'lasts' in the farm's workload rule"
            )

    async def _use_here(self, errand: Errand, lease: Lease) -> int:
        """Run the command on this machine; return its status, or the fault that ended its job."""
        environment = {**environment_of(self._config), REQUEST: str(lease.request_id)}
        session = SshSession(("sh", "-c", self._command.line), environment=environment, family=True)
        status, over = await errand.attend(session, lease)
        return status if over is None else _ended(over)

    async def _use(self, errand: Errand, lease: Lease) -> int:
        """Send, run, fetch; return the command's status if it is known, else the fault."""
        folder = f"boruta-{lease.request_id}"
        where = "" if self._command.sent is None else f"{folder}/"
        if self._command.sent is not None:
            fault = await _copied(lease, lease.put(self._command.sent, folder))
            if fault is not None:
                return fault
        mark = f".{folder}-255"
        line = board_line(self._command.line, where, mark)
        with session_files(lease.access, None, lease.way) as files:
            options = ("-T", "-o", "BatchMode=yes")
            arguments = command_line(find_ssh(), lease.access, files, [line], options)
            status, over = await errand.attend(
                SshSession(arguments, environment=files.environment), lease
            )
        if over is not None:
            return _ended(over)
        if status == SSH_FAILED:
            if _nobody_reads():
                return 128 + signal.SIGPIPE
            fault = await _missing(lease, f"test -e {mark}")
            if fault is not None:
                return fault
        for pattern in self._command.fetched:
            path = pattern if pattern.startswith("/") else f"{where}{pattern}"
            fault = await _copied(lease, lease.get(path, self._command.to))
            if fault is not None:
                # That the command failed is known, and what it would have left may be missing.
                return status or fault
        return status


def fault_of(error: BorutaError) -> RunFault:
    """Return which status stands for an error that kept the command from its end."""
    match error:
        case NotStartedError(state=None | RequestState.TIMEOUT):
            return RunFault.NOBODY_FREE
        case NotStartedError(state=RequestState.INVALID):
            return RunFault.NO_BOARD
        case NotStartedError(state=RequestState.FAILED, unready=False):
            return RunFault.BOARD_LOST
        case NotStartedError():
            return RunFault.JOB_ENDED
        case UnmetDemandError() | WorkerNotFoundError() | AmbiguousWorkerError():
            return RunFault.NO_BOARD
        case AgentUnreachableError() | WorkerNotAssignedError():
            # What was granted goes back to the queue when its board does not confirm it.
            return RunFault.BOARD_LOST
        case UnavailableError():
            return RunFault.UNREACHABLE
        case _:
            return RunFault.REFUSED


def board_line(line: str, folder: str, mark: str) -> str:
    """Return the line for the board's shell that runs ``line`` in a folder, if one is named.

    The file ``mark`` tells afterwards that 255 was the command's own status.
    """
    there = f"cd {shlex.quote(folder)} || exit; " if folder else ""
    script = (
        f'{there}"${{SHELL:-sh}}" -c {shlex.quote(line)}; status=$?; '
        f'[ $status -ne {SSH_FAILED} ] || echo > "$HOME/{mark}"; exit $status'
    )
    return f"exec sh -c {shlex.quote(script)}"


async def _copied(lease: Lease, copying: Awaitable[None]) -> RunFault | None:
    try:
        await copying
    except JobOverError as error:
        return _ended(error.request)
    except CopyError as error:
        complain(error)
        return await _missing(lease, "true") or RunFault.NOT_COPIED
    return None


async def _missing(lease: Lease, proof: str) -> RunFault | None:
    """Return why the board cannot be used any more, None where it answers and proves itself."""
    if lease.over is None:
        try:
            if not (await lease.run(proof, timeout=ANSWERS_WITHIN)).returncode:
                return None
        except JobOverError as error:
            return _ended(error.request)
        except TimeoutError:
            remark(f"the board did not answer within {ANSWERS_WITHIN:g} s")
        try:
            async with asyncio.timeout(LAST_WORDS_WITHIN):
                await lease.ended()
        except TimeoutError:
            remark("the connection to the board broke off before its command ended")
            return RunFault.BOARD_LOST
    return _ended(await lease.ended())


def _ended(over: Request) -> RunFault:
    lost = over.state is RequestState.FAILED
    return RunFault.BOARD_LOST if lost else RunFault.JOB_ENDED


def _nobody_reads() -> bool:
    """Tell whether what the command prints goes into a pipe whose reader has gone."""
    watch = select.poll()
    watch.register(sys.__stdout__ or 1, 0)
    return any(flags & select.POLLERR for _, flags in watch.poll(0))
