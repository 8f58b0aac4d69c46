"""What somebody who asks for one request notices while boards of the original come and go."""

import http.client
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from bench.generator import Sample
from bench.lab import Lab, Serving, Size
from bench.originals import original_uuid
from bench.processes import StartError, processor_time
from bench.table import Row
from boruta_farm.access.keys import KEYS_READY

REGISTERED, PREPARED = 1000, 100
REGISTERED_WITHIN, PREPARED_WITHIN = 1.8, 0.6
"""Seconds: 15 times what the original takes, and 0.06 times."""
PREPARE_WITHIN = 60
SLOWER = 2.0
REST_SECONDS = 5.0
STOP_WITHIN = 15
PATH = "/api/v1/reqs/50"
HELD = Size(waiting=100)


class Bystander(threading.Thread):
    """Ask for one request over and over on one connection, and note how long each answer takes."""

    def __init__(self, port: int) -> None:
        super().__init__(name="bystander")
        self.milliseconds: list[float] = []
        self.error: Exception | None = None
        self._port = port
        self._leaving = threading.Event()

    def run(self) -> None:
        """Ask until told to stop; a failed call ends it."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            while not self._leaving.is_set():
                began = time.perf_counter()
                connection.request("GET", PATH)
                answer = connection.getresponse()
                answer.read()
                self.milliseconds.append((time.perf_counter() - began) * 1000)
                if answer.status != http.client.OK:
                    raise StartError(f"{PATH}: status {answer.status}")
        except (OSError, http.client.HTTPException, StartError) as error:
            self.error = error
        finally:
            connection.close()

    def stop(self) -> None:
        """Stop asking. Raises what a call failed with."""
        self._leaving.set()
        self.join()
        if self.error is not None:
            raise StartError(f"the bystander's call failed: {self.error}")


def bystander(lab: Lab) -> list[Row]:
    """Measure one client's GET at rest, while boards register, while boards are prepared.

    Before that, how long both take where nobody else is served. The boards' process and the
    bystander share the processor with the server, which real ones would not: what is measured is
    the worse for it.
    """
    load = lab.own_load
    samples = [
        Sample(
            method="POST",
            path=f"/api/v1/workers/{original_uuid(number)}/setstate",
            body={"WorkerState": "IDLE"},
        )
        for number in range(PREPARED)
    ]

    def prepare_all(server: Serving) -> float:
        return load.burst(server.port, samples, "IDLE", PREPARE_WITHIN).seconds

    with lab.serve(HELD, keys="real") as server, originals(server, REGISTERED) as boards:
        server.wait_for_keys(KEYS_READY)
        began = processor_time(server.pid)
        alone = [register_all(boards)]
        spent = [processor_time(server.pid) - began]
        alone.append(prepare_all(server))
        spent.append(processor_time(server.pid) - began - spent[0])
    with lab.serve(HELD, keys="real") as server, originals(server, REGISTERED) as boards:
        server.wait_for_keys(KEYS_READY)
        rest = _watched(server, lambda: time.sleep(REST_SECONDS))
        seconds: list[float] = []
        registering = _watched(server, lambda: seconds.append(register_all(boards)))
        preparing = _watched(server, lambda: seconds.append(prepare_all(server)))
    registered, prepared = seconds
    return [
        _alone(f"{REGISTERED:,} Go boards register", alone[0], spent[0], REGISTERED_WITHIN),
        _alone(f"{PREPARED} Go boards are prepared", alone[1], spent[1], PREPARED_WITHIN),
        Row(name="GET of one request at rest", value=_shown(rest)),
        _row(f"  while {REGISTERED:,} Go boards register", registering, rest, registered),
        _row(f"  while {PREPARED} Go boards are prepared", preparing, rest, prepared),
    ]


def _alone(name: str, seconds: float, spent: float, aim: float) -> Row:
    return Row(
        name=f"{name}, nobody else served",
        value=f"{seconds:.2f} s, {spent:.2f} s of the server's processor",
        aim=f"<= {aim:g} s",
        met=seconds <= aim,
    )


def _watched(server: Serving, work: Callable[[], object]) -> list[float]:
    watching = Bystander(server.port)
    watching.start()
    try:
        work()
    finally:
        watching.stop()
    return watching.milliseconds


def _row(name: str, during: list[float], rest: list[float], seconds: float) -> Row:
    slower = statistics.fmean(during) / statistics.fmean(rest)
    return Row(
        name=name,
        value=f"{slower:.2f}x ({_shown(during)}, in {seconds:.2f} s)",
        aim=f"mean <= {SLOWER:g}x",
        met=slower <= SLOWER,
    )


def _shown(milliseconds: list[float]) -> str:
    p99 = statistics.quantiles(milliseconds, n=100)[98]
    mean, p50 = statistics.fmean(milliseconds), statistics.median(milliseconds)
    return f"mean {mean:.2f} ms, p50 {p50:.2f} ms, p99 {p99:.1f} ms"


@contextmanager
def originals(server: Serving, count: int) -> Iterator[subprocess.Popen[str]]:
    """Run the boards' process for a while; it registers when told."""
    command = [sys.executable, "-m", "bench.originals", str(server.rpc_port), str(count)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    try:
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise StartError("the boards did not start")
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=STOP_WITHIN)


def register_all(boards: subprocess.Popen[str]) -> float:
    """Have the boards register and return how long it took. Raises StartError."""
    assert boards.stdin is not None
    assert boards.stdout is not None
    boards.stdin.write("go\n")
    boards.stdin.flush()
    told = boards.stdout.readline()
    if not told:
        raise StartError("the boards could not register")
    return float(told)
