"""The controller of this board, its serial line owned by another process."""

from datetime import timedelta
from pathlib import Path
from typing import Final

from boruta_farm.dryad.stm.display import lay_out
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.readback import READ_BACK, UNKNOWN_METHOD
from boruta_farm.dryad.stm.record import MOST_SAMPLES
from boruta_farm.dryad.stm.values import Card, Color, DyPer, Ink, Led, ReadBack, tick_milliseconds
from boruta_farm.gorpc.client import call_once
from boruta_farm.gorpc.limits import GobLimits
from boruta_farm.gorpc.rpc import ArgumentT, ReplyT, RpcMethod
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    CLEAR_DISPLAY,
    DUT,
    GET_CURRENT,
    GET_CURRENT_RECORD,
    HDMI,
    POWER_TICK,
    PRINT_TEXT,
    SET_DYPER,
    SET_LED,
    START_CURRENT_RECORD,
    STOP_CURRENT_RECORD,
    TS,
    HDMIRequest,
    PowerTickRequest,
    PrintTextRequest,
    SetDyPerRequest,
    SetLEDRequest,
    StartCurrentRecordRequest,
)
from boruta_farm.model.errors import ProtocolError, UnavailableError

ADMIN_SOCKET: Final = Path("/run/stm.socket")
"""Everything; for root."""

USER_SOCKET: Final = Path("/run/stm-user.socket")
"""All but lights and display; for the group ``stm``."""

_LIMITS: Final = GobLimits(
    elements=MOST_SAMPLES, message=1 << 20, value=1 << 20, memory=16 << 20, write_seconds=5.0
)
_MILLISECOND: Final = 1_000_000


class Client:
    """Implement ``Interface`` over the service's unix socket, the original's or our own.

    Every call has a connection of its own: the original's service ends now and then, systemd
    starts it again at the next connection, and an old connection would stay dead. All calls wait
    for the one serial line, so a call may be behind another's power tick; ``patience`` is how
    many seconds a call may take beyond its own time.
    """

    def __init__(self, path: Path = ADMIN_SOCKET, *, patience: float = 15.0) -> None:
        self._path = path
        self._patience = patience

    async def power_tick(self, duration: timedelta) -> None:
        """Cut the power for ``duration``; return when it is on again."""
        milliseconds = tick_milliseconds(duration)
        request = PowerTickRequest(nanoseconds=milliseconds * _MILLISECOND)
        await self._call(POWER_TICK, request, extra=milliseconds / 1000)

    async def dut(self) -> None:
        """Give card and power to the device under test."""
        await self._call(DUT, Empty())

    async def ts(self) -> None:
        """Give the card to the test server and cut the power."""
        await self._call(TS, Empty())

    async def give_card(self) -> None:
        """Give card and power to the device under test: the service cannot do one alone."""
        await self.dut()

    async def get_current(self) -> int:
        """Return the current in mA."""
        return (await self._call(GET_CURRENT, Empty())).milliamperes

    async def start_current_record(self, samples: int, length: timedelta) -> None:
        """Begin a record of the current, at the service."""
        nanoseconds = length // timedelta(microseconds=1) * 1000
        request = StartCurrentRecordRequest(samples=samples, nanoseconds=nanoseconds)
        await self._call(START_CURRENT_RECORD, request)

    async def stop_current_record(self) -> None:
        """Stop recording; the samples stay."""
        await self._call(STOP_CURRENT_RECORD, Empty())

    async def get_current_record(self) -> tuple[int, ...]:
        """Return the samples so far."""
        return (await self._call(GET_CURRENT_RECORD, Empty())).samples

    async def hdmi(self, on: bool) -> None:
        """Set the hot-plug pin."""
        await self._call(HDMI, HDMIRequest(on=on))

    async def set_dyper(self, dyper: DyPer, on: bool) -> None:
        """Switch a dynamic peripheral."""
        await self._call(SET_DYPER, SetDyPerRequest(dyper=dyper, on=on))

    async def set_led(self, led: Led, color: Color) -> None:
        """Set a light."""
        request = SetLEDRequest(led=led, red=color.red, green=color.green, blue=color.blue)
        await self._call(SET_LED, request)

    async def clear_display(self) -> None:
        """Clear the display."""
        await self._call(CLEAR_DISPLAY, Empty())

    async def print_text(self, x: int, y: int, ink: Ink, text: str) -> None:
        """Print what fits on the display; the original's service checks nothing of it."""
        for piece in lay_out(x, y, text):
            request = PrintTextRequest(x=piece.x, y=y, color=ink, text=piece.text)
            await self._call(PRINT_TEXT, request)

    async def probe(self) -> str:
        """Read the current: of the service's methods the only one that touches nothing."""
        return f"{await self.get_current()} mA"

    async def read_back(self) -> ReadBack | None:
        """Return relay and card where the service is ours, None from the original's daemon."""
        try:
            reply = await self._call(READ_BACK, Empty())
        except ControllerError as error:
            if error.message.startswith(UNKNOWN_METHOD):
                return None
            raise
        return ReadBack(power=reply.power, card=Card(reply.card))

    async def close(self) -> None:
        """Do nothing: no connection outlives its call."""

    async def _call(
        self, method: RpcMethod[ArgumentT, ReplyT], argument: ArgumentT, *, extra: float = 0.0
    ) -> ReplyT:
        try:
            return await call_once(
                self._path, method, argument, reply_timeout=self._patience + extra, limits=_LIMITS
            )
        except ProtocolError as error:
            raise ControllerError(str(error)) from error
        except UnavailableError as error:
            raise ControllerError(
                f"{method.name} failed at {self._path}: {error}; check that the service runs"
            ) from error
