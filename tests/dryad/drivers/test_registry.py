"""A configured driver is opened with its own table, by whatever package it comes."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from boruta_farm.contracts import Prepared
from boruta_farm.dryad import config as configuration
from boruta_farm.dryad.drivers import registry
from boruta_farm.dryad.drivers.base import Board, Driver, DriverKind, NoSettings, WrappedDriver
from boruta_farm.dryad.drivers.registry import open_driver
from boruta_farm.model.errors import ConfigError
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Whole
from boruta_farm.settings.table import SettingError
from tests.dryad.doctor.configs import UUID, config


@dataclass(frozen=True, slots=True, kw_only=True)
class LampSettings:
    socket: int = setting(Whole(1, 8), "The socket that the lamp is plugged into.")


class LampDriver(Driver):
    """The smallest driver there is."""

    def __init__(self, settings: LampSettings, board: Board) -> None:
        if settings.socket == 8:
            raise SettingError("8 is the coffee machine's; choose another", "socket")
        self.socket, self.board = settings.socket, board

    @property
    def ssh_address(self) -> str:
        return "127.0.0.1:22"

    async def prepare(self, key: str) -> Prepared:
        return Prepared(username="nobody")

    async def authorize(self, key: str) -> None:
        raise AssertionError("nobody asks")

    async def clean(self) -> tuple[str, ...]:
        return ()


def _fail(_: NoSettings, board: Board) -> Driver:
    raise ZeroDivisionError(board.name)


KINDS: dict[str, Any] = {
    "lamp": DriverKind(settings=LampSettings, open=LampDriver),
    "faulty": DriverKind(settings=NoSettings, open=_fail),
    "wrong": DriverKind(settings=NoSettings, open=cast("Any", lambda *_: "a text")),
    "around": DriverKind(
        settings=NoSettings, open=lambda settings, board: WrappedDriver(board.open_driver("lamp"))
    ),
    "loop": DriverKind(settings=NoSettings, open=lambda settings, board: board.open_driver("loop")),
}


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find", lambda group, name, made: KINDS[name])
    monkeypatch.setattr(configuration, "installed", lambda group: tuple(KINDS))


def opened(folder: Path, driver: str, tables: str = "") -> Driver:
    hooked = open_driver(config(folder, driver=driver, tables=tables))
    assert isinstance(hooked, WrappedDriver)
    return hooked.inner


def test_a_driver_is_opened_with_its_table_and_its_board(tmp_path: Path) -> None:
    driver = opened(tmp_path, "lamp", "[lamp]\nsocket = 3")
    assert isinstance(driver, LampDriver)
    assert driver.socket == 3
    assert (driver.board.uuid, driver.board.folder) == (UUID, tmp_path / "state" / "lamp")
    assert driver.board.user.name == "boruta-user"


async def test_what_a_driver_does_not_write_is_safe(tmp_path: Path) -> None:
    driver = opened(tmp_path, "lamp", "[lamp]\nsocket = 3")
    assert not driver.own_server
    await driver.start()
    assert not await driver.resume("ssh-ed25519 KEY"), "what is not known to live on is cleaned"
    await driver.expire_in(5)
    await driver.warn("the job ends")
    await driver.put_in_maintenance("new card")
    await driver.healthcheck()
    await driver.test()
    assert (await driver.facts(), await driver.examine()) == ({}, ())
    await driver.close()


def test_four_members_must_be_written() -> None:
    assert Driver.__abstractmethods__ == {"ssh_address", "prepare", "authorize", "clean"}


def test_a_wrapper_passes_everything_on() -> None:
    members = {name for name in vars(Driver) if not name.startswith("_")}
    members -= {"own_server", "many_keys"}
    assert members <= vars(WrappedDriver).keys()


@pytest.mark.parametrize(
    ("driver", "tables", "words"),
    [
        ("lamp", "[lamp]\nscoket = 3", "lamp.scoket: there is no such setting; did you mean sock"),
        ("lamp", "[lamp]\nsocket = 9", "lamp.socket: 9 must lie between 1 and 8"),
        ("lamp", "", "lamp.socket: is missing; the socket that the lamp is plugged into"),
        ("lamp", "[lamp]\nsocket = 8", "lamp.socket: 8 is the coffee machine's"),
        ("around", "[lamp]\nsocket = 9", "lamp.socket: 9 must lie"),
        ("faulty", "", "driver: 'faulty' cannot be opened: ZeroDivisionError"),
        ("wrong", "", "driver: 'wrong' opens 'a text', which is no Driver"),
        ("loop", "", "driver: loop wraps loop: a driver cannot wrap itself"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_key(
    driver: str, tables: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as wrong:
        opened(tmp_path, driver, tables)
    assert wrong.value.message.startswith(f"{tmp_path / 'dryad.conf'}: {words}")


def test_a_driver_around_another_has_the_others_table(tmp_path: Path) -> None:
    driver = opened(tmp_path, "around", "[lamp]\nsocket = 5")
    assert isinstance(driver, WrappedDriver)
    assert isinstance(driver.inner, LampDriver)
    assert driver.inner.socket == 5
