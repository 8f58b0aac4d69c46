"""Many agents in one process: real links to the server, boards that answer at once."""

import argparse
import asyncio
from collections.abc import Sequence
from functools import partial

import uvloop

from bench.fill import READY_EPOCH, board_caps, board_credential, board_registration
from boruta_farm.clock import SystemClock
from boruta_farm.contracts import FencedDryad, Registered
from boruta_farm.dryad.dialling import Dialler
from boruta_farm.link.agent import AgentLink, FarmEnd
from boruta_farm.model.worker import Registration
from boruta_farm.testing.boards import SimulatedBoard, SimulatedConnection

AT_ONCE = 32


class BenchAgent:
    """Speak for one simulated board; the link's ``LinkUser``."""

    def __init__(self, number: int, epoch: int, ssh_port: int) -> None:
        self._number = number
        self._ssh_port = ssh_port
        caps = board_caps(number)
        self._board = SimulatedBoard(uuid=caps["UUID"], caps=caps, epoch=epoch, cleaned=epoch)
        self._board.key = "prepared before" if epoch else None
        self._connection = SimulatedConnection(self._board)
        self.here = asyncio.Event()

    @property
    def board(self) -> FencedDryad:
        """Return what the server's calls go to."""
        return self._connection

    @property
    def streams(self) -> None:
        """Open no streams."""

    @property
    def credential(self) -> str:
        """Return what the farm is dialled with."""
        return board_credential(self._number)

    async def registration(self) -> Registration:
        """Return what the board says of itself now."""
        return board_registration(self._number, self._board.caps, self._board.epoch, self._ssh_port)

    async def registered(self, answer: Registered, farm: FarmEnd) -> None:
        """Note that the farm knows the board."""
        self.here.set()

    async def report(self, farm: FarmEnd) -> None:
        """Have nothing to report."""
        await asyncio.get_running_loop().create_future()

    async def renew(self, farm: FarmEnd, presented: str) -> None:
        """Keep the credential: the bench's farm is younger than any."""
        raise NotImplementedError


async def run(
    servers: Sequence[str], ready: int, maintenance: int, first: int = 0, ssh_port: int = 22
) -> None:
    """Connect boards to every server, a few at a time, and keep them so until cancelled."""
    clock, gate = SystemClock(), asyncio.Semaphore(AT_ONCE)
    async with asyncio.TaskGroup() as group:

        async def connect(number: int) -> None:
            agent = BenchAgent(number, READY_EPOCH if number < first + ready else 0, ssh_port)
            async with gate:
                for server in servers:
                    agent.here.clear()
                    dialler = Dialler(server, partial(board_credential, number))
                    group.create_task(AgentLink(dialler.dial, agent, clock).stay_connected())
                    await agent.here.wait()

        for number in range(first, first + ready + maintenance):
            group.create_task(connect(number))


def main() -> None:
    """Read the command line and connect."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True, action="append", help="all of them")
    parser.add_argument("--ready", type=int, default=0)
    parser.add_argument("--maintenance", type=int, default=0)
    parser.add_argument("--first", type=int, default=0, help="the number of the first board")
    parser.add_argument("--ssh-port", type=int, default=22, help="where all their SSH servers are")
    options = parser.parse_args()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(
            run(
                options.server,
                options.ready,
                options.maintenance,
                options.first,
                options.ssh_port,
            )
        )


if __name__ == "__main__":
    main()
