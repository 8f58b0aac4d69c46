"""Processes that a measure starts, and that are ended with it whatever happens."""

import http.client
import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

STOP_WITHIN = 15
PAUSE = 0.005
WATCHED = 0.25
"""Seconds of a process's life from which it is judged whether it rests."""


class StartError(Exception):
    """Tell that a process did not come to serve."""


@contextmanager
def running(
    command: Sequence[str],
    log: Path,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> Iterator[int]:
    """Run a command for a while and give its process id; its output goes to ``log``."""
    with log.open("ab") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd=folder,
            env=environment,
        )
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def fetch(port: int, path: str) -> object:
    """Return the JSON that a path answers. Raises OSError, StartError for an error's status."""
    return json.loads(fetch_bytes(port, path))


def figure(port: int, name: str) -> float:
    """Return the sum of a figure that the server's metrics tell. Raises as ``fetch``."""
    lines = fetch_bytes(port, "/metrics").decode().splitlines()
    found = [line.rsplit(" ", 1)[1] for line in lines if line.startswith((f"{name}{{", f"{name} "))]
    return sum(map(float, found))


def fetch_bytes(port: int, path: str) -> bytes:
    """Return what a path answers. Raises as ``fetch``."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
    except http.client.HTTPException as error:
        raise StartError(f"{path}: {error!r}") from error
    finally:
        connection.close()
    if answer.status != http.client.OK:
        raise StartError(f"{path}: status {answer.status}: {body[:200]!r}")
    return body


def wait_until(what: str, true: Callable[[], bool], seconds: float, log: Path) -> None:
    """Ask again and again. Raises StartError with the log's end when it takes too long."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            tail = log.read_text(errors="replace")[-600:] if log.exists() else ""
            raise StartError(f"not within {seconds:g} s: {what}; its log ends: {tail}")
        time.sleep(PAUSE)


def wait_for_rest(pid: int, seconds: float, log: Path) -> None:
    """Wait until a process leaves its processor idle for most of a while. Raises StartError.

    A server that has begun to match still reads its queue for those who mind the deadlines.
    """

    def at_rest() -> bool:
        before = processor_time(pid)
        # Nothing tells that a process goes on resting: only a while of its life does.
        time.sleep(WATCHED)
        return processor_time(pid) - before < WATCHED / 5

    wait_until("at rest", at_rest, seconds, log)


def processor_time(pid: int) -> float:
    """Return the seconds that a process's threads have had, finer than clock ticks."""
    threads = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(thread.read_text().split()[0]) for thread in threads) / 1e9


def answers(port: int, path: str) -> bool:
    """Tell whether a server answers at all."""
    try:
        fetch(port, path)
    except OSError:
        return False
    return True
