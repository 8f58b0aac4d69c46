"""The farm for tests: boards one by one, or several at once, each for a block."""

import asyncio
import math
from collections.abc import AsyncIterator, Collection, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from boruta_farm.client import config as configuration
from boruta_farm.client.blocking import Bridge
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.lease import Lease
from boruta_farm.client.session import NotStartedError, lend
from boruta_farm.client.waiting import Progress
from boruta_farm.client.wanting import asking, wanted_here
from boruta_farm.contracts import Explanation
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.listing import WorkerFilter
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import UUID_CAPABILITY, Worker, WorkerState
from boruta_farm.pytest_plugin.board import LentBoard
from boruta_farm.pytest_plugin.choosing import choose
from boruta_farm.pytest_plugin.demand import BoardDemand, DemandError, demand
from boruta_farm.selectors.want import parse
from boruta_farm.words.explanation import line
from boruta_farm.words.times import Times


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Say how long to wait for boards, and after how long those of a run that died are free."""

    wait: timedelta
    keep_alive: timedelta


class NoBoardError(BorutaError):
    """no board was free in time

    The message tells what the farm says of why.
    """

    code = "no-board"


class KeptByThisRunError(BorutaError):
    """all boards that fit are kept by this run itself, so waiting would not help"""

    code = "kept-by-this-run"


class Boruta:
    """The farm that tests borrow from; the fixture ``boruta``."""

    def __init__(self, farm: Farm, bridge: Bridge, terms: Terms) -> None:
        self._farm = farm
        self._bridge = bridge
        self._terms = terms

    @contextmanager
    def borrow(self, want: str | BoardDemand, /, **conditions: object) -> Iterator[LentBoard]:
        """Lend a board for the block; it is asked for as in the marker ``board``.

        Raises NoBoardError when none is free in time, and the errors of ``borrow``.
        """
        asked = _demand(want, conditions)
        with self.borrow_all({asked.name: asked}) as boards:
            yield boards[asked.name]

    @contextmanager
    def borrow_all(
        self,
        wants: Mapping[str, str | BoardDemand],
        /,
        wait: timedelta | None = None,
        *,
        kept: Collection[str] = (),
    ) -> Iterator[Mapping[str, LentBoard]]:
        """Lend several boards for the block, under the names that are given.

        All are had within ``wait``, or none: those that came are given back, and NoBoardError is
        raised. Two runs never wait for each other. ``kept`` are the UUIDs of boards that this run
        gives back only after the block: they are not waited for, and KeptByThisRunError is raised
        where no others fit.
        """
        asked = {name: _demand(want, {}) for name, want in wants.items()}
        with self._bridge.enter(self._lend(asked, wait, kept)) as lent:
            yield {
                name: LentBoard(lease, self._bridge, record)
                for name, (lease, record) in lent.items()
            }

    @asynccontextmanager
    async def _lend(
        self, asked: Mapping[str, BoardDemand], wait: timedelta | None, kept: Collection[str]
    ) -> AsyncIterator[Mapping[str, tuple[Lease, Worker]]]:
        patience = wait or max(each.wait or self._terms.wait for each in asked.values())
        heard = _Heard()
        heard.begin(" and ".join(map(str, asked.values())))
        lent: dict[str, tuple[Lease, Worker]] = {}
        async with AsyncExitStack() as stack:
            try:
                async with asyncio.timeout(patience.total_seconds()):
                    for name, new in (await self._requests(asked, kept)).items():
                        heard.begin(f"{name} ({asked[name]})" if name else str(asked[name]))
                        lease = await stack.enter_async_context(
                            lend(self._farm, new, report=heard.report)
                        )
                        lent[name] = (lease, await self._record(lease))
            except TimeoutError:
                raise NoBoardError(heard.told(self._farm, patience)) from None
            except NotStartedError as error:
                raise NoBoardError(error.message, standing=error.standing) from error
            yield lent

    async def _requests(
        self, asked: Mapping[str, BoardDemand], kept: Collection[str]
    ) -> Mapping[str, NewRequest]:
        """Return what is to be filed one after the other."""
        new = {name: await self._request(each) for name, each in asked.items()}
        if len(new) == 1 and not kept:
            return new
        fitting = {
            name: await self._fitting(asked[name], request, kept) for name, request in new.items()
        }
        return new if len(new) == 1 else self._in_order(asked, new, fitting)

    async def _fitting(
        self, asked: BoardDemand, new: NewRequest, kept: Collection[str]
    ) -> Sequence[Worker]:
        """Return the boards that may be waited for. Raises KeptByThisRunError."""
        where = WorkerFilter(caps=new.caps or None, selector=new.selector)
        page = await self._farm.workers.list_workers(self._farm.caller, where)
        others = [one for one in page.items if one.uuid not in kept]
        if page.items and not others:
            names = ", ".join(one.name for one in page.items)
            raise KeptByThisRunError(
                f"no board for {asked}: this run itself keeps {names} for its module or session, "
                "and no other board fits; give these tests the same marker to share it, "
                "or keep it for the test alone (scope='test')"
            )
        return others

    async def _request(self, asked: BoardDemand) -> NewRequest:
        want = parse(asked.want)
        if want.request is not None:
            raise DemandError(f"{asked.want!r} names a request; say which board is to be borrowed")
        new = NewRequest(
            caps={},
            selector=asked.selector or None,
            priority=asked.priority,
            length=asked.length,
            keep_alive=math.ceil(self._terms.keep_alive.total_seconds()),
            strict=True,
        )
        return asking(new, await wanted_here(self._farm, want))

    def _in_order(
        self,
        asked: Mapping[str, BoardDemand],
        new: Mapping[str, NewRequest],
        fitting: Mapping[str, Sequence[Worker]],
    ) -> dict[str, NewRequest]:
        """Have each request ask for one certain board, in the order that all runs keep."""
        fitting = {
            name: [one for one in boards if one.state not in _AWAY] or boards
            for name, boards in fitting.items()
        }
        chosen = choose(fitting)
        if chosen is None:
            wants = "; ".join(f"{name}: {asked[name]} ({len(fitting[name])})" for name in new)
            raise NoBoardError(
                f"the farm has too few boards for all of these at once (boards that fit): {wants}"
            )
        return {
            name: NewRequest(
                caps={UUID_CAPABILITY: board.uuid},
                priority=new[name].priority,
                length=new[name].length,
                keep_alive=new[name].keep_alive,
                strict=True,
            )
            for name, board in chosen
        }

    async def _record(self, lease: Lease) -> Worker:
        return await self._farm.workers.get_worker_info(self._farm.caller, lease.worker)


class _Heard:
    """What the farm said last of why a board is waited for."""

    def __init__(self) -> None:
        self._of = ""
        self._last: Explanation | None = None
        self._trouble = ""

    def begin(self, of: str) -> None:
        self._of, self._last, self._trouble = of, None, ""

    def report(self, progress: Progress) -> None:
        if progress.explanation is not None:
            self._last = progress.explanation
        self._trouble = progress.trouble or ""

    def told(self, farm: Farm, patience: timedelta) -> str:
        why = self._trouble or "the farm has not said why"
        if self._last is not None and not self._trouble:
            why = line(self._last, Times(now=farm.now(), zone=None))
        seconds = f"{patience.total_seconds():g} s"
        return f"no board for {self._of} within {seconds}: {why}"


_AWAY = frozenset({WorkerState.MAINTENANCE, WorkerState.BUSY, WorkerState.FAILED})


def _demand(want: str | BoardDemand, conditions: Mapping[str, object]) -> BoardDemand:
    if not isinstance(want, str):
        return want
    return demand(want, **conditions)  # type: ignore[arg-type]  # names are the caller's


@contextmanager
def lending(terms: Terms) -> Iterator[Boruta]:
    """Connect to the farm that environment and profile name. Raises ConfigError."""
    config = configuration.load()
    with Bridge() as bridge, bridge.enter(connect(config)) as farm:
        yield Boruta(farm, bridge, terms)
