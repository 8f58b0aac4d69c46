"""A simulated farm whose boards are lent to people."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.caller import LOCAL_ADMIN, Caller
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.request import NewRequest, RequestState
from boruta_farm.model.token import NewToken, TokenKind
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.boards import SimulatedBoard
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.simulation import SimulatedFarm

UUID = "00000000-0000-4000-8000-{:012}"
SOURCE = "192.0.2.7"
PLAIN = NewRequest(caps={}, priority=8)


class Lab:
    """A simulated farm with accounts."""

    def __init__(self, farm: SimulatedFarm) -> None:
        self.simulated = farm
        self.farm = farm.farm

    async def account(self, name: str, role: Role, *groups: str) -> Caller:
        """Make an account and return it as a caller."""
        change = AccountChange(role=role, groups=groups)
        await self.farm.accounts.save_account(LOCAL_ADMIN, name, change)
        new = NewToken(account=name, kind=TokenKind.SERVICE, scope=Scope.ADMIN)
        issued = await self.farm.tokens.issue(LOCAL_ADMIN, new)
        return self.farm.directory.admit(issued.secret, SOURCE)

    async def board(self, number: int, *groups: str) -> str:
        """Register a board in these groups and make it IDLE."""
        uuid = UUID.format(number)
        await self.simulated.connect(SimulatedBoard(uuid=uuid, caps={}, name=f"board-{number}"))
        await self.farm.workers.set_groups(LOCAL_ADMIN, uuid, groups)
        await self.farm.workers.set_state(LOCAL_ADMIN, uuid, WorkerState.IDLE)
        await self.simulated.settle()
        return uuid

    async def filed(self, caller: Caller, new: NewRequest = PLAIN) -> int:
        """File a request and let the farm act on it."""
        request_id = (await self.farm.requests.new_request(caller, new)).id
        await self.simulated.settle()
        return request_id

    async def state(self, request_id: int) -> RequestState:
        request = await self.farm.requests.get_request_info(LOCAL_ADMIN, request_id)
        return request.state


def play(folder: Path, script: Callable[[Lab], Awaitable[None]]) -> None:
    """Run a script with a farm under virtual time."""

    async def main() -> None:
        simulated = SimulatedFarm(folder / "farm.db")
        await simulated.start()
        try:
            lab = Lab(simulated)
            await lab.account("root", Role.ADMIN)
            for group in ("kernel", "radio"):
                await lab.farm.accounts.save_group(LOCAL_ADMIN, group, GroupChange())
            await script(lab)
        finally:
            await simulated.crash()

    run_virtual(main())
