"""The linux driver without a machine: what it asks of its host, and when."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from boruta_farm.dryad.drivers import linux
from boruta_farm.dryad.drivers.base import NOT_RESET
from boruta_farm.dryad.drivers.linux import RENEWED_EVERY, SLACK, WAITING, LinuxDriver
from boruta_farm.dryad.users.host import Inspection
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError, ConfigError
from boruta_farm.testing.loop import run_virtual
from tests.dryad.users.test_helper import ACCOUNT, FakeHost

USER = UserSettings(name="bob", not_reset=("NVRAM",))


class Clocks:
    """The wall clock and the steady one; the wall clock can be set."""

    def __init__(self) -> None:
        self.ahead = 1_000_000.0

    def steady(self) -> float:
        return asyncio.get_running_loop().time()

    def offset(self) -> float:
        return self.ahead


class Host(FakeHost):
    """A host whose inspection can be chosen."""

    def __init__(self) -> None:
        super().__init__()
        self.inspection = Inspection(host_key="ssh-ed25519 HOST")

    async def inspect(self) -> Inspection:
        await super().inspect()
        return self.inspection

    def keys(self) -> list[tuple[object, ...]]:
        """Return the calls that wrote a key."""
        return [call for call in self.calls if call[0] in ("create", "authorize")]


Scene = Callable[[LinuxDriver, Host, Clocks], Awaitable[None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[[Scene], None]:
    clocks = Clocks()
    monkeypatch.setattr(linux, "_now", clocks.steady)
    monkeypatch.setattr(linux, "_offset", clocks.offset)

    def run(scene: Scene) -> None:
        async def main() -> None:
            host = Host()
            driver = LinuxDriver(host, USER, ":22")
            await driver.start()
            await scene(driver, host, clocks)
            await driver.close()

        run_virtual(main())

    return run


def test_a_preparation_cleans_then_makes_the_user(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        prepared = await driver.prepare("k")
        assert (prepared.username, prepared.host_key) == ("bob", "ssh-ed25519 HOST")
        assert host.calls == [("inspect",), ("clean",), ("create", "k", WAITING)]

    play(scene)


def test_tools_are_for_the_uid_of_the_present_session(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        assert driver.door.uid() is None
        await driver.prepare("k")
        assert driver.door.uid() == ACCOUNT.uid
        assert driver.door.path.name == "bob.sock"
        await driver.clean()
        assert driver.door.uid() is None
        again = LinuxDriver(host, USER, ":22")
        assert await again.resume("k")
        assert again.door.uid() == ACCOUNT.uid

    play(scene)


def test_the_key_ends_a_little_after_the_job(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        await driver.prepare("k")
        await driver.expire_in(600)
        assert host.keys()[-1] == ("authorize", "k", 600 + SLACK)
        await asyncio.sleep(100)
        await driver.authorize("own")
        assert host.keys()[-1] == ("authorize", "own", 500 + SLACK)

    play(scene)


def test_a_board_that_waits_long_keeps_a_key_that_works(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        await driver.prepare("k")
        await asyncio.sleep(WAITING * 3)
        renewed = host.keys()[1:]
        assert 4 <= len(renewed) <= 6
        assert set(renewed) == {("authorize", "k", WAITING)}

    play(scene)


def test_a_wall_clock_that_jumps_gets_the_end_written_anew(
    play: Callable[[Scene], None],
) -> None:
    async def scene(driver: LinuxDriver, host: Host, clocks: Clocks) -> None:
        await driver.prepare("k")
        await driver.expire_in(3600)
        await asyncio.sleep(RENEWED_EVERY * 3)
        assert len(host.keys()) == 2
        clocks.ahead += 86400
        await asyncio.sleep(RENEWED_EVERY)
        last = host.keys()[-1]
        assert len(host.keys()) == 3
        assert last[:2] == ("authorize", "k")
        assert last[2] == pytest.approx(3600 + SLACK - 4 * RENEWED_EVERY, abs=RENEWED_EVERY)

    play(scene)


def test_a_prolongation_that_cannot_be_written_is_written_later(
    play: Callable[[Scene], None],
) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        await driver.prepare("k")
        host.trouble = BoardError("the helper is restarted")
        await driver.expire_in(3600)
        host.trouble = None
        await asyncio.sleep(RENEWED_EVERY * 5)
        last = host.keys()[-1]
        assert len(host.keys()) == 3
        assert last[2] == pytest.approx(3600 + SLACK, abs=RENEWED_EVERY + 1)

    play(scene)


def test_a_renewal_that_fails_is_tried_again(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, clocks: Clocks) -> None:
        await driver.prepare("k")
        clocks.ahead += 100
        host.trouble = BoardError("the disk is full")
        await asyncio.sleep(RENEWED_EVERY * 2)
        host.trouble = None
        await asyncio.sleep(RENEWED_EVERY)
        assert host.keys()[-1] == ("authorize", "k", WAITING)
        before = len(host.keys())
        await asyncio.sleep(RENEWED_EVERY * 2)
        assert len(host.keys()) == before

    play(scene)


def test_a_cleaned_board_has_no_key_to_renew(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, clocks: Clocks) -> None:
        await driver.prepare("k")
        assert await driver.clean() == ("one", "two")
        written = len(host.keys())
        clocks.ahead += 100
        await asyncio.sleep(WAITING)
        assert len(host.keys()) == written
        with pytest.raises(BoardError, match="no session"):
            await driver.expire_in(5)

    play(scene)


def test_a_session_is_taken_up_only_where_its_account_is(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        assert await driver.resume("k")
        assert host.keys() == [("authorize", "k", WAITING)]
        host.found = None
        assert not await driver.resume("k")
        assert len(host.keys()) == 1

    play(scene)


def test_a_user_who_vanished_makes_the_board_unhealthy(play: Callable[[Scene], None]) -> None:
    async def scene(driver: LinuxDriver, host: Host, _: Clocks) -> None:
        host.found = None
        await driver.healthcheck()
        await driver.prepare("k")
        with pytest.raises(BoardError, match="has vanished"):
            await driver.healthcheck()
        host.found = ACCOUNT
        await driver.healthcheck()

    play(scene)


@pytest.mark.parametrize(
    ("groups", "words"), [((), "system user"), (("disk", "docker"), "not isolated: disk, docker")]
)
async def test_facts_tell_isolation_and_what_is_not_reset(
    groups: tuple[str, ...], words: str
) -> None:
    host = Host()
    host.inspection = Inspection(root_groups=groups)
    driver = LinuxDriver(host, USER, ":22")
    await driver.start()
    facts = await driver.facts()
    assert facts["Isolation"] == words
    assert facts[NOT_RESET] == "device under test, NVRAM"
    await driver.close()


async def test_a_machine_on_which_no_user_can_be_made_stops_the_start() -> None:
    host = Host()
    host.trouble = ConfigError("user.groups: there is no group 'x'")
    driver = LinuxDriver(host, USER, ":22")
    with pytest.raises(ConfigError, match=r"user\.groups"):
        await driver.start()
    await driver.close()


async def test_warnings_go_to_the_host() -> None:
    host = Host()
    driver = LinuxDriver(host, USER, ":22")
    await driver.warn("soon")
    assert host.calls == [("warn", "soon")]
