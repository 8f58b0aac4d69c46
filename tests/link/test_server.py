import asyncio
import hashlib
from dataclasses import replace

import pytest

from boruta_farm.link import versions
from boruta_farm.link.conversation import Conversation, hello_of
from boruta_farm.link.frames import JsonObject
from boruta_farm.link.messages import write
from boruta_farm.link.peer import Handler, Peer
from boruta_farm.link.server import Hub
from boruta_farm.model.errors import (
    AgentUnreachableError,
    BoardError,
    CredentialError,
    MissingUUIDError,
    ProtocolError,
    RefusedError,
    SharedUUIDError,
    StaleEpochError,
    UnavailableError,
    WorkerNotFoundError,
)
from boruta_farm.model.worker import Fence, Reach
from boruta_farm.testing.loop import run_virtual
from boruta_farm.testing.sockets import MemorySocket
from tests.link.links import UUID, FakeUser, Wires


async def converse(wires: Wires, user: FakeUser, credential: str | None = "secret") -> Conversation:
    """Return an agent's bare end of a link, without heartbeats of its own."""
    conversation = Conversation(await wires.dial(credential), user.board, wires.clock)
    wires.spawn(conversation.serve())
    return conversation


def test_a_hello_registers_the_board() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        await wires.ready()
        registration = wires.farm.registrations[0]
        assert registration.caps == {"UUID": UUID}
        assert registration.credential == hashlib.sha256(b"secret").hexdigest()
        assert registration.fence is Fence.AGENT
        assert (registration.epoch, registration.boot_id) == (3, "boot")
        assert registration.ssh_address == "10.0.0.7:22"
        assert registration.dryad_address == "10.0.0.7:7175"
        assert registration.facts == {"Load": "0.1"}
        assert registration.reach is Reach.DIRECT
        await wires.close()

    run_virtual(scene())


def test_every_call_reaches_the_board() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        board = await wires.ready()
        report = await board.clean(4)
        assert report.epoch == 4
        assert report.found == ("a?file", "x" * 400)
        prepared = await board.prepare("ssh-ed25519 A", epoch=4)
        assert (prepared.username, prepared.host_key) == ("user", "ssh-ed25519 HOST")
        await board.grant(4, 60, None)
        await board.extend(4, 1, 120)
        await board.certify(4, "CERTIFICATE")
        await board.end(4)
        await board.put_in_maintenance("maintenance")
        await board.healthcheck()
        assert user.board.calls == [
            ("clean", 4),
            ("prepare", "ssh-ed25519 A", 4),
            ("grant", 4, None),
            ("extend", 4, 1),
            ("certify", 4, "CERTIFICATE"),
            ("end", 4),
            ("put_in_maintenance", "maintenance"),
            ("healthcheck",),
        ]
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize("version", range(versions.OLDEST, versions.VERSION + 1))
def test_a_board_is_cleaned_and_prepared_by_one_call_where_its_agent_knows_that(
    version: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[str] = []
    call = Peer.call

    async def noted(self: Peer, method: str, params: JsonObject, timeout: float) -> JsonObject:
        called.append(method)
        return await call(self, method, params, timeout)

    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        board = await wires.ready()
        called.clear()
        report, prepared = await board.recycle("ssh-ed25519 A", epoch=4)
        assert (report.epoch, report.found) == (4, ("a?file", "x" * 400))
        assert (prepared.username, prepared.host_key) == ("user", "ssh-ed25519 HOST")
        assert user.board.calls == [("clean", 4), ("prepare", "ssh-ed25519 A", 4)]
        assert called == (["recycle"] if version >= versions.RECYCLES else ["clean", "prepare"])
        user.board.fail = BoardError("two processes survived")
        with pytest.raises(BoardError, match="survived"):
            await board.recycle("ssh-ed25519 A", epoch=5)
        assert user.board.calls[2:] == [("clean", 5)], "nothing is prepared that is not clean"
        await wires.close()

    monkeypatch.setattr("boruta_farm.link.connection.agree", lambda *_: version)
    monkeypatch.setattr(Peer, "call", noted)
    run_virtual(scene())


def test_streams_are_asked_of_a_board_that_is_ready() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        assert wires.hub.streaming(UUID) is None
        await wires.ready()
        board = wires.hub.streaming(UUID)
        assert board is not None
        await board.open_stream(4, "t" * 43, 8488)
        assert user.streams.asked == [(4, "t" * 43, 8488)]
        user.streams.fail = BoardError("sshd is down")
        with pytest.raises(BoardError, match="sshd is down"):
            await board.open_stream(4, "t" * 43, 8488)
        await wires.close()

    run_virtual(scene())


def test_an_agent_without_streams_says_so() -> None:
    async def scene() -> None:
        wires = Wires()
        user = FakeUser()
        conversation = await converse(wires, user)
        await conversation.register(await user.registration())
        conversation.set_ready()
        wires.spawn(conversation.beat())
        await wires.ready()
        board = wires.hub.streaming(UUID)
        assert board is not None
        with pytest.raises(BoardError, match="opens no streams"):
            await board.open_stream(4, "t" * 43, 8488)
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize("error", [BoardError("it is on fire"), StaleEpochError()])
def test_the_boards_errors_come_back(error: BoardError) -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        board = await wires.ready()
        user.board.fail = error
        with pytest.raises(type(error), match=error.message):
            await board.clean(4)
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize("delay", [0.0, 0.5, 3.0])
def test_the_agents_end_is_never_later_than_the_servers(delay: float) -> None:
    """Whatever a heartbeat needed to arrive shortens the job on the agent's side only."""

    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        board = await wires.ready()
        loop = asyncio.get_running_loop()
        ours = wires.sockets[0]
        await asyncio.sleep(4.9)
        ours.stall()
        await asyncio.sleep(0.1 + delay)
        ours.resume()
        await asyncio.sleep(1.5)
        end = loop.time() + 100
        await board.grant(4, 100, None)
        assert user.board.ends == [pytest.approx(end - delay)]
        await asyncio.sleep(20)
        await board.extend(4, 1, 100)
        assert user.board.ends[1] == pytest.approx(loop.time() + 100)
        await wires.close()

    run_virtual(scene())


def test_heartbeats_tell_who_is_signed_in_once_the_agent_knows() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        told: list[tuple[str, tuple[int, ...]]] = []
        wires.hub.on_sessions = lambda uuid, ports: told.append((uuid, ports))
        wires.agent(user)
        await wires.ready()
        await asyncio.sleep(6)
        assert told == []
        assert user.farm is not None
        user.farm.tell_sessions(frozenset((40022, 40001)))
        await asyncio.sleep(6)
        assert told[-1] == (user.uuid, (40001, 40022))
        count = len(told)
        user.farm.tell_sessions(None)
        await asyncio.sleep(11)
        assert len(told) <= count + 1
        await wires.close()

    run_virtual(scene())


def test_the_board_is_there_only_once_its_agent_is_ready() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        user.adopting.clear()
        await asyncio.sleep(40)
        assert wires.hub.fenced(UUID) is None
        assert len(wires.dials) == 1
        user.adopting.set()
        await wires.ready()
        assert asyncio.get_running_loop().time() == 40
        await wires.close()

    run_virtual(scene())


def test_a_silent_link_is_closed() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        board = await wires.ready()
        watch = wires.hub.watch()
        await asyncio.sleep(7)
        wires.down = True
        wires.sockets[0].stall()
        assert await watch.next() == UUID
        assert asyncio.get_running_loop().time() == 5 + 15
        assert wires.hub.fenced(UUID) is None
        contact = wires.hub.contact(UUID)
        assert contact is not None
        assert wires.clock.monotonic() - contact == 15
        with pytest.raises(AgentUnreachableError):
            await board.healthcheck()
        await wires.close()

    run_virtual(scene())


def test_who_does_not_say_hello_is_sent_away() -> None:
    async def scene() -> None:
        wires = Wires()
        socket = await wires.dial()
        assert await socket.receive() is None
        assert asyncio.get_running_loop().time() == 10
        await wires.close()

    run_virtual(scene())


SHARED = (
    r"two agents share .* at 10\.0\.0\.7 \(host pi, SSH at :22\) is connected .* "
    r"at 10\.0\.0\.7 \(host card, its own address 192\.168\.0\.9, SSH at :64201\) was turned away"
)
"""Both addresses are named, and where they are one, what each agent says of itself."""


async def hang(_: JsonObject) -> JsonObject:
    await asyncio.Event().wait()
    raise AssertionError


async def bare_agent(wires: Wires, handlers: dict[str, Handler]) -> Peer:
    """Register an agent that answers nothing but what is given."""
    agent = Peer(await wires.dial(), handlers, lost=UnavailableError)
    wires.spawn(agent.serve())
    await agent.call("register", write(hello_of(await FakeUser().registration())), 5)
    return agent


def test_who_comes_second_is_refused_while_the_first_answers() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        user.facts = {"Host": "pi"}
        wires.agent(user)
        board = await wires.ready()
        watch = wires.hub.watch()
        copied = await converse(wires, FakeUser())
        second = replace(
            await user.registration(),
            facts={"Host": "card"},
            local_ip="192.168.0.9",
            ssh_address=":64201",
        )
        for _ in range(2):
            with pytest.raises(SharedUUIDError, match=SHARED):
                await copied.register(second)
        assert [told[::2] for told in wires.farm.disputes] == [(UUID, "10.0.0.7")]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(20):
                await watch.next()
        assert wires.hub.fenced(UUID) is board
        await board.healthcheck()
        assert len(wires.farm.registrations) == 1
        await wires.close()

    run_virtual(scene())


def test_an_agent_that_knows_no_ping_has_answered_it() -> None:
    async def scene() -> None:
        wires = Wires()
        await bare_agent(wires, {})
        wires.agent(FakeUser())
        await asyncio.sleep(5)
        assert len(wires.farm.registrations) == 1
        await wires.close()

    run_virtual(scene())


def test_of_two_that_come_at_once_one_is_taken() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        wires.agent(FakeUser())
        await wires.ready()
        await asyncio.sleep(5)
        assert len(wires.farm.registrations) == 1
        await wires.close()

    run_virtual(scene())


def test_a_first_that_does_not_answer_is_replaced() -> None:
    async def scene() -> None:
        wires, newer = Wires(), FakeUser()
        await bare_agent(wires, {"ping": hang})
        wires.agent(newer)
        board = await wires.ready()
        await board.healthcheck()
        assert newer.board.calls
        assert wires.farm.disputes == []
        await wires.sockets[0].close(1006, "gone")
        await asyncio.sleep(1)
        assert wires.hub.fenced(UUID) is board
        await wires.close()

    run_virtual(scene())


def test_a_link_speaks_for_its_own_board_alone() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = await converse(wires, user)
        with pytest.raises(WorkerNotFoundError):
            await conversation.set_fail(UUID, "before the hello")
        with pytest.raises(WorkerNotFoundError):
            await conversation.ended(3)
        await conversation.register(await user.registration())
        await conversation.set_fail(UUID, "broken")
        await conversation.ended(3)
        with pytest.raises(WorkerNotFoundError):
            await conversation.set_fail("another", "slander")
        user.uuid = "another"
        with pytest.raises(RefusedError, match=UUID):
            await conversation.register(await user.registration())
        assert wires.farm.failures == [(UUID, "broken")]
        assert wires.farm.ends == [(UUID, 3)]
        assert len(wires.farm.registrations) == 1
        await wires.close()

    run_virtual(scene())


def test_a_heartbeat_before_the_hello_is_no_hello() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = await converse(wires, user)
        conversation.set_ready()
        with pytest.raises(ProtocolError, match="before the hello"):
            await conversation.beat()
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize("refusal", [CredentialError(), MissingUUIDError(), StaleEpochError()])
def test_the_farms_refusals_reach_the_agent(refusal: CredentialError) -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.farm.refuse = refusal
        conversation = await converse(wires, user)
        with pytest.raises(type(refusal), match=refusal.message):
            await conversation.register(await user.registration())
        assert wires.hub.contact(UUID) is None
        await wires.close()

    run_virtual(scene())


def test_an_agent_without_credential_is_refused() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = await converse(wires, user, None)
        with pytest.raises(RefusedError, match="no credential"):
            await conversation.register(await user.registration())
        await wires.close()

    run_virtual(scene())


def test_an_agent_refuses_calls_before_it_is_ready() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = await converse(wires, user)
        await conversation.register(await user.registration())
        ours = wires.sockets[0]
        await ours.other.send('{"jsonrpc":"2.0","id":1,"method":"clean","params":{"epoch":9}}')
        await asyncio.sleep(1)
        assert user.board.calls == []
        await wires.close()

    run_virtual(scene())


def test_a_stopping_hub_sends_agents_away_to_come_again() -> None:
    async def scene() -> None:
        wires = Wires()
        wires.agent(FakeUser())
        await wires.ready()
        await wires.hub.close()
        await asyncio.sleep(0.1)
        assert wires.hub.fenced(UUID) is None
        await asyncio.sleep(5)
        assert wires.dials[:2] == [0, 0.5]
        await wires.close()

    run_virtual(scene())


async def test_a_hub_without_farm_serves_nobody() -> None:
    socket = MemorySocket()
    await Hub(Wires().clock).serve(socket, "10.0.0.7", "secret")
    assert socket.closed is not None
    assert socket.closed[0] == 1013


def test_calls_that_a_lost_link_cut_off_fail_at_once() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        board = await wires.ready()
        call = asyncio.ensure_future(board.healthcheck())
        await wires.sockets[0].close(1006, "cable pulled")
        with pytest.raises(AgentUnreachableError):
            await call
        assert asyncio.get_running_loop().time() == 0
        await wires.close()

    run_virtual(scene())


def test_reports_of_a_lost_link_are_unavailable() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = await converse(wires, user)
        await conversation.register(await user.registration())
        await conversation.close()
        await asyncio.sleep(0)
        with pytest.raises(UnavailableError):
            await conversation.ended(3)
        await wires.close()

    run_virtual(scene())
