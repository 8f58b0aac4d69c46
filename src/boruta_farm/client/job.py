"""A job that is over, told at the next call on its board and to the one under way."""

import asyncio
from subprocess import CompletedProcess
from typing import Final

from boruta_farm.client.farm import Farm
from boruta_farm.client.remote import Doing
from boruta_farm.model.errors import BorutaError, UnavailableError
from boruta_farm.model.request import Request, RequestState
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.words.standing import sentence
from boruta_farm.words.times import Times

CUT: Final = frozenset({255, 3})
"""With which statuses a command ends whose session is cut: ssh's own, and ``dut``'s."""
SURE_WITHIN: Final = 5.0
"""Seconds by which the farm knows of an end that the board has made in time by itself."""


class JobOverError(BorutaError):
    """the job is over, and its board is not yours any more

    ``request`` is the finished request, whose ``state`` and ``reason`` tell how it ended.
    """

    code = "job-over"

    def __init__(self, message: str, request: Request) -> None:
        super().__init__(message)
        self.request = request


class JobEnd:
    """Know when a job is over, and raise JobOverError into whatever is done on its board."""

    def __init__(self, farm: Farm, request_id: int) -> None:
        self._farm = farm
        self._id = request_id
        self._ended: asyncio.Future[Request] = asyncio.get_running_loop().create_future()

    @property
    def request(self) -> Request | None:
        """Return the finished request if the job is known to be over, else None."""
        return self._ended.result() if self._ended.done() else None

    async def wait(self) -> Request:
        """Wait until the job is over for whatever reason and return the finished request."""
        return await asyncio.shield(self._ended)

    def note(self, request: Request) -> None:
        """Take note of the finished request."""
        if not self._ended.done():
            self._ended.set_result(request)

    def check(self) -> None:
        """Raise JobOverError if the job is known to be over."""
        if self._ended.done():
            raise self._over(self._ended.result())

    async def guard(self, doing: Doing, *, copying: bool = False) -> CompletedProcess[bytes]:
        """Return what came of something done on the board. Raises JobOverError.

        What is under way when the job ends is ended. A command that ended as one does whose
        session is cut has the farm asked; where that is out of reach, it is returned as it is.
        """
        try:
            self.check()
        except JobOverError:
            doing.close()
            raise
        task = asyncio.ensure_future(doing)
        try:
            await asyncio.wait((task, self._ended), return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise self._over(self._ended.result())
            done = task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        if done.returncode in CUT or (copying and done.returncode):
            await self._look()
        return done

    async def _look(self) -> None:
        """Ask the farm. Raises JobOverError."""
        try:
            request = await self._farm.requests.get_request_info(self._farm.caller, self._id)
        except UnavailableError:
            return
        if request.state is RequestState.IN_PROGRESS:
            if request.job is None or self._farm.now() < request.job.timeout:
                return
            # The board ends jobs on time by itself; the farm is about to hear of it.
            try:
                async with asyncio.timeout(SURE_WITHIN):
                    request = await self.wait()
            except TimeoutError:
                return
        self.note(request)
        raise self._over(request)

    def _over(self, request: Request) -> JobOverError:
        ended = Standing(
            subject=Subject.REQUEST,
            state=request.state.value,
            since=request.finished,
            reason=request.reason,
        )
        told = sentence(ended, Times(now=self._farm.now(), zone=None))
        return JobOverError(f"the job of request {self._id} is over: {told}", request)
