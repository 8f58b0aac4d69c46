"""Waiting for a board at a terminal: how it goes is shown, and Ctrl-C asks what is meant."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from boruta_farm.cli.console import remark
from boruta_farm.cli.progress import Spinner
from boruta_farm.cli.question import ask, someone_there
from boruta_farm.cli.signals import Signals
from boruta_farm.client.farm import Farm
from boruta_farm.client.session import LeftError, close_request, wait_for_board
from boruta_farm.client.waiting import Progress
from boruta_farm.model.request import Request


async def wait_its_turn(
    farm: Farm,
    request_id: int,
    wait: timedelta | None,
    signals: Signals,
    *,
    stays: bool = False,
    asks: bool = True,
) -> Request:
    """Return the request once it is IN PROGRESS, telling meanwhile where it stands.

    At a terminal Ctrl-C asks whether to cancel, to leave the request in the queue or to go on;
    without one, and where nobody ``asks``, it ends the run as any signal does. ``stays`` tells that
    the request is not ours to close. Raises as ``wait_for_board`` does, and LeftError.
    """
    told = _Told(farm)
    waiting = asyncio.create_task(wait_for_board(farm, request_id, wait, told.report, stays=stays))
    try:
        with signals.interrupts() if asks and someone_there() else _none() as interrupted:
            while True:
                with told.shown():
                    await _either(waiting, interrupted)
                if waiting.done():
                    return await waiting
                key = await _asked(request_id, waiting)
                interrupted.clear()
                if key == "l":
                    raise LeftError(
                        f"request {request_id} stays in the queue; connect: boruta ssh "
                        f"{request_id}; cancel it: boruta close {request_id}"
                    )
                if key == "c":
                    if stays:
                        trouble = await close_request(farm, request_id)
                        remark(trouble or f"request {request_id} is closed")
                    signals.interrupt()
                    raise asyncio.CancelledError
    finally:
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def _either(waiting: asyncio.Task[Request], interrupted: asyncio.Event) -> None:
    asked = asyncio.create_task(interrupted.wait())
    try:
        await asyncio.wait((waiting, asked), return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()


async def _asked(request_id: int, waiting: asyncio.Task[Request]) -> str:
    """Return the answer; a board that comes meanwhile answers for whoever still thinks."""
    choices = {"c": "cancel it", "l": "leave it in the queue", "g": "go on waiting"}
    asking = asyncio.create_task(ask(f"request {request_id} still waits", choices, interrupted="c"))
    try:
        await asyncio.wait((waiting, asking), return_when=asyncio.FIRST_COMPLETED)
        return asking.result() if asking.done() else "g"
    finally:
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)


class _Told:
    """Show how the wait goes, but not while a question stands."""

    def __init__(self, farm: Farm) -> None:
        self._farm = farm
        self._spinner: Spinner | None = None
        self._last: Progress | None = None

    @contextmanager
    def shown(self) -> Iterator[None]:
        with Spinner(self._farm) as self._spinner:
            try:
                if self._last is not None:
                    self._spinner.report(self._last)
                yield
            finally:
                self._spinner = None

    def report(self, progress: Progress) -> None:
        self._last = progress
        if self._spinner is not None:
            self._spinner.report(progress)


@contextmanager
def _none() -> Iterator[asyncio.Event]:
    yield asyncio.Event()
