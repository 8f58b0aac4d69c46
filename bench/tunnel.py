"""What a tunnel costs over a direct connection: ``python -m bench.tunnel``.

Loopback only. The board's side is a process of its own, the relay is the real one, and runs
alternate between both ways so that a busy machine slows both alike.
"""

import argparse
import asyncio
import os
import selectors
import signal
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path

from bench.outbound import EPOCH, StreamingAgent
from bench.table import Row, print_table
from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.link import stop_relay
from boruta_farm.access.listening import allow_many_files
from boruta_farm.access.messages import USUAL
from boruta_farm.access.routes import TunnelRoute
from boruta_farm.access.wishes import OutboundStreams
from boruta_farm.clock import SystemClock
from boruta_farm.model.worker import Reach

CHUNK = bytes(256 * 1024)
SINK, ECHO = b"S", b"E"
DIRECT, TUNNEL, OUTBOUND = "direct", "tunnel", "outbound"
ONE_STREAM_AIM = 0.40
MANY_STREAMS_AIM = 0.30
ROUND_TRIP_AIM = 5.0
MANY = 64
"""Streams over one port; 100 go over two."""
CONNECTIONS = USUAL.connections
"""What one job's tunnel takes at a time, each with a word said."""

CROWD_WITHIN = 10.0
TRIPS = 2000
TICKS = os.sysconf("SC_CLK_TCK")
Address = tuple[str, int]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return 1 when an aim was missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1.0, help="length of one bulk run")
    options = parser.parse_args(arguments)
    if options.peer:
        serve_as_board()
        return 0
    rows = asyncio.run(measure(options.runs, options.streams, options.seconds))
    print_table(rows)
    return 1 if any(row.met is False for row in rows) else 0


async def measure(runs: int, streams: int, seconds: float) -> list[Row]:
    """Run everything against a relay of its own and return the lines of the table."""
    clock = SystemClock()
    board = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.tunnel", "--peer", stdout=asyncio.subprocess.PIPE
    )
    with tempfile.TemporaryDirectory() as folder:
        free = free_ports(5)
        relay = await RelayClient.attach(
            Path(folder), "127.0.0.1", clock, streams=("127.0.0.1", free.pop())
        )
        assert board.stdout is not None, "the board's output is a pipe"
        target = int(await board.stdout.readline())
        agent = await StreamingAgent.start(target)
        asking = asyncio.create_task(OutboundStreams(agent, relay).serve())
        running = asyncio.create_task(relay.keep_at_hand())
        try:
            relay.replace(
                TunnelRoute(
                    worker=f"worker-{port}",
                    port=port,
                    host="127.0.0.1",
                    target=target,
                    epoch=EPOCH,
                    cut=clock.now() + timedelta(minutes=10),
                    reach=Reach.DIRECT if port in free[:2] else Reach.OUTBOUND,
                )
                for port in free
            )
            await relay.settle()
            assert relay.pid is not None, "the relay is at hand"
            ways = {
                DIRECT: Way([("127.0.0.1", target)] * 2, ()),
                TUNNEL: Way([("127.0.0.1", port) for port in free[:2]], (relay.pid,)),
                OUTBOUND: Way(
                    [("127.0.0.1", port) for port in free[2:]], (relay.pid, agent.process.pid)
                ),
            }
            return await asyncio.to_thread(compare, ways, runs, streams, seconds)
        finally:
            for task in (running, asking):
                task.cancel()
            await asyncio.wait([running, asking])
            await stop_relay(Path(folder))
            await agent.stop()
            board.terminate()
            await board.communicate()


class Way:
    """Say where one way to the board begins, which processes carry it, and what was measured."""

    def __init__(self, addresses: list[Address], carriers: tuple[int, ...]) -> None:
        self.addresses = addresses
        self.carriers = carriers
        self.one: list[float] = []
        self.many: list[float] = []
        self.trips: list[float] = []
        self.spent = [0.0] * len(carriers)
        self.moved = 0.0

    def measure(self, streams: int, seconds: float) -> None:
        """Take one run."""
        self.trips.append(round_trip(self.addresses[0]))
        before = [processor_seconds(pid) for pid in self.carriers]
        self.one.append(bulk(self.addresses, 1, seconds))
        self.many.append(bulk(self.addresses, streams, seconds))
        after = [processor_seconds(pid) for pid in self.carriers]
        self.spent = [s + a - b for s, a, b in zip(self.spent, after, before, strict=True)]
        self.moved += (self.one[-1] + self.many[-1]) * seconds / 1000

    def cost(self) -> str:
        """Return the processor seconds per GB, of each process."""
        return " + ".join(f"{spent / self.moved:.2f}" for spent in self.spent) + " s/GB"


def compare(ways: dict[str, Way], runs: int, streams: int, seconds: float) -> list[Row]:
    """Measure all ways in turn and return the medians."""
    for _ in range(runs):
        for way in ways.values():
            way.measure(streams, seconds)
    direct, tunnel, outbound = ways[DIRECT], ways[TUNNEL], ways[OUTBOUND]
    many = f"{streams} streams"
    return [
        rate_row("one stream", direct.one, tunnel.one, ONE_STREAM_AIM),
        rate_row(many, direct.many, tunnel.many, MANY_STREAMS_AIM),
        trip_row("one byte there and back, p50", direct.trips, tunnel.trips, ROUND_TRIP_AIM),
        Row(name="relay's processor time", value=tunnel.cost()),
        crowd_row(tunnel.addresses[0]),
        rate_row("outbound: one stream", direct.one, outbound.one, None),
        rate_row(f"outbound: {many}", direct.many, outbound.many, None),
        trip_row("outbound: one byte there and back, p50", direct.trips, outbound.trips, None),
        Row(name="outbound: processor time, relay + agent", value=outbound.cost()),
    ]


def rate_row(name: str, direct: list[float], tunnel: list[float], aim: float | None) -> Row:
    """Return the line of a throughput, in MB/s."""
    ratio = statistics.median(t / d for d, t in zip(direct, tunnel, strict=True))
    one, other = statistics.median(direct), statistics.median(tunnel)
    return Row(
        name=name,
        value=f"direct {one:.0f} MB/s, tunnel {other:.0f} MB/s, ratio {ratio:.2f}",
        aim="" if aim is None else f"ratio >= {aim:.2f}",
        met=None if aim is None else ratio >= aim,
    )


def trip_row(name: str, direct: list[float], tunnel: list[float], aim: float | None) -> Row:
    """Return the line of the one-byte round trip, in microseconds."""
    ratio = statistics.median(t / d for d, t in zip(direct, tunnel, strict=True))
    one, other = statistics.median(direct), statistics.median(tunnel)
    return Row(
        name=name,
        value=f"direct {one:.0f} us, tunnel {other:.0f} us, ratio {ratio:.1f}",
        aim="" if aim is None else f"ratio <= {aim:g}",
        met=None if aim is None else ratio <= aim,
    )


def crowd_row(address: Address) -> Row:
    """Open as many connections as a job's tunnel takes and have each echo a byte; count them."""
    allow_many_files()
    open_ones = []
    began = time.perf_counter()
    try:
        for _ in range(CONNECTIONS):
            connection = socket.create_connection(address, timeout=CROWD_WITHIN)
            open_ones.append(connection)
            connection.sendall(ECHO + b"x")
            if connection.recv(1) != b"x":
                break
        said = sum(_echoes(connection) for connection in open_ones)
    finally:
        for connection in open_ones:
            connection.close()
    each = (time.perf_counter() - began) / len(open_ones) * 1000
    return Row(
        name="connections through one job's tunnel at a time",
        value=f"{said:,}, {each:.1f} ms for each to connect and say two words",
        aim=f">= {CONNECTIONS:,}",
        met=said >= CONNECTIONS,
    )


def _echoes(connection: socket.socket) -> bool:
    try:
        connection.sendall(b"y")
        return connection.recv(1) == b"y"
    except OSError:
        return False


def round_trip(address: Address) -> float:
    """Return the median of many one-byte round trips, in microseconds."""
    with socket.create_connection(address) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(ECHO)
        taken = []
        for _ in range(TRIPS):
            began = time.perf_counter()
            connection.sendall(b"x")
            connection.recv(1)
            taken.append(time.perf_counter() - began)
    return statistics.median(taken) * 1e6


def bulk(addresses: list[Address], streams: int, seconds: float) -> float:
    """Return the MB/s that arrived at the board over some streams at once."""
    connections = []
    for number in range(streams):
        connection = socket.create_connection(addresses[number // MANY])
        connection.sendall(SINK)
        connection.setblocking(False)
        connections.append(connection)
    began = time.perf_counter()
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_WRITE)
        while time.perf_counter() - began < seconds:
            for key, _ in selector.select(0.1):
                ready = key.fileobj
                assert isinstance(ready, socket.socket), "only sockets are registered"
                try:
                    ready.send(CHUNK)
                except BlockingIOError:
                    continue
    total = 0
    for connection in connections:
        connection.setblocking(True)
        connection.shutdown(socket.SHUT_WR)
    for connection in connections:
        total += int.from_bytes(connection.recv(8, socket.MSG_WAITALL), "big")
        connection.close()
    return total / (time.perf_counter() - began) / 1e6


def serve_as_board() -> None:
    """Count what arrives on sinks, echo the rest, one thread per connection."""
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=answer, args=(connection,), daemon=True).start()


def answer(connection: socket.socket) -> None:
    """Serve one connection as its first byte says."""
    with connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        serve: Callable[[socket.socket], None] = count if connection.recv(1) == SINK else echo
        serve(connection)


def count(connection: socket.socket) -> None:
    """Read to the end and answer how much it was."""
    buffer, total = bytearray(len(CHUNK)), 0
    while size := connection.recv_into(buffer):
        total += size
    connection.sendall(total.to_bytes(8, "big"))


def echo(connection: socket.socket) -> None:
    """Send back whatever comes."""
    while data := connection.recv(4096):
        connection.sendall(data)


def processor_seconds(pid: int) -> float:
    """Return the processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens on just now."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(taken.getsockname()[1]) for taken in sockets]
    for taken in sockets:
        taken.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
