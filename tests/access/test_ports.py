import asyncio
import socket

import pytest
from tests.access.sockets import BOARD_BANNER, Peer, dialled, listening_board
from tests.access.switchboards import entry, exchange

from boruta_farm.access.connection import PROVEN_BYTES


async def connected(client: Peer, board: Peer) -> None:
    await board.send(BOARD_BANNER)
    assert await client.receive(len(BOARD_BANNER)) == BOARD_BANNER


async def test_a_live_job_is_reached_and_bytes_go_both_ways() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            await client.send(b"hello board")
            peer = await board.next()
            assert await peer.receive(11) == b"hello board"
            await connected(client, peer)


async def test_a_connection_before_the_grant_waits_and_keeps_its_early_bytes_in_order() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port))
        async with dialled(port) as client:
            await client.send(b"first ")
            await relay.heard.until(lambda heard: heard.counts.get("w1") == 1)
            assert board.accepted == 0
            relay.put(entry(board.port, epoch=1))
            await client.send(b"second")
            peer = await board.next()
            assert await peer.receive(12) == b"first second"


async def test_a_connection_without_a_grant_is_closed() -> None:
    async with listening_board() as board, exchange(grant_wait=0.05) as relay:
        port = relay.put(entry(board.port))
        async with dialled(port) as client:
            assert await client.end() == "closed"
        assert board.accepted == 0


async def test_a_grant_that_came_and_went_is_no_grant() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port))
        async with dialled(port) as client:
            await relay.heard.until(lambda heard: heard.counts.get("w1") == 1)
            relay.put(entry(board.port, epoch=1))
            relay.put(entry(board.port))
            relay.put(entry(board.port, epoch=2))
            peer = await board.next()
            await connected(client, peer)
        live = relay.board.port("w1")
        assert live is not None
        assert live.entry.epoch == 2


@pytest.mark.parametrize("after", [None, 2])
async def test_the_end_of_a_job_cuts_its_connections_at_once(after: int | None) -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            await connected(client, peer)
            relay.put(entry(board.port, epoch=after))
            assert await client.end() == "reset"
            assert await peer.end() == "reset"


async def test_a_cut_drops_what_is_still_on_its_way() -> None:
    """Bytes of an ended session must not reach a board later, nor wait for a slow client."""
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            await connected(client, peer)
            peer.writer.write(bytes(32 << 20))
            await client.receive(4 << 20)
            relay.put(entry(board.port))
            assert await client.end() == "reset"
            assert await peer.end() == "reset"


async def test_an_unchanged_epoch_stays_uncut_whatever_else_changes() -> None:
    async with listening_board() as board, listening_board() as moved, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            await connected(client, peer)
            relay.put(entry(moved.port, epoch=1, cut_in=10))
            await connected(client, peer)
            async with dialled(port) as second:
                await connected(second, await moved.next())


async def test_connections_on_their_way_to_the_board_are_cut_with_their_job() -> None:
    """A board that does not answer: its listener's backlog is full."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        fillers = []
        for _ in range(2):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
            fillers.append(filler)
        async with exchange() as relay:
            port = relay.put(entry(deaf.getsockname()[1], epoch=1))
            async with dialled(port) as client:
                await relay.heard.until(lambda heard: heard.counts.get("w1") == 1)
                relay.put(entry(deaf.getsockname()[1]))
                assert await client.end() == "reset"
        for filler in fillers:
            filler.close()


async def test_a_job_ends_by_the_relays_own_clock() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1, cut_in=0.2))
        async with dialled(port) as client:
            assert await client.end() == "reset"
        held = relay.board.port("w1")
        assert held is not None
        assert not held.live


async def test_prolonging_moves_the_end() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1, cut_in=3600))
        async with dialled(port) as client:
            peer = await board.next()
            await connected(client, peer)
            relay.put(entry(board.port, epoch=1, cut_in=7200))
            relay.sleeper.slept = 3700
            held = relay.board.port("w1")
            assert held is not None
            held.check_end()
            await connected(client, peer)
            relay.sleeper.slept = 7300
            assert await client.end() == "reset"


async def test_time_that_the_machine_slept_counts() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1, cut_in=3600))
        async with dialled(port) as client:
            await connected(client, await board.next())
            relay.sleeper.slept = 3601
            assert await client.end() == "reset"


async def test_an_entry_whose_time_is_over_is_no_grant() -> None:
    async with listening_board() as board, exchange(grant_wait=0.05) as relay:
        port = relay.put(entry(board.port, epoch=1, cut_in=-1))
        async with dialled(port) as client:
            assert await client.end() == "closed"
        assert board.accepted == 0


@pytest.mark.parametrize("direction", ["client", "board"])
async def test_half_closes_are_passed_on(direction: str) -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            first, second = (client, peer) if direction == "client" else (peer, client)
            await first.send(b"question")
            first.writer.write_eof()
            assert await second.rest() == b"question"
            await second.send(b"answer")
            second.writer.write_eof()
            assert await first.rest() == b"answer"
            await relay.heard.until(lambda heard: heard.counts.get("w1") == 0)


async def test_one_byte_after_bulk_arrives() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            bulk = bytes(range(256)) * (1 << 14)
            sending = asyncio.create_task(client.send(bulk))
            assert await peer.receive(len(bulk)) == bulk
            await sending
            for _ in range(20):
                await client.send(b"x")
                assert await peer.receive(1) == b"x"
                await peer.send(b"y")
                assert await client.receive(1) == b"y"


async def test_bulk_both_ways_at_once_is_cut_with_its_job() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            client.writer.write(bytes(64 << 20))
            peer.writer.write(bytes(64 << 20))
            await asyncio.gather(client.receive(8 << 20), peer.receive(8 << 20))
            relay.put(entry(board.port))
            assert list(await asyncio.gather(client.end(), peer.end())) == ["reset", "reset"]
            await relay.heard.until(lambda heard: heard.counts.get("w1") == 0)


async def test_a_board_that_refuses_closes_the_connection() -> None:
    async with listening_board() as board:
        unused = board.port
    async with exchange() as relay:
        port = relay.put(entry(unused, epoch=1))
        async with dialled(port) as client:
            assert await client.end() == "closed"


async def test_a_board_is_found_by_name() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1, host="localhost"))
        async with dialled(port) as client:
            await connected(client, await board.next())


async def test_a_broken_board_resets_the_client() -> None:
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            await connected(client, peer)
            peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
            peer.writer.transport.abort()
            assert await client.end() == "reset"


async def in_session(client: Peer, board: Peer) -> None:
    """Carry as much as a session does that got through its sign-in."""
    await client.send(bytes(PROVEN_BYTES))
    await board.receive(PROVEN_BYTES)
    await connected(client, board)


async def test_connections_per_port_and_in_total_are_bounded(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with listening_board() as board, exchange(per_port=2, in_total=3) as relay:
        first = relay.put(entry(board.port, epoch=1))
        second = relay.put(entry(board.port, worker="w2", epoch=1))
        async with dialled(first) as a, dialled(first) as b:
            await in_session(a, await board.next())
            await in_session(b, await board.next())
            async with dialled(first) as refused:
                assert await refused.end() == "closed"
            async with dialled(second) as c:
                await in_session(c, await board.next())
                async with dialled(second) as refused:
                    assert await refused.end() == "closed"
        told = [record.getMessage() for record in caplog.records if "refused" in record.msg]
        assert "2 of at most 2 are open here, 2 of 3 in all (setting tunnel_connections)" in told[0]
        assert len(told) == 2
        await board.close()
        await relay.heard.until(lambda heard: heard.counts.get("w1") == 0)
        async with dialled(first) as again:
            await connected(again, await board.next())


async def test_connections_are_accepted_again_after_descriptors_ran_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("boruta_farm.access.ports.PAUSE_WITHOUT_DESCRIPTORS", 0.01)
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        held = relay.board.port("w1")
        assert held is not None
        listener = held._listener
        held._listener = Exhausted(listener)  # type: ignore[assignment]  # refuses once
        async with dialled(port) as client:
            await connected(client, await board.next())
        assert "no connection can be accepted now" in caplog.text


class Exhausted:
    """A listener without a free descriptor at its first accept."""

    def __init__(self, listener: socket.socket | None) -> None:
        assert listener is not None
        self._listener = listener
        self._refused = False

    def accept(self) -> tuple[socket.socket, object]:
        if not self._refused:
            self._refused = True
            raise OSError(24, "Too many open files")
        return self._listener.accept()

    def getsockname(self) -> object:
        return self._listener.getsockname()

    def fileno(self) -> int:
        return self._listener.fileno()

    def close(self) -> None:
        self._listener.close()
