"""Who is on a board: its agent counts sessions by keys, the farm knows whose these are."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import timedelta

from boruta_farm.contracts import Boards
from boruta_farm.core.sharing import check_takes_many, keys_of
from boruta_farm.model.account import Account
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    StaleEpochError,
    WorkerNotAssignedError,
)
from boruta_farm.model.request import OpenSessions, Request, RequestState
from boruta_farm.store.base import Store

ANSWER_WITHIN = timedelta(seconds=5)


class Sessions:
    """Ask boards who is logged in."""

    def __init__(
        self, store: Store, boards: Boards, account_of: Callable[[str], Account | None]
    ) -> None:
        self._store = store
        self._boards = boards
        self._account_of = account_of

    async def of(self, request: Request) -> tuple[OpenSessions, ...]:
        """Return the sessions of a running request, by account, those of unknown keys last.

        The key that was handed out counts as its owner's. Raises WorkerNotAssignedError,
        SharingError, AgentUnreachableError.
        """
        job = request.live_job
        worker = None if job is None else await self._store.get_worker(job.worker)
        if job is None or worker is None or request.state is not RequestState.IN_PROGRESS:
            raise WorkerNotAssignedError
        check_takes_many(worker)
        board = self._boards.fenced(job.worker)
        if board is None:
            raise AgentUnreachableError
        try:
            async with asyncio.timeout(ANSWER_WITHIN.total_seconds()):
                counted = await board.sessions(job.epoch)
        except TimeoutError:
            raise AgentUnreachableError from None
        except (BoardError, StaleEpochError) as refusal:
            raise AgentUnreachableError(
                f"the board does not tell who is on it ({refusal.message})"
            ) from None
        names = {key: name for name, keys in self._people(request) for key in keys}
        installed = await self._store.get_session_key(job.worker, job.epoch)
        if installed is not None:
            names[" ".join(installed.public.split()[:2])] = request.owner_name
        found: Counter[str | None] = Counter()
        for key, count in counted.items():
            found[names.get(key)] += count
        ordered = sorted(found.items(), key=lambda item: (item[0] is None, item[0] or ""))
        return tuple(OpenSessions(account=name, count=count) for name, count in ordered)

    def _people(self, request: Request) -> list[tuple[str, tuple[str, ...]]]:
        """Return whose keys open the session; the owner last, who wins for a key of two."""
        ids = (*request.shared, request.owner)
        accounts = (self._account_of(account_id) for account_id in ids)
        return [(account.name, keys_of(account)) for account in accounts if account is not None]
