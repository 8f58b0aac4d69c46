"""Tests of the device under test that switch it: only while the board is nobody's."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Final

from boruta_farm.dryad.stm.dut import reset
from boruta_farm.dryad.stm.errors import ControllerError
from boruta_farm.dryad.stm.interface import Interface
from boruta_farm.dryad.stm.settings import MuxPiSettings, Trial

CARD_WITHIN: Final = 30.0
LOOK_EVERY: Final = 0.25
"""Seconds: neither a card reader nor a device under test tells when it is there."""

TICK: Final = timedelta(seconds=1)
_SECTORS: Final = 64 * 512


class Trials:
    """Try what is configured, one after the other, and leave the board reset whatever happens."""

    def __init__(
        self,
        interface: Interface,
        settings: MuxPiSettings,
        ping: Callable[[str], Awaitable[bool]] | None = None,
    ) -> None:
        self._interface = interface
        self._settings = settings
        self._ping = ping or ping_once

    async def try_all(self) -> None:
        """Raise ControllerError naming the first test that failed, and what it shows."""
        tests = {Trial.CARD: self._card, Trial.POWER: self._power, Trial.PING: self._dut_answers}
        for trial in self._settings.trials:
            try:
                await tests[trial]()
            except ControllerError as error:
                raise ControllerError(f"test {trial}: {error.message}") from error
            finally:
                await reset(self._interface)

    async def _card(self) -> None:
        """Take the card, read it, give it away, see it gone: switch, reader and card work."""
        await self._interface.ts()
        await self._wait_for_card(there=True)
        await self._interface.give_card()
        await self._wait_for_card(there=False)

    async def _power(self) -> None:
        """Tick the power; it must be on afterwards, as far as the controller can tell."""
        await self._interface.power_tick(TICK)
        state = await self._interface.read_back()
        if state is not None and not state.power:
            raise ControllerError("the relay is off after a power tick")

    async def _dut_answers(self) -> None:
        """Boot the device under test until it answers a ping."""
        address, seconds = self._settings.dut_address, self._settings.boot_within
        await self._interface.dut()
        try:
            async with asyncio.timeout(seconds):
                while not await self._ping(address):  # noqa: ASYNC110 - nothing tells when
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            raise ControllerError(
                f"the device under test does not answer at {address} within {seconds:g} s"
            ) from None

    async def _wait_for_card(self, *, there: bool) -> None:
        path = self._settings.sdcard
        try:
            async with asyncio.timeout(CARD_WITHIN):
                while await asyncio.to_thread(is_readable, path) is not there:  # noqa: ASYNC110
                    await asyncio.sleep(LOOK_EVERY)
        except TimeoutError:
            trouble = "cannot be read although the card is" if there else "is still there with it"
            where = "here" if there else "at the device under test"
            raise ControllerError(f"{path} {trouble} {where}") from None


def is_readable(path: Path) -> bool:
    """Tell whether a card is in the reader: it has a device and its first sectors can be read.

    Some readers' devices vanish with the card, others stay and have no medium.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        # The cache would answer for a card that is gone.
        os.posix_fadvise(descriptor, 0, _SECTORS, os.POSIX_FADV_DONTNEED)
        return len(os.read(descriptor, _SECTORS)) > 0
    except OSError:
        return False
    finally:
        os.close(descriptor)


async def ping_once(address: str) -> bool:
    """Send one ping with the system's tool and wait a second for the answer."""
    try:
        process = await asyncio.create_subprocess_exec(
            *("ping", "-n", "-q", "-c", "1", "-W", "1", address),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
    except FileNotFoundError:
        raise ControllerError(
            "the program 'ping' is missing; install it (Debian: apt install iputils-ping)"
        ) from None
    try:
        return await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
