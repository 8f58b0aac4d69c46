"""A board made ready over the link: what it is asked for, and what its agent tells of it."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from boruta_farm.link.agent import FarmEnd
from boruta_farm.model.errors import BorutaError, StaleEpochError, UnavailableError
from boruta_farm.model.readiness import LONGEST_LINE, LONGEST_PROGRESS, MOST_LINES, Readiness
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires

WISHES = (
    Readiness(image="https://images.example/a.img"),
    Readiness(boot_until="login: "),
    Readiness(image="http://a/b", sha256="0" * 64, storage="sd", boot_until="é"),
)

Scene = Callable[[Wires, FakeUser, FarmEnd], Awaitable[None]]


def play(scene: Scene) -> None:
    """Run a scene with an agent that is connected."""

    async def main() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        await wires.ready()
        await asyncio.sleep(1)
        assert user.farm is not None
        await scene(wires, user, user.farm)
        await wires.close()

    run_virtual(main())


def test_the_board_hears_what_is_wanted() -> None:
    async def scene(wires: Wires, user: FakeUser, _: FarmEnd) -> None:
        board = await wires.ready()
        for wanted in WISHES:
            await board.ready(4, wanted, 12.5)
        assert user.board.calls == [("ready", 4, wanted, 12.5) for wanted in WISHES]
        user.board.fail = StaleEpochError()
        with pytest.raises(StaleEpochError):
            await board.ready(4, WISHES[0], 1.0)

    play(scene)


def test_the_farm_hears_what_comes_of_it() -> None:
    async def scene(wires: Wires, user: FakeUser, farm: FarmEnd) -> None:
        await farm.progressed(4, "writing")
        await farm.readied(4)
        await farm.unready(5, "no prompt", ("a", "b"))
        assert wires.farm.readiness == [
            (UUID, 4, "writing"),
            (UUID, 4),
            (UUID, 5, "no prompt", ("a", "b")),
        ]

    play(scene)


def test_what_is_too_long_is_cut_and_what_cannot_be_stored_is_replaced() -> None:
    async def scene(wires: Wires, user: FakeUser, farm: FarmEnd) -> None:
        await farm.progressed(4, "\0" + "x" * 999)
        await farm.unready(4, "y\0" * 9999, (*map(str, range(20)), "z" * 999))
        assert user.farm is farm
        (_, _, words), (_, _, reason, lines) = wires.farm.readiness
        assert words == "?" + "x" * (LONGEST_PROGRESS - 1)
        assert isinstance(reason, str)
        assert reason.startswith("y?y?")
        assert lines == ("16", "17", "18", "19", "z" * LONGEST_LINE)
        assert len(lines) == MOST_LINES

    play(scene)


@pytest.mark.parametrize("error", [StaleEpochError(), UnavailableError("no disk")])
def test_the_farms_refusal_comes_back(error: BorutaError) -> None:
    async def scene(wires: Wires, user: FakeUser, farm: FarmEnd) -> None:
        wires.farm.refuse = error
        for told in (
            farm.progressed(4, "writing"),
            farm.readied(4),
            farm.unready(4, "no prompt", ()),
        ):
            with pytest.raises(type(error)):
                await told

    play(scene)
