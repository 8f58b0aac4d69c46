"""What consoles said in ended jobs: kept as boards tell it, shown to whom it belongs."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Final

from boruta_farm.clock import Clock
from boruta_farm.core.permissions import check_console, check_request
from boruta_farm.farm.history import missing
from boruta_farm.model.account import Group
from boruta_farm.model.caller import Caller
from boruta_farm.model.console import ConsoleChunk, ConsoleLog, ConsolePiece, unpack_chunk
from boruta_farm.model.errors import (
    ConsoleLogNotFoundError,
    StaleEpochError,
)
from boruta_farm.model.permission import Permission
from boruta_farm.rate import Rate
from boruta_farm.store.base import Store, Transaction

NO_LOG: Final = (
    "request {} has no log of a console: none of its boards had one, it has not come yet, or it is "
    "not kept any more"
)
RUNNING: Final = (
    "request {} is running, and its log comes when it has ended; read it at the board: boruta "
    "console {} --log"
)


HOUR_SECONDS: Final = 3600
TOLD_AT_ONCE: Final = 64 * 1024 * 1024
"""Bytes of logs that a board may tell at once, and in an hour: twice what an agent keeps."""


class FarmConsoles:
    """Keep and show the logs of jobs' consoles."""

    def __init__(
        self, store: Store, group_named: Callable[[str], Group | None], clock: Clock
    ) -> None:
        self._store = store
        self._told = Rate(
            clock, TOLD_AT_ONCE / HOUR_SECONDS, "consoles of this board", TOLD_AT_ONCE, "bytes"
        )
        self._group_named = group_named

    async def keep(self, uuid: str, epoch: int, chunk: ConsoleChunk) -> None:
        """Keep a part; a second time changes nothing.

        Raises StaleEpochError for no job's, TooManyCallsError for more than a board's share: what
        is kept is bounded over all, so one board could drive out what others said.
        """
        self._told.take(uuid, len(chunk.content))

        def command(transaction: Transaction, _: datetime) -> None:
            request_id = transaction.job_request(uuid, epoch)
            if request_id is None:
                raise StaleEpochError
            transaction.save_console(request_id, epoch, chunk)

        await self._store.execute(command)

    async def list_logs(self, caller: Caller, request_id: int) -> tuple[ConsoleLog, ...]:
        """Return the logs of a request's newest job that had some, by console."""
        request = await self._store.get_request(request_id)
        if request is None:
            raise await missing(self._store, request_id)
        check_request(caller, request, Permission.SEE_REQUESTS)
        check_console(caller, request, self._group_named)
        logs = await self._store.console_logs(request_id)
        if not logs:
            raise ConsoleLogNotFoundError(
                RUNNING.format(request_id, request_id)
                if request.live_job is not None
                else NO_LOG.format(request_id)
            )
        newest = max(log.epoch for log in logs)
        return tuple(log for log in logs if log.epoch == newest)

    async def pieces(self, log: ConsoleLog, first: int = 0) -> AsyncIterator[ConsolePiece]:
        """Yield what a console said, from a chunk on; parts that are missing are left out."""
        for sequence in range(first, log.count):
            content = await self._store.console_chunk(log, sequence)
            if content is None:
                continue
            try:
                for piece in unpack_chunk(content):
                    yield piece
            except ValueError:
                # A board may tell anything; what it told before that is good.
                return
