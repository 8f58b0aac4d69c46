import pytest
from tests.access.sockets import BOARD_BANNER, LOOPBACK, Peer, dialled, listening_board
from tests.access.switchboards import entry, exchange
from tests.ports import free_port

from boruta_farm.access.connection import SIGNS_OF_LIFE


async def connected(client: Peer, board: Peer) -> None:
    await board.send(BOARD_BANNER)
    assert await client.receive(len(BOARD_BANNER)) == BOARD_BANNER


async def test_the_full_set_replaces_what_was_there() -> None:
    async with listening_board() as board, exchange() as relay:
        kept, gone = free_port(), free_port()
        relay.replace(
            entry(board.port, worker="kept", port=kept, epoch=4),
            entry(board.port, worker="gone", port=gone, epoch=7),
        )
        async with dialled(kept) as first, dialled(gone) as second:
            peers = [await board.next(), await board.next()]
            for peer in peers:
                await peer.send(BOARD_BANNER)
            await first.receive(len(BOARD_BANNER))
            await second.receive(len(BOARD_BANNER))
            relay.replace(entry(board.port, worker="kept", port=kept, epoch=4))
            assert await second.end() == "reset"
            await first.send(b"still here")
            assert relay.heard.releases == [("gone", gone)]
            with pytest.raises(ConnectionRefusedError):
                async with dialled(gone):
                    pass


async def test_workers_can_exchange_their_ports() -> None:
    async with listening_board() as a, listening_board() as b, exchange() as relay:
        one, two = free_port(), free_port()
        relay.replace(
            entry(a.port, worker="a", port=one, epoch=1),
            entry(b.port, worker="b", port=two, epoch=1),
        )
        relay.replace(
            entry(a.port, worker="a", port=two, epoch=1),
            entry(b.port, worker="b", port=one, epoch=1),
        )
        assert not relay.heard.failures
        async with dialled(one) as client:
            await connected(client, await b.next())
        async with dialled(two) as client:
            await connected(client, await a.next())


async def test_a_port_that_is_taken_is_told_and_can_be_replaced() -> None:
    async with listening_board() as board, exchange() as relay:
        relay.board.put(entry(board.port, port=board.port, epoch=1))
        [(worker, port, reason)] = relay.heard.failures
        assert (worker, port) == ("w1", board.port)
        assert "in use" in reason
        other = free_port()
        assert relay.put(entry(board.port, port=other, epoch=1)) == other
        async with dialled(other) as client:
            await connected(client, await board.next())


async def test_a_port_that_was_taken_is_tried_again_when_asked_again() -> None:
    async with exchange() as relay:
        async with listening_board() as stranger:
            port = stranger.port
            relay.board.put(entry(1, port=port))
            assert len(relay.heard.failures) == 1
        assert relay.put(entry(1, port=port)) == port
        assert len(relay.heard.failures) == 1


async def test_two_workers_cannot_have_one_port() -> None:
    async with exchange() as relay:
        port = free_port()
        relay.replace(entry(1, worker="a", port=port), entry(1, worker="b", port=port))
        assert [(worker, number) for worker, number, _ in relay.heard.failures] == [("b", port)]


async def test_another_listening_address_is_bound_without_cutting() -> None:
    async with listening_board() as board, exchange() as relay:
        port = free_port()
        relay.replace(entry(board.port, port=port, epoch=1))
        async with dialled(port) as client:
            peer = await board.next()
            relay.board.replace("127.0.0.2", [entry(board.port, port=port, epoch=1)])
            await connected(client, peer)
            with pytest.raises(ConnectionRefusedError):
                async with dialled(port, LOOPBACK):
                    pass
            async with dialled(port, "127.0.0.2") as second:
                await connected(second, await board.next())


async def test_a_draining_relay_keeps_live_jobs_and_frees_idle_ports() -> None:
    async with listening_board() as board, exchange() as relay:
        live, idle = free_port(), free_port()
        relay.replace(
            entry(board.port, worker="live", port=live, epoch=1),
            entry(board.port, worker="idle", port=idle),
        )
        async with dialled(live) as client:
            peer = await board.next()
            relay.board.drain()
            assert relay.heard.releases == [("idle", idle)]
            await connected(client, peer)
            async with dialled(live) as second:
                await connected(second, await board.next())
            relay.board.put(entry(board.port, worker="new", port=idle, epoch=1))
            assert relay.board.port("new") is None
            relay.board.put(entry(board.port, worker="live", port=live, epoch=1, cut_in=0.05))
            assert await client.end() == "reset"
            await relay.heard.until(lambda heard: ("live", live) in heard.releases)
        assert not relay.board.live


async def test_idleness_is_told_only_without_jobs_and_connections() -> None:
    async with listening_board() as board, exchange() as relay:
        busy = []
        for epoch in (1, None):
            relay.put(entry(board.port, epoch=epoch))
            busy.append(relay.board.busy)
        assert busy == [True, False]
        await relay.heard.until(lambda heard: heard.idles > 0)


async def test_dropping_an_unknown_worker_is_harmless() -> None:
    async with exchange() as relay:
        relay.board.drop("nobody")
        assert not relay.heard.releases


async def test_connections_to_dead_peers_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("boruta_farm.access.switchboard.SWEEP_EVERY", 0.0)
    monkeypatch.setattr("boruta_farm.access.liveness.Acknowledged.owing", True)
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        async with dialled(port) as client:
            await connected(client, await board.next())
            assert await client.end() == "reset"


async def test_use_is_told_and_signs_of_life_are_none() -> None:
    """What a minute's questions and answers of ssh take is nobody's doing; a line typed is."""
    async with listening_board() as board, exchange() as relay:
        port = relay.put(entry(board.port, epoch=1))
        held = relay.board.port("w1")
        assert held is not None
        async with dialled(port) as client:
            await client.send(b"x" * SIGNS_OF_LIFE)
            peer = await board.next()
            await peer.receive(SIGNS_OF_LIFE)
            assert not held.take_use()
            await client.send(b"x" * SIGNS_OF_LIFE + b"y")
            await peer.receive(SIGNS_OF_LIFE + 1)
            assert held.take_use()
            assert not held.take_use()
            await peer.send(b"z" * 2 * SIGNS_OF_LIFE)
            await client.receive(2 * SIGNS_OF_LIFE)
        # What is over by the time of asking counts too.
        await peer.close()
        await relay.heard.until(lambda heard: heard.counts.get("w1") == 0)
        assert held.take_use()
        async with dialled(port) as client:
            await client.send(b"x" * 2 * SIGNS_OF_LIFE)
            peer = await board.next()
            await peer.receive(2 * SIGNS_OF_LIFE)
            relay.put(entry(board.port, epoch=2))
            assert not held.take_use(), "what another job did"
