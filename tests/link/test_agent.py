import asyncio
import logging

import pytest

from boruta_farm.contracts import Registered
from boruta_farm.link.agent import FarmEnd
from boruta_farm.model.errors import (
    BoardError,
    CredentialError,
    OverloadedError,
    PortsExhaustedError,
    RefusedError,
)
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires


def test_a_lost_link_is_dialled_and_registered_again() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        await wires.ready()
        await asyncio.sleep(100)
        await wires.sockets[0].close(1006, "cable pulled")
        await asyncio.sleep(0)
        await asyncio.sleep(1)
        await wires.ready()
        assert wires.dials == [0, 100.5]
        assert len(wires.farm.registrations) == 2
        assert [answer.epoch for answer in user.answers] == [3, 3]
        await wires.close()

    run_virtual(scene())


def test_the_waits_grow_and_start_over_after_a_stable_link() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.down = True
        wires.agent(FakeUser())
        await asyncio.sleep(120)
        waits = [b - a for a, b in zip(wires.dials, wires.dials[1:], strict=False)]
        assert waits == [0.5, 1, 2, 4, 8, 16, 30, 30]
        wires.down = False
        await wires.ready()
        await asyncio.sleep(11)
        await wires.sockets[-1].close(1006, "")
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(1)
        assert wires.dials[-1] == began + 0.5
        await wires.close()

    run_virtual(scene())


def test_a_link_that_dies_young_does_not_shorten_the_wait() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        for _ in range(5):
            await wires.ready()
            await wires.sockets[-1].close(1006, "")
            await asyncio.sleep(0.01)
        waits = [b - a for a, b in zip(wires.dials, wires.dials[1:], strict=False)]
        assert waits == [pytest.approx(wait, abs=0.1) for wait in (0.5, 1, 2, 4)]
        await wires.close()

    run_virtual(scene())


def test_a_server_that_hangs_is_noticed() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        await wires.ready()
        await asyncio.sleep(1)
        wires.sockets[0].other.stall()
        await asyncio.sleep(25)
        assert wires.dials[1] == pytest.approx(5 + 15 + 0.5, abs=0.1)
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (CredentialError(), "deregister the worker"),
        (RefusedError("speaks version 1: update the agent"), "update the agent"),
        (PortsExhaustedError(), "tunnel_ports"),
    ],
)
def test_a_refusal_is_told_and_retried_slowly(
    refusal: RefusedError, words: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        wires = Wires()
        wires.farm.refuse = refusal
        wires.agent(FakeUser())
        await asyncio.sleep(140)
        assert wires.dials == [pytest.approx(0), pytest.approx(66), pytest.approx(132)]
        wires.farm.refuse = None
        await wires.ready()
        await wires.close()

    with caplog.at_level(logging.ERROR):
        run_virtual(scene())
    assert words in caplog.text


def test_a_busy_server_is_retried_soon() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.farm.refuse = OverloadedError()
        wires.agent(FakeUser())
        await asyncio.sleep(2)
        assert wires.dials == [0, 0.5, 1.5]
        await wires.close()

    run_virtual(scene())


def test_a_board_that_cannot_be_adopted_is_tried_again() -> None:
    class Dirty(FakeUser):
        async def registered(self, answer: Registered, farm: FarmEnd) -> None:
            self.answers.append(answer)
            if len(self.answers) == 1:
                raise BoardError("cannot be cleaned")

    async def scene() -> None:
        wires, user = Wires(), Dirty()
        wires.agent(user)
        await asyncio.sleep(0.1)
        assert wires.hub.fenced(UUID) is None
        await wires.ready()
        assert wires.dials == [0, 0.5]
        await wires.close()

    run_virtual(scene())


def test_the_agent_reports_over_its_link() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        await wires.ready()
        assert user.farm is not None
        await user.farm.ended(3)
        await user.farm.set_fail(UUID, "a\0fault")
        assert wires.farm.ends == [(UUID, 3)]
        assert wires.farm.failures == [(UUID, "a?fault")]
        await wires.close()

    run_virtual(scene())


def test_odd_facts_do_not_keep_a_board_away() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser(facts={"Shell": "x" * 500, "Odd": "\udcff"})
        wires.agent(user)
        await wires.ready()
        facts = wires.farm.registrations[0].facts
        assert facts == {"Shell": "x" * 400, "Odd": "?"}
        await wires.close()

    run_virtual(scene())


def test_stopping_the_agent_closes_its_link() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        await wires.ready()
        link = wires.tasks[0]
        link.cancel()
        await asyncio.wait([link])
        assert wires.sockets[0].closed == (1000, "")
        await wires.close()

    run_virtual(scene())
