"""What an agent may do, act by act: within its budget, on boards that it holds, and noted."""

import asyncio
import json
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, TypeVar

from boruta_farm.client.device import DeviceError, device_line
from boruta_farm.client.entered import Entered
from boruta_farm.client.farm import Farm
from boruta_farm.client.images import is_elsewhere
from boruta_farm.client.job import JobOverError
from boruta_farm.client.lease import Lease
from boruta_farm.client.remote import CopyError
from boruta_farm.client.session import NotStartedError, lend
from boruta_farm.client.waiting import Progress
from boruta_farm.client.wanting import asking, wanted_here
from boruta_farm.contracts import Explanation
from boruta_farm.mcp.answers import MOST, Data, ToolAnswer
from boruta_farm.mcp.budget import Budget, BudgetError, CountedAct, Spent
from boruta_farm.mcp.folder import SharedFolder
from boruta_farm.mcp.ledger import AgentLedger
from boruta_farm.model.errors import (
    BorutaError,
    InvalidError,
    NotFoundError,
    RouteNotFoundError,
    WantError,
)
from boruta_farm.model.listing import WorkerFilter
from boruta_farm.model.request import MoreTime, NewRequest
from boruta_farm.model.worker import Worker
from boruta_farm.selectors.want import parse
from boruta_farm.words.explanation import line
from boruta_farm.words.times import Times

Result = TypeVar("Result")

KEEP_ALIVE: Final = 30
"""Seconds after which boards of an agent whose server was killed are free."""
LONGEST_WAIT: Final = 300
LONGEST_RUN: Final = 600
LONGEST_TEXT: Final = 1 << 20
LARGEST_FILE: Final = 256 << 20
"""Bytes that an agent takes from a board at once: a board could send without end."""
PRIORITY: Final = 8
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}", re.ASCII)
SOON: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Say on whose behalf the agent acts, and what it calls itself."""

    name: str
    agent: str


@dataclass(slots=True, kw_only=True)
class HeldBoard:
    """Keep a board that the agent borrowed."""

    record: Worker
    lease: Lease
    entered: Entered[Lease]
    prolonging: asyncio.Lock = field(default_factory=asyncio.Lock)


class AgentDesk:
    """Act for one agent; every method but ``close`` is one of its tools."""

    def __init__(
        self, farm: Farm, budget: Budget, ledger: AgentLedger, folder: SharedFolder, person: Person
    ) -> None:
        self._farm = farm
        self._budget = budget
        self._ledger = ledger
        self._folder = folder
        self._person = person
        self._held: dict[str, HeldBoard] = {}

    async def close(self) -> None:
        """Give back all boards."""
        await asyncio.gather(*(self._release(name) for name in list(self._held)))

    async def find_boards(self, want: str = "any") -> ToolAnswer:
        """List the boards that fit a want: a name, a kind such as rpi4, or a selector."""
        new = await self._asked(want, timedelta(minutes=1))
        where = WorkerFilter(caps=new.caps or None, selector=new.selector)
        page = await self._farm.workers.list_workers(self._farm.caller, where)
        shown = [
            {"name": one.name, "state": one.state.value, "capabilities": dict(one.matched)}
            for one in page.items
        ]
        text = json.dumps(shown, indent=1).encode()
        return ToolAnswer(
            words=f"{len(shown)} boards fit {want!r}; borrow one by its name or by the want.",
            data=(Data(source="the farm's list of boards", content=text),) if shown else (),
        )

    async def explain(self, want: str) -> ToolAnswer:
        """Tell how things stand with boards that fit a want: who holds them, when one is free.

        Nothing stays filed.
        """
        new = await self._asked(want, timedelta(minutes=1))
        later = replace(new, length=None, keep_alive=None, valid_after=self._farm.now() + SOON)
        requests, caller = self._farm.requests, self._farm.caller
        filed = await requests.new_request(caller, later)
        try:
            told = await requests.explain(caller, filed.id)
        finally:
            await requests.close_request(caller, filed.id)
        why = self._line(told)
        return ToolAnswer(words=f"For {want!r} (as if it were filed for tomorrow): {why}")

    async def borrow(self, want: str, minutes: int = 30, wait_seconds: int = 60) -> ToolAnswer:
        """Borrow a board for some minutes, waiting for one if need be.

        It is given back when the minutes are over, when you give it back, or when you are gone.
        """
        length = timedelta(minutes=_within("minutes", minutes, 1, 24 * 60))
        wait = timedelta(seconds=_within("wait_seconds", wait_seconds, 1, LONGEST_WAIT))
        new = await self._asked(want, length)
        await self._look_back()
        reserved = -secrets.randbits(48) - 1
        self._spend(lambda spent, now: spent.booked(self._budget, reserved, length, now))
        last: list[Explanation] = []

        def heard(progress: Progress) -> None:
            if progress.explanation is not None:
                last[:] = [progress.explanation]

        entered = Entered(lend(self._farm, new, wait, heard))
        try:
            lease = await entered.entered()
            record = await self._farm.workers.get_worker_info(self._farm.caller, lease.worker)
        except NotStartedError as error:
            self._spend(lambda spent, now: spent.ended(reserved, now))
            why = f"; {self._line(last[0])}" if last else ""
            return ToolAnswer(words=f"No board: {error.message}{why}", failed=True)
        except BaseException:
            await entered.abandon()
            self._spend(lambda spent, now: spent.ended(reserved, now))
            raise
        self._spend(lambda spent, now: spent.named(reserved, lease.request_id))
        self._held[record.name] = HeldBoard(record=record, lease=lease, entered=entered)
        return ToolAnswer(words=f"You have {self._standing(record.name)}.")

    async def boards(self) -> ToolAnswer:
        """List the boards that you hold, until when, and what is left of your budget."""
        await self._look_back()
        spent = self._spend(lambda spent, now: spent)
        now = self._farm.now()
        left = int(spent.minutes_left(self._budget, now) / timedelta(minutes=1))
        counts = ", ".join(
            f"{self._budget.most(kind) - len(spent.acts.get(kind, ()))} x {kind.value} this hour"
            for kind in CountedAct
        )
        held = "; ".join(map(self._standing, self._held)) or "no board"
        return ToolAnswer(
            words=f"You have {held}. Left of the budget: {left} board minutes today, {counts}; "
            f"at most {self._budget.boards} boards at once. Files: {self._folder}."
        )

    async def tools(self, board: str) -> ToolAnswer:
        """List what a board has to operate its device with: power, console, storage, buttons."""
        found = await self._on(board, lambda lease: lease.tools())
        told = [
            {"name": one.name, "kind": one.kind, "state": one.state, "about": one.about}
            for one in found
        ]
        data = Data(source=f"dut on {board}", content=json.dumps(told, indent=1).encode())
        return ToolAnswer(words=f"{board} has {len(told)} tools.", data=(data,) if told else ())

    async def run_command(
        self, board: str, command: str, timeout_seconds: int = 60, stdin: str = ""
    ) -> ToolAnswer:
        """Run a command line in the shell of a board's supervisor."""
        limit = _within("timeout_seconds", timeout_seconds, 1, LONGEST_RUN)
        line = _text("command", command)
        try:
            done = await self._on(
                board,
                lambda lease: lease.run(
                    line, input=_text("stdin", stdin), timeout=limit, most=MOST + 1
                ),
                "run a command",
            )
        except TimeoutError:
            return ToolAnswer(words=f"It did not end within {limit} s, and was ended.", failed=True)
        parts = (("output", done.stdout), ("complaints", done.stderr))
        data = [
            Data(source=f"{what} of a command on {board}", content=text.encode())
            for what, text in parts
            if text
        ]
        return ToolAnswer(words=f"Exit status {done.returncode}.", data=tuple(data))

    async def put_file(self, board: str, local: str, remote: str) -> ToolAnswer:
        """Copy a file of your folder to a board."""
        path = self._folder.existing(local)
        target = _text("remote", remote)
        await self._on(board, lambda lease: lease.put(path, target), "put a file")
        return ToolAnswer(words=f"{local!r} is on {board} as {remote!r}.")

    async def get_file(self, board: str, remote: str, local: str) -> ToolAnswer:
        """Copy a file, of 256 MiB at most, from a board into your folder."""
        source = _text("remote", remote)
        with self._folder.arriving(local) as fresh:
            await self._on(
                board, lambda lease: lease.fetch(source, fresh, LARGEST_FILE), "get a file"
            )
        return ToolAnswer(words=f"{remote!r} of {board} is in your folder as {local!r}.")

    async def write_file(self, board: str, path: str, text: str) -> ToolAnswer:
        """Write a text into a file on a board."""
        command = ["sh", "-c", 'cat > "$1"', "sh", _text("path", path)]
        content = _text("text", text)
        done = await self._on(
            board, lambda lease: lease.run(command, input=content, most=MOST), "write a file"
        )
        words = f"{path!r} is written on {board}."
        return self._outcome(board, done.returncode, done.stderr, words)

    async def read_file(self, board: str, path: str, start: int = 0) -> ToolAnswer:
        """Read a file on a board, from a position in bytes."""
        first = _within("start", start, 0, 1 << 60) + 1
        command = ["sh", "-c", 'tail -c "+$2" -- "$1" | head -c "$3"', "sh", _text("path", path)]
        command += [str(first), str(MOST)]
        done = await self._on(board, lambda lease: lease.run(command, timeout=60, most=MOST))
        if done.stderr:
            return self._outcome(board, 1, done.stderr, "")
        content = done.stdout.encode()
        data = Data(source=f"the file {path!r} on {board}", content=content)
        return ToolAnswer(words=f"{len(content)} bytes from {start} on.", data=(data,))

    async def power(self, board: str, action: str = "state", name: str = "") -> ToolAnswer:
        """Switch the power of a board's device (on, off, cycle), or read it (state)."""
        tool = _name(name)
        if action not in ("on", "off", "cycle", "state"):
            raise InvalidError(f"action={action!r}: it is on, off, cycle or state")
        if action == "state":
            reading = await self._on(board, lambda lease: lease.power.named(tool).state())
            told = {True: "on", False: "off", None: "not readable"}[reading.on]
            return ToolAnswer(words=f"The power of {board} is {told}.")
        self._count(board, CountedAct.POWER)
        acts: dict[str, Callable[[Lease], Awaitable[None]]] = {
            "on": lambda lease: lease.power.named(tool).on(),
            "off": lambda lease: lease.power.named(tool).off(),
            "cycle": lambda lease: lease.power.named(tool).cycle(),
        }
        await self._on(board, acts[action], f"power {action}")
        return ToolAnswer(words=f"Done: power {action} of {board}.")

    async def press(self, board: str, name: str = "", seconds: float = 0.0) -> ToolAnswer:
        """Press a button of a board's device, such as reset."""
        tool = _name(name)
        hold = None if not seconds else min(max(float(seconds), 0.01), 60.0)
        self._count(board, CountedAct.POWER)
        await self._on(board, lambda lease: lease.press(tool, hold), "press a button")
        return ToolAnswer(words=f"Done: a button of {board} was pressed.")

    async def console_send(self, board: str, text: str, name: str = "") -> ToolAnswer:
        r"""Send a text to the console of a board's device; a return key is \r."""
        tool, keys = _name(name), _text("text", text)
        await self._on(
            board, lambda lease: lease.console.named(tool).send(keys), "write to the console"
        )
        return ToolAnswer(words=f"Sent to the console of {board}.")

    async def console_expect(
        self, board: str, pattern: str, timeout_seconds: int = 60, name: str = ""
    ) -> ToolAnswer:
        """Wait until a regular expression matches what the console has said since the job began."""
        tool, limit = _name(name), _within("timeout_seconds", timeout_seconds, 1, LONGEST_RUN)
        wanted = _text("pattern", pattern)
        found = await self._on(
            board, lambda lease: lease.console.named(tool).expect(wanted, float(limit))
        )
        told = json.dumps({"text": found.text, "groups": found.groups}, indent=1).encode()
        data = Data(source=f"the console of {board}", content=told, tail=True)
        return ToolAnswer(words="It matched.", data=(data,))

    async def console_log(self, board: str, name: str = "") -> ToolAnswer:
        """Read the last of what the console has said since the job began."""
        words = ("console", *((_name(name),) if name else ()), "--log")
        line = f"{{ {device_line(*words)}; }} | tail -c {MOST}"
        done = await self._on(board, lambda lease: lease.run(line, timeout=60, most=MOST))
        if done.stderr:
            return self._outcome(board, 1, done.stderr, "")
        data = Data(source=f"the console of {board}", content=done.stdout.encode(), tail=True)
        return ToolAnswer(words="The console's log follows.", data=(data,))

    async def flash(self, board: str, image: str, name: str = "") -> ToolAnswer:
        """Write an image (a file of your folder, or an https address) to the device's card."""
        tool = _name(name)
        source = _text("image", image) if is_elsewhere(image) else self._folder.existing(image)
        self._count(board, CountedAct.FLASH)
        done = await self._on(board, lambda lease: lease.flash(source, tool), "flash")
        read = "and read back" if done.verified else "and not read back"
        return ToolAnswer(words=f"{done.bytes} bytes were written {read} in {done.seconds:.1f} s.")

    async def prolong(self, board: str, minutes: int) -> ToolAnswer:
        """Keep a board some minutes longer."""
        more = timedelta(minutes=_within("minutes", minutes, 1, 24 * 60))
        held = self._board(board)
        # Two at once would both count from the end that there was before.
        async with held.prolonging:
            await self._prolong(held, more)
        return ToolAnswer(words=f"You have {self._standing(board)}.")

    async def _prolong(self, held: HeldBoard, more: timedelta) -> None:
        before, request = held.lease.until, held.lease.request_id
        end = before + more
        self._spend(lambda spent, now: spent.moved(self._budget, request, end, now))
        try:
            reached = await self._farm.requests.prolong_access(
                self._farm.caller, request, MoreTime(until=end)
            )
        except BorutaError:
            self._spend(lambda spent, now: spent.moved(self._budget, request, before, now))
            raise
        held.lease.until = max(held.lease.until, reached)

    async def give_back(self, board: str) -> ToolAnswer:
        """Give a board back; nothing of what is on it is kept."""
        self._board(board)
        await self._release(board)
        return ToolAnswer(words=f"{board} is given back, and cleaned for the next one.")

    def note(self, tool: str, given: dict[str, object], outcome: str) -> None:
        """Enter an act: what was asked for, by whom, for whom, and what came of it."""
        board = given.get("board")
        held = self._held.get(board) if isinstance(board, str) else None
        self._ledger.note(
            {
                "at": self._farm.now().isoformat(),
                "person": self._person.name,
                "agent": self._person.agent,
                "act": tool,
                "request": None if held is None else held.lease.request_id,
                "given": {key: _brief(value) for key, value in given.items()},
                "outcome": outcome,
            }
        )

    async def _asked(self, want: str, length: timedelta) -> NewRequest:
        wanted = parse(_text("want", want))
        if wanted.request is not None:
            raise WantError(f"{want!r} names a request; name a board, or what it must have")
        new = NewRequest(
            caps={},
            priority=PRIORITY,
            length=length,
            keep_alive=KEEP_ALIVE,
            strict=True,
            context={"agent": self._person.agent},
        )
        return asking(new, await wanted_here(self._farm, wanted))

    async def _on(
        self, board: str, act: Callable[[Lease], Awaitable[Result]], told: str = ""
    ) -> Result:
        """Do something on a board that is held, once the farm has it in its audit.

        Raises what that raises; what cannot be entered is not done.
        """
        held = self._board(board)
        if told:
            # A farm that is older than this takes no such entries.
            with suppress(RouteNotFoundError):
                number = held.lease.request_id
                await self._farm.requests.note_act(self._farm.caller, number, told)
        try:
            return await act(held.lease)
        except JobOverError:
            await self._release(board)
            raise

    def _board(self, name: str) -> HeldBoard:
        """Return a board of this agent's; no other can be named."""
        held = self._held.get(name)
        if held is None:
            mine = ", ".join(self._held) or "none"
            raise NotFoundError(f"you hold no board {_brief(name)!r}; you hold: {mine}")
        return held

    async def _release(self, name: str) -> None:
        held = self._held.pop(name)
        try:
            await held.entered.leave(None)
        finally:
            request = held.lease.request_id
            self._spend(lambda spent, now: spent.ended(request, now))

    async def _look_back(self) -> None:
        """Forget boards whose jobs have ended, here or in an earlier session that was killed."""
        for name in [name for name, held in self._held.items() if held.lease.over is not None]:
            await self._release(name)
        mine = {held.lease.request_id for held in self._held.values()}
        for booking in self._spend(lambda spent, now: spent).bookings:
            if booking.over or booking.request < 0 or booking.request in mine:
                continue
            with suppress(NotFoundError):
                request = await self._farm.requests.get_request_info(
                    self._farm.caller, booking.request
                )
                if not request.state.finished:
                    continue
            gone = booking.request
            self._spend(lambda spent, now, gone=gone: spent.ended(gone, now))  # type: ignore[misc]

    def _spend(self, change: Callable[[Spent, datetime], Spent]) -> Spent:
        now = self._farm.now()
        return self._ledger.change(lambda spent: change(spent, now), now)

    def _count(self, board: str, counted: CountedAct) -> None:
        self._board(board)
        self._spend(lambda spent, now: spent.done(self._budget, counted, now))

    def _standing(self, name: str) -> str:
        held = self._held[name]
        times = Times(now=self._farm.now(), zone=None)
        return f"{name} (request {held.lease.request_id}) until {times.moment(held.lease.until)}"

    def _line(self, told: Explanation) -> str:
        return line(told, Times(now=self._farm.now(), zone=None))

    def _outcome(self, board: str, status: int, complaint: str, words: str) -> ToolAnswer:
        if not status:
            return ToolAnswer(words=words)
        data = Data(source=f"complaints of {board}", content=complaint.encode())
        return ToolAnswer(words=f"It failed on {board}.", data=(data,), failed=True)


def refused(error: BorutaError) -> ToolAnswer:
    """Return the answer for an error; words that a board has said are data."""
    if isinstance(error, DeviceError | CopyError):
        data = Data(source="the board's tools", content=error.message.encode())
        return ToolAnswer(words=f"It failed ({error.code}).", data=(data,), failed=True)
    kind = "over the budget" if isinstance(error, BudgetError) else "refused"
    return ToolAnswer(words=f"{kind} ({error.code}): {error.message}", failed=True)


def _within(name: str, value: int, least: int, most: int) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidError(f"{name}={_brief(value)}: it is a whole number from {least} to {most}")
    return value


def _text(name: str, value: str) -> str:
    if "\0" in value or len(value) > LONGEST_TEXT:
        limit = f"of {LONGEST_TEXT} characters at most"
        raise InvalidError(f"{name}: it is a text without zero bytes, {limit}")
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise InvalidError(f"{name}: it is a text in UTF-8")
    return value


def _name(value: str) -> str:
    if value and not NAME.fullmatch(value):
        raise InvalidError(f"name={_brief(value)!r}: it is the name of a tool, as tools() tells it")
    return value


def _brief(value: object) -> str:
    text = str(value).encode(errors="backslashreplace").decode()
    return text if len(text) <= 200 else f"{text[:200]}... ({len(text)} characters)"
