"""The emulated board controller of the demo, and what it says is switched."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from boruta_farm.model.errors import BorutaError

WITHIN: Final = 30.0
"""Seconds in which the controller must start, or something must be seen there."""

DARK: Final = [[0, 0, 0], [0, 0, 0]]


class EmulatedController:
    """Follow what the emulated controller tells of itself."""

    def __init__(self, output: asyncio.StreamReader) -> None:
        self._output = output
        self._changed = asyncio.Condition()
        self._ended = False
        self.state: dict[str, Any] = {}

    async def follow(self) -> None:
        """Take in every line until the controller ends."""
        async for line in self._output:
            self.state = json.loads(line)
            async with self._changed:
                self._changed.notify_all()
        self._ended = True
        async with self._changed:
            self._changed.notify_all()

    async def see(self, what: str, holds: Callable[[dict[str, Any]], bool]) -> None:
        """Wait until something holds. Raises BorutaError when it does not come to pass."""
        try:
            async with asyncio.timeout(WITHIN), self._changed:
                await self._changed.wait_for(
                    lambda: self._ended or bool(self.state and holds(self.state))
                )
        except TimeoutError:
            raise BorutaError(f"waited {WITHIN:g} s in vain for {what}: {self.state}") from None
        if self._ended:
            raise BorutaError("the emulated controller ended by itself")

    def check_dark(self) -> None:
        """Raise BorutaError when display or lights show anything."""
        if self.state["display"] or self.state["leds"] != DARK:
            raise BorutaError(f"the sign was left on the MuxPi: {self.state}")


@asynccontextmanager
async def emulated_controller(line: Path) -> AsyncIterator[EmulatedController]:
    """Run an emulated controller behind the serial line ``line`` for the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "boruta_farm.testing.stm_emulator", str(line)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    controller = EmulatedController(process.stdout)
    following = asyncio.create_task(controller.follow())
    try:
        await controller.see("the emulated controller", lambda _: True)
        yield controller
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
        await following
