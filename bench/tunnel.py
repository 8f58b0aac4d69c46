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

from bench.table import Row, print_table
from boruta_farm.access.adoption import RelayClient
from boruta_farm.access.link import stop_relay
from boruta_farm.access.routes import Route
from boruta_farm.clock import SystemClock

CHUNK = bytes(256 * 1024)
SINK, ECHO = b"S", b"E"
ONE_STREAM_AIM = 0.40
MANY_STREAMS_AIM = 0.30
ROUND_TRIP_AIM = 5.0
MANY = 64
"""Connections that one port may have; 100 streams go over two ports."""

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
        relay = await RelayClient.attach(Path(folder), "127.0.0.1", clock)
        running = asyncio.create_task(relay.run())
        try:
            assert board.stdout is not None, "the board's output is a pipe"
            target = int(await board.stdout.readline())
            ports = free_ports(2)
            relay.replace(
                Route(
                    worker=f"worker-{port}",
                    port=port,
                    host="127.0.0.1",
                    target=target,
                    epoch=1,
                    cut=clock.now() + timedelta(minutes=10),
                )
                for port in ports
            )
            await relay.settle()
            direct = [("127.0.0.1", target)] * 2
            tunnel = [("127.0.0.1", port) for port in ports]
            assert relay.pid is not None, "the relay is at hand"
            return await asyncio.to_thread(
                compare, direct, tunnel, relay.pid, runs, streams, seconds
            )
        finally:
            running.cancel()
            await asyncio.wait([running])
            await stop_relay(Path(folder))
            board.terminate()
            await board.communicate()


def compare(
    direct: list[Address],
    tunnel: list[Address],
    pid: int,
    runs: int,
    streams: int,
    seconds: float,
) -> list[Row]:
    """Measure both ways in turn and return the medians."""
    one: dict[str, list[float]] = {"direct": [], "tunnel": []}
    many: dict[str, list[float]] = {"direct": [], "tunnel": []}
    trips: dict[str, list[float]] = {"direct": [], "tunnel": []}
    moved, spent = 0.0, 0.0
    for _ in range(runs):
        for name, addresses in (("direct", direct), ("tunnel", tunnel)):
            trips[name].append(round_trip(addresses[0]))
            before = processor_seconds(pid)
            one[name].append(bulk(addresses, 1, seconds))
            many[name].append(bulk(addresses, streams, seconds))
            if name == "tunnel":
                spent += processor_seconds(pid) - before
                moved += (one[name][-1] + many[name][-1]) * seconds / 1000
    return [
        rate_row("one stream", one, ONE_STREAM_AIM),
        rate_row(f"{streams} streams", many, MANY_STREAMS_AIM),
        trip_row(trips),
        Row(name="relay's processor time", value=f"{spent / moved:.2f} s/GB"),
    ]


def rate_row(name: str, rates: dict[str, list[float]], aim: float) -> Row:
    """Return the line of a throughput, in MB/s."""
    direct, tunnel = statistics.median(rates["direct"]), statistics.median(rates["tunnel"])
    ratio = statistics.median(t / d for d, t in zip(rates["direct"], rates["tunnel"], strict=True))
    return Row(
        name=name,
        value=f"direct {direct:.0f} MB/s, tunnel {tunnel:.0f} MB/s, ratio {ratio:.2f}",
        aim=f"ratio >= {aim:.2f}",
        met=ratio >= aim,
    )


def trip_row(trips: dict[str, list[float]]) -> Row:
    """Return the line of the one-byte round trip, in microseconds."""
    direct, tunnel = statistics.median(trips["direct"]), statistics.median(trips["tunnel"])
    ratio = statistics.median(t / d for d, t in zip(trips["direct"], trips["tunnel"], strict=True))
    return Row(
        name="one byte there and back, p50",
        value=f"direct {direct:.0f} us, tunnel {tunnel:.0f} us, ratio {ratio:.1f}",
        aim=f"ratio <= {ROUND_TRIP_AIM:g}",
        met=ratio <= ROUND_TRIP_AIM,
    )


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
