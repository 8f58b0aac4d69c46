"""The load generator: a Go program beside this file, else wrk for what wrk can do."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

SOURCE = Path(__file__).with_name("load")
STAND_IN = Path(__file__).with_name("standin")
BUILD_WITHIN = 120
CLIENTS = 16
MARGIN = 30
"""Seconds that a run may take beyond its own limit."""


class LoadError(Exception):
    """Tell why a run gave no numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Carry what a run measured; times of single requests in milliseconds."""

    requests: int
    seconds: float
    rate: float
    p50: float
    p99: float
    errors: int
    error: str

    def checked(self) -> "Load":
        """Return itself. Raises LoadError when a request failed: such a run does not count."""
        if self.errors or not self.requests:
            raise LoadError(f"{self.errors} requests failed: {self.error or 'nothing was done'}")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Describe a request to be sent again and again."""

    method: str
    path: str
    body: object = None

    def line(self) -> str:
        """Return it as the generator reads it."""
        return json.dumps({"method": self.method, "path": self.path, "body": self.body})

    def text(self) -> str:
        """Return the body as it is sent."""
        return json.dumps(self.body)


class RateGenerator(Protocol):
    """Whatever can tell at what rate a server answers."""

    @property
    def name(self) -> str:
        """Return what it is, for people."""
        ...

    def rate(self, port: int, samples: Sequence[Sample], clients: int, seconds: float) -> Load:
        """Send samples in turn. Raises LoadError when a request failed."""
        ...


class GoGenerator:
    """Run our own program, built once into ``folder``."""

    @property
    def name(self) -> str:
        """Return what it is, for people."""
        return "the Go program in bench/load"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files = 0
        self._program = folder / "load"
        _build(SOURCE, self._program)

    def stand_in(self) -> Path:
        """Return the program that stands in for the original, built once. Raises LoadError."""
        program = self._folder / "standin"
        if not program.exists():
            _build(STAND_IN, program)
        return program

    def rate(self, port: int, samples: Sequence[Sample], clients: int, seconds: float) -> Load:
        """Send samples in turn. Raises LoadError when a request failed."""
        flags = ("-requests", self._write(samples), "-clients", str(clients))
        return self._run("rate", port, seconds, flags).checked()

    def grant(self, port: int, body: object, count: int, seconds: float) -> Load:
        """Time POST to IN PROGRESS, one after the other. Raises LoadError."""
        flags = ("-body", json.dumps(body), "-count", str(count))
        return self._run("grant", port, seconds, flags).checked()

    def lend(self, port: int, body: object, count: int, seconds: float) -> Load:
        """Time the same without events, by asking again and again. Raises LoadError."""
        flags = ("-body", json.dumps(body), "-count", str(count))
        return self._run("lend", port, seconds, flags).checked()

    def burst(self, port: int, samples: Sequence[Sample], state: str, seconds: float) -> Load:
        """Send each sample once and wait for as many workers to come to a state.

        Raises LoadError when a request failed or time was too short.
        """
        flags = ("-requests", self._write(samples), "-state", state)
        return self._run("burst", port, seconds, flags).checked()

    def drain(
        self,
        port: int,
        body: object,
        count: int,
        acquire: bool,
        seconds: float,
        clients: int = CLIENTS,
    ) -> Load:
        """File requests and close each as it runs; fewer than ``count`` when time was short."""
        flags = ("-body", json.dumps(body), "-count", str(count), "-clients", str(clients))
        return self._run("drain", port, seconds, (*flags, f"-acquire={acquire}")).checked()

    @contextmanager
    def listening(self, port: int, streams: int, query: str = "") -> Iterator[None]:
        """Hold event streams open for a while, reading all they tell. Raises LoadError."""
        where = ("-address", f"127.0.0.1:{port}", "-count", str(streams), "-query", query)
        command = [str(self._program), "listen", *where]
        pipe = subprocess.PIPE
        with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as held:
            try:
                assert held.stdout is not None
                if held.stdout.readline().strip() != "ready":
                    raise LoadError(f"load listen: {held.communicate(timeout=MARGIN)[1].strip()}")
                yield
                _, complaint = held.communicate(timeout=MARGIN)
            finally:
                held.kill()
        if held.returncode:
            raise LoadError(complaint.strip())

    def lag(self, port: int, other: int, body: object, count: int, pace: float) -> Load:
        """Time what is filed at one server until another tells it, too. Raises LoadError."""
        flags = ("-body", json.dumps(body), "-count", str(count), "-pace", f"{pace:g}")
        return self._run(
            "lag", port, count / pace + MARGIN, (*flags, "-other", f"127.0.0.1:{other}")
        ).checked()

    def pace(
        self, port: int, samples: Sequence[Sample], clients: int, pace: float, seconds: float
    ) -> Load:
        """Send so many samples a second; times count from when each was due. Raises LoadError."""
        flags = ("-requests", self._write(samples), "-clients", str(clients))
        return self._run("pace", port, seconds, (*flags, "-pace", f"{pace:g}")).checked()

    def _write(self, samples: Sequence[Sample]) -> str:
        # Each run has a file of its own: several may go at once.
        self._files += 1
        file = self._folder / f"requests-{self._files}"
        file.write_text("\n".join(sample.line() for sample in samples))
        return str(file)

    def _run(self, mode: str, port: int, seconds: float, flags: Sequence[str]) -> Load:
        where = ("-address", f"127.0.0.1:{port}", "-seconds", f"{seconds:g}")
        command = [str(self._program), mode, *where, *flags]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=seconds + MARGIN, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise LoadError(f"load {mode} did not end") from error
        if done.returncode:
            raise LoadError(done.stderr.strip())
        return Load(**json.loads(done.stdout))


def _build(source: Path, program: Path) -> None:
    """Build a Go program. Raises LoadError."""
    try:
        subprocess.run(
            ["go", "build", "-o", str(program), "."],
            cwd=source,
            check=True,
            capture_output=True,
            text=True,
            timeout=BUILD_WITHIN,
        )
    except subprocess.CalledProcessError as error:
        raise LoadError(f"{source.name} does not build: {error.stderr}") from error
