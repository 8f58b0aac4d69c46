import asyncio
import os
import signal
import sys
from pathlib import Path

import pytest
from tests.access.logs import logged
from tests.access.processes import gone
from tests.access.relays import CLOCK, Relays, route, talking, told
from tests.access.sockets import LOOPBACK, Board, dialled, listening_board
from tests.ports import free_port

from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.link import stop_relay
from boruta_farm.access.rendezvous import Seat, draining
from boruta_farm.model.errors import UnavailableError

SERVER = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.link import stop_relay
from boruta_farm.access.routes import TunnelRoute
from boruta_farm.clock import SystemClock

async def main():
    clock = SystemClock()
    client = await RelayClient.attach(Path(sys.argv[1]), "127.0.0.1", clock)
    running = asyncio.create_task(client.keep_at_hand())
    client.replace([TunnelRoute(worker="w1", port=int(sys.argv[2]), host="127.0.0.1",
                          target=int(sys.argv[3]), epoch=1,
                          cut=clock.now() + timedelta(seconds=float(sys.argv[4])))])
    await client.settle()
    print(client.pid, flush=True)
    await running

asyncio.run(main())
"""


async def start_server(
    folder: Path, port: int, target: int, seconds: float
) -> tuple[asyncio.subprocess.Process, int]:
    """Start a server process and return it with the process of its relay."""
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        SERVER,
        str(folder),
        str(port),
        str(target),
        str(seconds),
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdout is not None
    return server, int(await server.stdout.readline())


async def kill(server: asyncio.subprocess.Process) -> None:
    server.kill()
    await server.communicate()


async def test_a_started_relay_serves_in_a_session_of_its_own(relays: Relays) -> None:
    async with listening_board() as board, relays.server() as server:
        port = free_port()
        await told(server, route(board.port, port, epoch=1))
        async with dialled(port) as client:
            await talking(client, await board.next())
        pid = relays.note(server)
        assert os.getsid(pid) not in (os.getsid(0), 0)
        assert server.alive() is None


async def test_a_relay_is_told_who_is_signed_in_where_it_says_that_it_takes_it(
    relays: Relays,
) -> None:
    async with listening_board() as board, relays.server() as server:
        port = free_port()
        await told(server, route(board.port, port, epoch=1))
        relays.note(server)
        async with dialled(port) as client:
            peer = await board.next()
            server.signed_in("w1", 1, (peer.socket.getpeername()[1],))
            await server.settle()
            await talking(client, peer)
            link = server._relay
            assert link is not None
            assert link.takes_sessions
            link.takes_sessions = False
            with pytest.MonkeyPatch.context() as patch:
                sent: list[bytes] = []
                patch.setattr(link, "send", sent.append)
                server.signed_in("w1", 1, ())
            assert not sent
        assert server.alive() is None


async def test_a_restarted_server_finds_its_relay_and_cuts_nothing(relays: Relays) -> None:
    async with listening_board() as board:
        port = free_port()
        async with relays.server() as first:
            pid = relays.note(first)
            await told(first, route(board.port, port, epoch=1))
            client = await asyncio.wait_for(asyncio.open_connection(LOOPBACK, port), 20)
            peer = await board.next()
        async with relays.server() as second:
            assert relays.note(second) == pid
            await told(second, route(board.port, port, epoch=1))
            await peer.send(b"still here")
            assert await client[0].readexactly(10) == b"still here"
        client[1].close()


async def test_a_job_that_ended_while_no_server_was_there_is_cut_at_its_return(
    relays: Relays,
) -> None:
    async with listening_board() as board:
        port = free_port()
        async with relays.server() as first:
            await told(first, route(board.port, port, epoch=1))
            async with dialled(port) as client:
                await talking(client, await board.next())
                async with relays.server() as second:
                    second.replace([route(board.port, port, epoch=2)])
                    assert await client.end() == "reset"


async def test_a_killed_server_cuts_nobody_and_users_can_still_come(relays: Relays) -> None:
    async with listening_board() as board:
        port = free_port()
        server, pid = await start_server(relays.folder, port, board.port, 3600)
        relays.pids.add(pid)
        async with dialled(port) as client:
            peer = await board.next()
            await talking(client, peer)
            await kill(server)
            await talking(client, peer)
            async with dialled(port) as second:
                await talking(second, await board.next())


async def test_the_relay_keeps_the_end_of_a_job_without_a_server(relays: Relays) -> None:
    async with listening_board() as board:
        port = free_port()
        server, pid = await start_server(relays.folder, port, board.port, 3)
        relays.pids.add(pid)
        async with dialled(port) as client:
            await talking(client, await board.next())
            await kill(server)
            assert await client.end() == "reset"


async def test_a_relay_that_dies_is_replaced_and_told_all(relays: Relays) -> None:
    async with listening_board() as board, relays.server() as server:
        port = free_port()
        await told(server, route(board.port, port, epoch=1))
        pid = relays.note(server)
        async with dialled(port) as client:
            await talking(client, await board.next())
            os.kill(pid, signal.SIGKILL)
            await client.end()
        await gone(pid)
        await server.settle()
        assert relays.note(server) != pid
        assert server.alive() is None
        async with dialled(port) as client:
            await talking(client, await board.next())


async def test_changes_made_while_no_relay_was_there_are_told_to_the_next(relays: Relays) -> None:
    async with listening_board() as board, relays.server() as server:
        first, second = free_port(), free_port()
        await told(server, route(board.port, first), route(board.port, second, worker="w2"))
        pid = relays.note(server)
        os.kill(pid, signal.SIGKILL)
        await gone(pid)
        server.put(route(board.port, first, epoch=5))
        server.drop("w2")
        await server.settle()
        async with dialled(first) as client:
            await talking(client, await board.next())
        with pytest.raises(ConnectionRefusedError):
            async with dialled(second):
                pass


async def test_changes_reach_the_relay(relays: Relays) -> None:
    async with listening_board() as board, relays.server() as server:
        port = free_port()
        await told(server)
        server.put(route(board.port, port))
        await server.settle()
        async with dialled(port) as client:
            server.put(route(board.port, port, epoch=1))
            await talking(client, await board.next())
            server.drop("w1")
            assert await client.end() == "reset"


async def test_a_port_that_cannot_be_bound_is_told(relays: Relays) -> None:
    async with listening_board() as board, relays.server() as server:
        await told(server, route(board.port, board.port, epoch=1))
        failure = await server.failure()
        assert (failure.worker, failure.port) == ("w1", board.port)
        assert "in use" in failure.reason


async def test_connections_are_counted(relays: Relays) -> None:
    async with listening_board() as board, relays.server() as server:
        port = free_port()
        await told(server, route(board.port, port, epoch=1))
        assert server.connections("w1") == 0
        counted = asyncio.Event()
        hear = server._hear

        def heard(link: object, message: object) -> None:
            hear(link, message)  # type: ignore[arg-type]  # passed on as it came
            counted.set()

        server._hear = heard  # type: ignore[method-assign]  # to wait for a report
        async with dialled(port) as client:
            await talking(client, await board.next())
            while server.connections("w1") != 1:
                counted.clear()
                await counted.wait()


async def test_an_upgrade_cuts_nobody_and_serves_new_jobs(relays: Relays) -> None:
    async with listening_board() as board:
        live, idle = free_port(), free_port()
        async with relays.server() as before:
            old = relays.note(before)
            await told(
                before,
                route(board.port, live, epoch=1),
                route(board.port, idle, worker="w2"),
            )
            client = await asyncio.open_connection(LOOPBACK, live)
            peer = await board.next()
        async with relays.server(version="next") as after:
            new = relays.note(after)
            assert new != old
            await told(
                after,
                route(board.port, live, epoch=1),
                route(board.port, idle, worker="w2", epoch=8),
            )
            assert len(draining(relays.folder)) == 1
            await peer.send(b"still here")
            assert await client[0].readexactly(10) == b"still here"
            async with dialled(live) as second:
                await talking(second, await board.next())
            async with dialled(idle) as other:
                await talking(other, await board.next())
            after.put(route(board.port, live, epoch=2))
            with pytest.raises(ConnectionError):
                await client[0].readexactly(1)
            await gone(old)
            await after.settle()
            async with dialled(live) as third:
                await talking(third, await board.next())
            assert draining(relays.folder) == ()
        client[1].close()


async def test_a_server_restarted_during_an_upgrade_finds_both_relays(relays: Relays) -> None:
    async with listening_board() as board:
        live, idle = free_port(), free_port()
        full = [route(board.port, live, epoch=1), route(board.port, idle, worker="w2", epoch=8)]
        async with relays.server() as before:
            old = relays.note(before)
            await told(before, full[0], route(board.port, idle, worker="w2"))
        async with relays.server(version="next") as after:
            new = relays.note(after)
            await told(after, *full)
        async with dialled(live) as first, dialled(idle) as second:
            peers = [await board.next(), await board.next()]
            for peer in peers:
                await peer.send(b"x")
            await first.receive(1)
            await second.receive(1)
            # The newest relay tells the version of the package: that is this server's own.
            async with relays.server() as again:
                assert relays.note(again) == new != old
                await told(again, *full)
                for peer in peers:
                    await peer.send(b"x")
                await first.receive(1)
                await second.receive(1)
                again.put(route(board.port, live))
                assert await first.end() == "reset"
                await gone(old)


async def test_what_a_draining_relay_held_is_cut_when_it_is_no_longer_wanted(
    relays: Relays,
) -> None:
    async with listening_board() as board:
        port = free_port()
        async with relays.server() as before:
            old = relays.note(before)
            await told(before, route(board.port, port, epoch=1))
        async with dialled(port) as client:
            await talking(client, await board.next())
            async with relays.server(version="next") as after:
                after.replace([])
                assert await client.end() == "reset"
                await gone(old)


async def test_a_second_server_takes_over_and_the_first_is_told(relays: Relays) -> None:
    async with relays.server() as first:
        await told(first)
        async with logged("only one server may"), relays.server() as second:
            await told(second)
            assert second.alive() is None
        assert "only one server may" in (first.alive() or "")


async def test_without_a_relay_and_not_allowed_to_start_one_it_says_so(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError, match="start its unit"):
        await RelayClient.attach(tmp_path, LOOPBACK, CLOCK, start=False)


async def test_a_relay_that_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "relay.lock").mkdir()
    with pytest.raises(UnavailableError, match=r"cannot be started.*Is a directory"):
        await RelayClient.attach(tmp_path, LOOPBACK, CLOCK)


async def test_a_relay_that_does_not_greet_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boruta_farm.access.link.GREET_WITHIN", 0.05)
    seat = Seat.take(tmp_path)
    with pytest.raises(UnavailableError, match="does not answer"):
        await RelayClient.attach(tmp_path, LOOPBACK, CLOCK)
    seat.close()


async def test_changes_come_after_the_full_set(tmp_path: Path) -> None:
    client = RelayClient(tmp_path, LOOPBACK, CLOCK)
    with pytest.raises(ValueError, match="full set"):
        client.put(route(1, 1))
    assert "no relay" in (client.alive() or "")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boruta_farm.access.adoption.PING_EVERY", 0.3)
    monkeypatch.setattr("boruta_farm.access.link.GREET_WITHIN", 1.0)


@pytest.mark.usefixtures("impatient")
async def test_a_relay_that_hangs_is_told_and_replaced(relays: Relays) -> None:
    """Stopped, not dead: its socket takes calls, its ports are bound, and nothing answers."""
    async with listening_board() as board, relays.server() as server:
        port = free_port()
        await told(server, route(board.port, port, epoch=1))
        pid = relays.note(server)
        troubles: list[str | None] = []
        server.on_change(lambda: troubles.append(server.alive()))
        async with logged("it is ended"):
            os.kill(pid, signal.SIGSTOP)
        await gone(pid)
        await server.settle()
        assert relays.note(server) != pid
        assert f"relay {pid} does not answer" in (troubles[0] or "")
        assert server.alive() is None
        assert server.well_since() is not None
        async with dialled(port) as client:
            await talking(client, await board.next())


@pytest.mark.usefixtures("impatient")
async def test_a_relay_that_is_only_slow_is_kept(
    relays: Relays, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boruta_farm.access.adoption.QUESTIONS", 1_000_000)
    async with relays.server() as server:
        await told(server)
        pid = relays.note(server)
        async with logged("does not answer"):
            os.kill(pid, signal.SIGSTOP)
        assert "does not answer" in (server.alive() or "")
        assert server.well_since() is None
        os.kill(pid, signal.SIGCONT)
        await server.settle()
        assert server.alive() is None
        assert relays.note(server) == pid


@pytest.mark.prove
@pytest.mark.usefixtures("impatient")
async def test_a_server_that_finds_a_hung_relay_replaces_it(relays: Relays) -> None:
    async with relays.server() as first:
        await told(first)
        pid = relays.note(first)
    os.kill(pid, signal.SIGSTOP)
    async with relays.server() as second:
        await gone(pid)
        await told(second)
        assert relays.note(second) != pid


@pytest.mark.prove
@pytest.mark.usefixtures("impatient")
async def test_a_draining_relay_that_hangs_gives_up_its_ports(relays: Relays) -> None:
    async with listening_board() as board:
        port = free_port()
        async with relays.server() as before:
            old = relays.note(before)
            await told(before, route(board.port, port, epoch=1))
        async with relays.server(version="next") as after:
            relays.note(after)
            await told(after, route(board.port, port, epoch=1))
            async with logged("it is ended"):
                os.kill(old, signal.SIGSTOP)
            await gone(old)
            # The next relay takes the port over within moments; nothing tells when it has.
            async with asyncio.timeout(30):
                while not await reached(port, board):
                    await after.settle()


async def reached(port: int, board: Board) -> bool:
    """Tell whether the port led to the board; False while nobody listens there."""
    try:
        async with dialled(port) as client:
            await talking(client, await board.next())
    except ConnectionRefusedError:
        return False
    return True


@pytest.mark.usefixtures("impatient")
async def test_a_hung_relay_is_stopped_with_its_server(relays: Relays) -> None:
    async with relays.server() as server:
        await told(server)
        pid = relays.note(server)
    os.kill(pid, signal.SIGSTOP)
    assert await stop_relay(relays.folder)
    await gone(pid)
