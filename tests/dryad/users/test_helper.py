"""The root helper: eleven verbs, one user, and nothing else to be had from it."""

import asyncio
import contextlib
import json
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from boruta_farm.dryad.users.helper import Helper, find_user, listen
from boruta_farm.dryad.users.host import Inspection, SystemAccount
from boruta_farm.dryad.users.media import MediumUse
from boruta_farm.dryad.users.remote import RemoteHost
from boruta_farm.dryad.users.verbs import LONGEST_LINE, VERBS
from boruta_farm.model.errors import BoardError, ConfigError

ACCOUNT = SystemAccount(name="bob", uid=70001, home=Path("/home/bob"))
NOBODY = 65534


class FakeHost:
    """A host that notes what it was asked and answers as it is told to."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []
        self.trouble: BoardError | ConfigError | None = None
        self.found: SystemAccount | None = ACCOUNT
        self.hold: asyncio.Event | None = None
        self.asked = asyncio.Event()
        self.done = asyncio.Event()

    async def inspect(self) -> Inspection:
        await self._note("inspect")
        return Inspection(warnings=("w",), root_groups=("disk",), host_key="ssh-ed25519 X")

    async def create(self, key: str, seconds: float) -> SystemAccount:
        await self._note("create", key, seconds)
        return ACCOUNT

    async def authorize(self, keys: tuple[str, ...], seconds: float) -> None:
        await self._note("authorize", *keys, seconds)

    async def part_with(self, keys: tuple[str, ...]) -> int:
        await self._note("part_with", *keys)
        return len(keys)

    async def visitors(self) -> dict[str, int]:
        await self._note("visitors")
        return {"k2": 1, "": 2}

    async def certify(self, certificate: str) -> None:
        await self._note("certify", certificate)

    async def find(self) -> SystemAccount | None:
        await self._note("find")
        return self.found

    async def warn(self, message: str) -> int:
        await self._note("warn", message)
        return 2

    async def sessions(self) -> frozenset[int]:
        await self._note("sessions")
        return frozenset((40022, 40001))

    async def clean(self) -> tuple[str, ...]:
        await self._note("clean")
        return ("one", "two")

    async def open_medium(self, tool: str, use: MediumUse) -> int:
        await self._note("open_medium", tool, use)
        return os.open(os.devnull, os.O_RDONLY)

    async def give_terminal(self, number: int) -> None:
        await self._note("give_terminal", number)

    async def close(self) -> None:
        self.calls.append(("close",))

    async def _note(self, *call: object) -> None:
        self.calls.append(call)
        self.asked.set()
        if self.hold is not None:
            await self.hold.wait()
        self.done.set()
        if self.trouble is not None:
            raise self.trouble


@pytest.fixture
def fake() -> FakeHost:
    return FakeHost()


@pytest.fixture
def place() -> Iterator[Path]:
    """Return where a socket may be made, with a name short enough for one."""
    with tempfile.TemporaryDirectory(prefix="boruta-helper-") as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "helper.sock"


def listening(place: Path, mode: int = 0o600) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(place))
    listener.listen()
    place.chmod(mode)
    return listener


@pytest.fixture
async def path(place: Path, fake: FakeHost) -> AsyncIterator[Path]:
    """Return the socket of a running helper, for the tests' own user."""
    helper = Helper(fake, os.geteuid())
    await helper.start(listening(place))
    yield place
    await helper.close()


async def say(path: Path, data: bytes) -> bytes:
    """Send bytes and return all that is answered."""
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(data)
    await writer.drain()
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return answer


async def test_every_verb_comes_and_answers(path: Path, fake: FakeHost) -> None:
    host = RemoteHost(path)
    assert await host.inspect() == Inspection(
        warnings=("w",), root_groups=("disk",), host_key="ssh-ed25519 X"
    )
    assert await host.create("k", 5) == ACCOUNT
    await host.authorize(("k2", "k3"), 1.5)
    await host.certify("CERTIFICATE")
    assert await host.part_with(("k3",)) == 1
    assert await host.visitors() == {"k2": 1, "": 2}
    assert await host.find() == ACCOUNT
    fake.found = None
    assert await host.find() is None
    assert await host.warn("soon") == 2
    assert await host.sessions() == {40001, 40022}
    assert await host.clean() == ("one", "two")
    opened = await host.open_medium("card", MediumUse.WRITE)
    assert os.fstat(opened).st_rdev == os.makedev(1, 3)
    assert not os.get_inheritable(opened)
    os.close(opened)
    await host.give_terminal(7)
    await host.close()
    assert fake.calls == [
        *(("inspect",), ("create", "k", 5), ("authorize", "k2", "k3", 1.5)),
        ("certify", "CERTIFICATE"),
        *(("part_with", "k3"), ("visitors",), ("find",), ("find",)),
        *(("warn", "soon"), ("sessions",), ("clean",), ("open_medium", "card", MediumUse.WRITE)),
        ("give_terminal", 7),
    ]
    assert {str(call[0]) for call in fake.calls} == VERBS.keys()


@pytest.mark.parametrize("kind", [BoardError, ConfigError])
async def test_a_failure_arrives_as_what_it_was(
    kind: type[BoardError], path: Path, fake: FakeHost
) -> None:
    fake.trouble = kind("user.groups: no such group")
    with pytest.raises(kind, match=r"user\.groups: no such group"):
        await RemoteHost(path).inspect()
    with pytest.raises(kind, match=r"user\.groups: no such group"):
        await RemoteHost(path).open_medium("card", MediumUse.READ)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"x",
        b"[]",
        b'"clean"',
        b"{}",
        b'{"verb":"exec","command":"id"}',
        b'{"verb":["clean"]}',
        b'{"verb":"clean","uid":0}',
        b'{"verb":"create","key":"k"}',
        b'{"verb":"create","key":7,"seconds":1}',
        b'{"verb":"create","key":"k","seconds":"1"}',
        b'{"verb":"create","key":"k","seconds":true}',
        b'{"verb":"create","key":"k","seconds":NaN}',
        b'{"verb":"open_medium","tool":"card","use":"format"}',
        b'{"verb":"open_medium","tool":"card","use":"read","device":"/dev/sda"}',
        b'{"verb":"create","key":"k","seconds":1,"home":"/root"}',
        b'{"verb":"warn","message":null}',
        b"[" * 5000,
        b"\xff\xfe",
    ],
)
async def test_anything_else_is_refused_and_nothing_is_done(
    line: bytes, path: Path, fake: FakeHost
) -> None:
    answer = json.loads(await say(path, line + b"\n"))
    assert answer["error"]["code"] == "protocol"
    assert fake.calls == []


async def test_an_endless_line_is_cut_off(path: Path, fake: FakeHost) -> None:
    answer = b""
    with contextlib.suppress(ConnectionError):
        answer = await say(path, b"x" * (LONGEST_LINE * 4))
    assert (answer, fake.calls) == (b"", [])


async def test_a_verb_goes_on_when_its_caller_goes_away(path: Path, fake: FakeHost) -> None:
    fake.hold = asyncio.Event()
    _, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"verb":"clean"}\n')
    await writer.drain()
    async with asyncio.timeout(20):
        await fake.asked.wait()
        writer.close()
        await writer.wait_closed()
        fake.hold.set()
        await fake.done.wait()
    assert fake.calls == [("clean",)]


async def test_nobody_else_is_answered(fake: FakeHost, place: Path) -> None:
    """The kernel tells who calls: here a caller who may open the socket, but is not its user."""
    if os.geteuid() != 0:
        pytest.skip("calling as another user takes root")
    helper = Helper(fake, 1)
    await helper.start(listening(place, 0o666))
    caller = socket.socket(socket.AF_UNIX)
    caller.setblocking(False)
    os.seteuid(NOBODY)
    try:
        caller.connect(str(place))
    finally:
        os.seteuid(0)
    loop = asyncio.get_running_loop()
    answer = b""
    with caller, contextlib.suppress(ConnectionError):
        await loop.sock_sendall(caller, b'{"verb":"clean"}\n')
        answer = await asyncio.wait_for(loop.sock_recv(caller, 100), 20)
    assert (answer, fake.calls) == (b"", [])
    await helper.close()


async def test_a_helper_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(BoardError, match=r"cannot be reached: .*is 'dryad helper' running"):
        await RemoteHost(tmp_path / "none.sock").clean()


async def test_a_helper_that_talks_nonsense_is_told(tmp_path: Path) -> None:
    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"result": {"uid": "x"}}\n')
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_unix_server(nonsense, tmp_path / "s")
    async with server:
        with pytest.raises(BoardError, match="are both of one version"):
            await RemoteHost(tmp_path / "s").create("k", 1)


def test_the_socket_is_for_its_user_alone(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("giving a socket to another user takes root")
    place = tmp_path / "folder" / "helper.sock"
    listener = listen(place, NOBODY)
    listener.close()
    status = place.stat()
    assert (status.st_uid, status.st_mode & 0o777) == (NOBODY, 0o600)
    listen(place, NOBODY).close()


def test_a_socket_in_a_folder_of_others_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match=r"helper: (others may write|.*belongs to uid)"):
        listen(folder / "helper.sock", os.geteuid())


def test_a_user_who_does_not_exist_is_told() -> None:
    with pytest.raises(ConfigError, match="there is no user 'no-such-user'"):
        find_user("no-such-user")
