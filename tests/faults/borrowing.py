"""People who borrow boards of a farm in trouble, and keep a book of what they were told and saw."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta

from boruta_farm.client.farm import Farm
from boruta_farm.client.openssh import command_line, find_ssh, session_files
from boruta_farm.model.errors import BorutaError, RequestStateError
from boruta_farm.model.listing import RequestFilter
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.worker import AccessInfo
from tests.e2e.stage import CAPS
from tests.faults.history import Used

PATIENCE = 12.0
"""Seconds after which somebody gives a call up and asks another server."""

ANSWERED_WITHIN = 4.0
"""Seconds after which a session that says nothing is given up."""

CLOCK = ("sh", "-c", "'while read -r word; do date +%s.%N; done'")
"""Answers each line with the time by the board's own clock."""

OVER = frozenset({RequestState.DONE, RequestState.FAILED, RequestState.CANCELLED})


@dataclass
class Book:
    """Remember what was acknowledged, what boards answered, and which troubles there were."""

    filed: set[int] = field(default_factory=set)
    closed: set[int] = field(default_factory=set)
    used: list[Used] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    lent: int = 0
    more: asyncio.Condition = field(default_factory=asyncio.Condition)

    def note_filed(self, request: int) -> None:
        """Note an acknowledged request."""
        assert request not in self.filed, f"id {request} was given twice (I7)"
        self.filed.add(request)

    async def lends(self, count: int, within: float) -> None:
        """Return once boards were lent so often more."""
        wanted = self.lent + count
        async with asyncio.timeout(within), self.more:
            await self.more.wait_for(lambda: self.lent >= wanted)


class Borrower:
    """Borrow a board, use it for a moment, give it back, and so on, by any server that answers."""

    def __init__(self, farms: Sequence[Farm], book: Book, seed: int, longest: float = 2.0) -> None:
        self._farms = farms
        self._book = book
        self._random = random.Random(seed)
        self._longest = longest

    async def work(self) -> None:
        """Borrow until cancelled; troubles are counted, since there are some."""
        while True:
            try:
                await self._borrow()
            except BorutaError as error:
                self._book.troubles[type(error).__name__] += 1
            except TimeoutError:
                self._book.troubles["no answer"] += 1
            await asyncio.sleep(self._random.uniform(0.05, 0.3))

    def _farm(self) -> Farm:
        return self._random.choice(self._farms)

    async def _borrow(self) -> None:
        farm = self._farm()
        async with asyncio.timeout(PATIENCE):
            new = NewRequest(caps=CAPS, priority=8)
            number = (await farm.requests.new_request(farm.caller, new)).id
        self._book.note_filed(number)
        try:
            farm = self._farm()
            async with asyncio.timeout(2 * PATIENCE):
                access = await farm.requests.acquire_worker(
                    farm.caller, number, timedelta(seconds=PATIENCE)
                )
                # Its key was handed out, so the request has no other board any more.
                request = await farm.requests.get_request_info(farm.caller, number)
            job = request.job
            if job is not None and request.state is RequestState.IN_PROGRESS:
                await self._use(access, job.worker, job.epoch, number)
        finally:
            await self._close(number)

    async def _use(self, access: AccessInfo, board: str, epoch: int, number: int) -> None:
        """Ask the board for the time until somebody has had enough, or it answers no more."""
        loop = asyncio.get_running_loop()
        until = loop.time() + self._random.uniform(0.2, self._longest)
        async with _session(access) as session:
            answered = 0
            while loop.time() < until:
                at = await _answer(session)
                if at is None:
                    self._book.troubles["a session was lost"] += 1
                    return
                self._book.used.append(Used(board=board, epoch=epoch, request=number, at=at))
                if not answered:
                    self._book.lent += 1
                    async with self._book.more:
                        self._book.more.notify_all()
                answered += 1
                await asyncio.sleep(0.1)

    async def _close(self, number: int) -> None:
        """Give it back by whichever server hears; what none hears for long ends by its time."""
        loop = asyncio.get_running_loop()
        until = loop.time() + 3 * PATIENCE
        while loop.time() < until:
            farm = self._farm()
            try:
                async with asyncio.timeout(PATIENCE):
                    await farm.requests.close_request(farm.caller, number)
            except RequestStateError:
                # It has ended by itself, or a close that was not answered has done it.
                return
            except (BorutaError, TimeoutError):
                await asyncio.sleep(self._random.uniform(0.2, 0.6))
                continue
            self._book.closed.add(number)
            return


@asynccontextmanager
async def _session(access: AccessInfo) -> AsyncIterator[asyncio.subprocess.Process]:
    """Hold a session on the board for the block."""
    options = ("-o", "BatchMode=yes", "-o", "ConnectTimeout=4", "-o", "LogLevel=QUIET")
    with session_files(access, None) as files:
        process = await asyncio.create_subprocess_exec(
            *command_line(find_ssh(), access, files, CLOCK, options),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
            await process.wait()


async def _answer(session: asyncio.subprocess.Process) -> float | None:
    """Return the time by the board's clock, None where it answers no more."""
    assert session.stdin is not None
    assert session.stdout is not None
    try:
        async with asyncio.timeout(ANSWERED_WITHIN):
            session.stdin.write(b"when\n")
            await session.stdin.drain()
            line = await session.stdout.readline()
    except (TimeoutError, ConnectionError):
        return None
    return float(line) if line.strip() else None


@asynccontextmanager
async def borrowing(
    farms: Sequence[Farm], book: Book, count: int, chance: random.Random
) -> AsyncIterator[None]:
    """Have so many people borrow boards for the block."""
    people = [Borrower(farms, book, chance.getrandbits(64)) for _ in range(count)]
    work = [asyncio.create_task(each.work()) for each in people]
    try:
        yield
    finally:
        for task in work:
            task.cancel()
        ended = await asyncio.gather(*work, return_exceptions=True)
    for each in ended:
        if not isinstance(each, asyncio.CancelledError):
            raise AssertionError("a borrower failed") from each


async def check(farm: Farm, book: Book) -> None:
    """Read back all that was acknowledged."""
    ids = sorted(book.filed)
    found: dict[int, RequestState] = {}
    for start in range(0, len(ids), 500):
        some = tuple(ids[start : start + 500])
        page = await farm.requests.list_requests(farm.caller, RequestFilter(ids=some))
        found |= {request.id: request.state for request in page.items}
    missing = set(ids) - set(found)
    assert not missing, f"acknowledged requests are gone (I6): {sorted(missing)}"
    opened = [one for one in book.closed if found[one] not in OVER]
    assert not opened, f"acknowledged closes are gone (I6): {opened}"
