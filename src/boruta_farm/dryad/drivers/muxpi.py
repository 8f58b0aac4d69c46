"""A MuxPi: a system user as on any Linux machine, and the controller of its device under test."""

import logging
from collections.abc import Sequence
from typing import Final

from boruta_farm.contracts import Prepared
from boruta_farm.dryad.drivers.base import (
    NOT_RESET,
    Board,
    Driver,
    DriverKind,
    WrappedDriver,
)
from boruta_farm.dryad.findings import Finding
from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.controller import Controller
from boruta_farm.dryad.stm.dut import reset
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.examination import examine_controller
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.maintenance import MaintenanceSign
from boruta_farm.dryad.stm.service import Service
from boruta_farm.dryad.stm.settings import MuxPiSettings
from boruta_farm.dryad.stm.trials import Trials

logger = logging.getLogger(__name__)

DUT: Final = "device under test"
CARD_CONTENT: Final = "content of the card"
_UNKNOWN: Final = "unknown"


class MuxPiDriver(WrappedDriver):
    """Do what ``session`` does for the user, and switch the device under test.

    Where ``settings.stm_path`` is None the agent owns the serial line and serves both sockets of
    the original's daemon, so that users' tools work; else it is that daemon's client.
    """

    def __init__(
        self,
        session: Driver,
        settings: MuxPiSettings,
        groups: Sequence[str] = (),
        interface: Interface | None = None,
    ) -> None:
        super().__init__(session)
        self._settings = settings
        self._groups = groups
        self._interface = interface or open_controller(settings)
        self._sign = MaintenanceSign(self._interface)
        self._trials = Trials(self._interface, settings)
        self._service: Service | None = None

    async def start(self) -> None:
        """Check the session user, then serve the controller when the line is ours."""
        await super().start()
        if self._settings.stm_path is None:
            self._service = Service(self._interface)
            await self._service.listen(
                self._settings.admin_socket,
                self._settings.user_socket,
                group=self._settings.socket_group,
            )
        try:
            logger.info("the board's controller: %s", await self._interface.probe())
        except ControllerError as error:
            logger.error("the board's controller does not work: %s", error.message)

    async def close(self) -> None:
        """Take the maintenance sign down and give the controller up; a session stays."""
        try:
            await self._sign.clear()
        except ControllerError as error:
            logger.error("the maintenance sign may still be shown: %s", error.message)
        finally:
            if self._service is not None:
                await self._service.close()
                for path in (self._settings.admin_socket, self._settings.user_socket):
                    path.unlink(missing_ok=True)
            await self._interface.close()
            await super().close()

    async def prepare(self, key: str) -> Prepared:
        """Take the maintenance sign down, then make user and home afresh."""
        await self._sign.clear()
        return await super().prepare(key)

    async def clean(self) -> tuple[str, ...]:
        """End and remove the session, then reset the device under test, and look at both.

        In this order: a user who is still there could switch it on again.
        """
        found = await super().clean()
        return (*found, *await reset(self._interface))

    async def put_in_maintenance(self, message: str) -> None:
        """Show the message on the display and let the lights take turns."""
        await super().put_in_maintenance(message)
        await self._sign.show(message)

    async def healthcheck(self) -> None:
        """Test the session's part, and that the controller answers; nothing is switched."""
        await super().healthcheck()
        await self._interface.probe()

    async def test(self) -> None:
        """Try what is configured on the device under test, which is reset afterwards."""
        await super().test()
        await self._trials.try_all()

    async def facts(self) -> dict[str, str]:
        """Return what the controller says besides the session's facts."""
        facts = {**await super().facts(), **await self._controller_facts()}
        not_reset = facts.get(NOT_RESET, "").split(", ")
        facts[NOT_RESET] = ", ".join(
            CARD_CONTENT if part == DUT else part for part in not_reset if part
        )
        facts["Tests"] = ", ".join(self._settings.trials) or "none beyond the passive check"
        return facts

    async def examine(self) -> tuple[Finding, ...]:
        """Ask the controller for its version, and see what sessions use it by."""
        return (*await super().examine(), *await examine_controller(self._settings, self._groups))

    async def _controller_facts(self) -> dict[str, str]:
        try:
            facts = {"STM": await self._interface.probe()}
            state = await self._interface.read_back()
        except ControllerError as error:
            return {"STM": error.message}
        facts["DUT power"] = _UNKNOWN if state is None else "on" if state.power else "off"
        facts["Card"] = _UNKNOWN if state is None else str(state.card)
        return facts


def open_controller(settings: MuxPiSettings) -> Interface:
    """Return the way to the controller; nothing is opened before the first call."""
    if settings.stm_path is not None:
        return Client(settings.stm_path)
    return Controller.at(settings.tty)


def _open(settings: MuxPiSettings, board: Board) -> Driver:
    settings = settings.with_original(board.stm_path, board.sdcard)
    return MuxPiDriver(board.open_driver("linux"), settings, board.user.groups)


KIND: Final = DriverKind(settings=MuxPiSettings, open=_open)
