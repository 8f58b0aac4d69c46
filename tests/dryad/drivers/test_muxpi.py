"""The MuxPi's driver: a made-up session, a real service, an emulated chip."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.base import NOT_RESET
from boruta_farm.dryad.drivers.muxpi import MuxPiDriver
from boruta_farm.dryad.stm.client import Client
from boruta_farm.dryad.stm.settings import MuxPiSettings, Trial
from boruta_farm.model.errors import BoardError
from boruta_farm.testing.stm_ports import PseudoTerminal
from tests.dryad.boards import OLD, Board, FakeDriver, Mood

DARK = [(0, 0, 0), (0, 0, 0)]


class MuxPi:
    """One board with its driver."""

    def __init__(self, folder: Path, terminal: PseudoTerminal, **changes: object) -> None:
        self.chip = terminal.firmware.chip
        self.firmware = terminal.firmware
        self.session = FakeDriver(Board())
        self.admin, self.user = folder / "stm.socket", folder / "stm-user.socket"
        fields: dict[str, object] = {
            "stm_path": None,
            "tty": terminal.path,
            "admin_socket": self.admin,
            "user_socket": self.user,
            "socket_group": "no-such-group",
            **changes,
        }
        settings = MuxPiSettings(**fields)  # type: ignore[arg-type]  # a test names the fields
        self.driver = MuxPiDriver(self.session, settings)


Make = Callable[..., MuxPi]


@pytest.fixture
async def make(tmp_path: Path) -> AsyncIterator[Make]:
    with PseudoTerminal() as terminal:
        yield lambda **changes: MuxPi(tmp_path, terminal, **changes)
        assert terminal.firmware.chip.damage == []


async def test_an_agent_that_owns_the_line_serves_both_sockets(make: Make) -> None:
    board = make()
    await board.driver.start()
    await Client(board.user).dut()
    assert board.chip.relay
    await Client(board.admin).clear_display()
    with pytest.raises(BoardError, match="can't find method"):
        await Client(board.user).clear_display()
    await board.driver.close()
    assert not board.admin.exists()
    assert not board.user.exists()


async def test_an_agent_beside_a_daemon_is_its_client(make: Make, tmp_path: Path) -> None:
    owner = make()
    await owner.driver.start()
    client = make(stm_path=tmp_path / "stm.socket")
    await client.driver.start()
    await Client(owner.user).dut()
    assert "the device under test has power" in await client.driver.clean()
    assert not owner.chip.relay
    facts = await client.driver.facts()
    assert (facts["STM"], facts["DUT power"]) == ("0 mA", "off")
    await client.driver.close()
    assert owner.admin.exists(), "the sockets are the daemon's"
    await owner.driver.close()


async def test_the_session_is_over_before_the_device_is_switched_off(make: Make) -> None:
    board = make()
    await board.driver.start()
    await board.driver.prepare(OLD)
    await Client(board.user).dut()
    board.session.board.log_in("a file")
    found = await board.driver.clean()
    assert found == (
        "a file",
        "the device under test has power",
        "the card is not at the supervisor (dut)",
    )
    assert (board.chip.relay, board.chip.card) == (False, "ts")
    await Client(board.user).dut()
    board.session.mood = Mood.FAILS
    with pytest.raises(BoardError, match="clean failed"):
        await board.driver.clean()
    board.session.mood = Mood.WELL
    await board.driver.close()


async def test_a_clean_up_without_a_controller_fails(make: Make) -> None:
    board = make(tty=Path("/dev/no-such-tty"))
    await board.driver.start()
    with pytest.raises(BoardError, match="cannot open /dev/no-such-tty"):
        await board.driver.clean()
    with pytest.raises(BoardError, match="cannot open"):
        await board.driver.healthcheck()
    assert "cannot open" in (await board.driver.facts())["STM"]
    await board.driver.close()


async def test_preparing_takes_the_maintenance_sign_down(make: Make) -> None:
    board = make()
    await board.driver.start()
    await board.driver.put_in_maintenance("maintenance")
    assert board.chip.display == ["0 0 on maintenance"]
    assert board.session.board.notice == "maintenance"
    await board.driver.prepare(OLD)
    assert (board.chip.display, board.chip.leds) == ([], DARK)
    await board.driver.put_in_maintenance("fan")
    await board.driver.close()
    assert (board.chip.display, board.chip.leds) == ([], DARK), "nothing is left at the end"


async def test_the_health_check_switches_nothing(make: Make) -> None:
    board = make()
    await board.driver.start()
    before = len(board.firmware.commands)
    await board.driver.healthcheck()
    assert board.firmware.commands[before:] == ["version"]
    assert "healthcheck" in board.session.calls
    await board.driver.close()


async def test_tests_run_when_asked_for(make: Make) -> None:
    board = make(trials=(Trial.POWER,))
    await board.driver.start()
    await board.driver.test()
    assert "power tick 1000" in board.firmware.commands
    assert not board.chip.relay
    assert board.session.calls[-1] == "test"
    facts = await board.driver.facts()
    assert (facts["Tests"], facts["STM"]) == ("power", "MuxPi firmware v1.0")
    assert (facts["DUT power"], facts["Card"]) == ("off", "ts")
    await board.driver.close()


async def test_what_is_not_reset_is_the_cards_content(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def facts() -> dict[str, str]:
        return {NOT_RESET: "device under test, the fan"}

    board = make()
    monkeypatch.setattr(board.session, "facts", facts)
    assert (await board.driver.facts())[NOT_RESET] == "content of the card, the fan"


async def test_the_rest_is_the_sessions(make: Make) -> None:
    board = make()
    await board.driver.start()
    assert board.driver.ssh_address == "127.0.0.1:2222"
    await board.driver.prepare(OLD)
    await board.driver.authorize("ssh-ed25519 NEW")
    await board.driver.expire_in(10.0)
    await board.driver.warn("soon")
    assert await board.driver.resume(OLD)
    assert board.session.board.warnings == ["soon"]
    assert board.session.calls[1:] == ["prepare", "authorize", "expire_in", "warn", "resume"]
    await board.driver.close()
