"""Take the network away from somebody at a shell on a board; run inside a network namespace."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from boruta_farm.model.request import RequestState
from tests.cli.screen import Screen, at_screen
from tests.e2e import stage
from tests.e2e.stage import Stage, Yard
from tests.e2e.unreachable import FarYard, far_stage
from tests.namespaces import run

NOTICED_WITHIN = 60.0
"""ssh asks three times, 10 s apart, before it takes its silence for a loss."""


class NearYard(FarYard):
    """A farm whose server listens on the veth, with its boards beside it: only people are far."""

    async def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str] | None = None
    ) -> asyncio.Event:
        """Start everything here."""
        return await Yard.start(self, name, command, environment)


async def main(folder: Path) -> None:
    """Lend, take the network away, give it back, go on; every step is printed for the test."""
    stage.WITHIN = 120.0
    async with far_stage(folder, NearYard) as (one, inside):
        await play(one, inside, folder)


async def play(one: Stage, inside: tuple[str, ...], folder: Path) -> None:
    """Sit at a terminal beyond the link."""
    environment = {**os.environ, "HOME": str(folder), "BORUTA_SERVER": one.yard.url}
    words = ("ssh", "-c", "board=test", "--linger", "10m")

    def sit(screen: Screen, down: asyncio.Future[None], loop: asyncio.AbstractEventLoop) -> int:
        screen.until("prolonged while you stay", NOTICED_WITHIN)
        screen.type("echo one-$((1 + 1))\r")
        screen.until("one-2")
        loop.call_soon_threadsafe(down.set_result, None)
        begun = time.monotonic()
        screen.until("the connection to the board is lost; the farm keeps", NOTICED_WITHIN)
        print(f"told {time.monotonic() - begun:.1f} s after the link went down")
        screen.until("not yet: ", NOTICED_WITHIN)
        loop.call_soon_threadsafe(up.set)
        screen.type("echo two-$((1 + 2))\r")
        screen.until("two-3", NOTICED_WITHIN)
        screen.type("exit 7\r")
        return screen.status()

    loop = asyncio.get_running_loop()
    down: asyncio.Future[None] = loop.create_future()
    up = asyncio.Event()
    with at_screen(environment, *words, within=inside) as screen:
        sitting = asyncio.create_task(asyncio.to_thread(sit, screen, down, loop))
        await asyncio.wait((down, sitting), return_when=asyncio.FIRST_COMPLETED)
        await run(*inside, "ip", "link", "set", "near0", "down")
        joining = asyncio.create_task(up.wait())
        await asyncio.wait((joining, sitting), return_when=asyncio.FIRST_COMPLETED)
        joining.cancel()
        request = await one.farm.requests.get_request_info(one.farm.caller, 1)
        print(f"meanwhile: {request.state}")
        await run(*inside, "ip", "link", "set", "near0", "up")
        print(f"status: {await sitting}")
    request = await one.farm.requests.get_request_info(one.farm.caller, 1)
    assert request.state is RequestState.DONE, screen.shown
    print(f"at the end: {request.state}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
