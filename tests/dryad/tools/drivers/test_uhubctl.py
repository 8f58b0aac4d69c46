"""A hub's port is switched and read by uhubctl, which is a script here that answers as it does."""

from pathlib import Path

import pytest

from boruta_farm.dryad.tools import programs
from boruta_farm.dryad.tools.drivers.uhubctl import DRIVER, HubPower
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.tools.drivers.stages import opened, program

UHUBCTL = """
echo "$*" >>log
case "$*" in
*"-a on"*) echo 0503 power highspeed enable connect >port ;;
*"-a off"*) echo 0000 off >port ;;
esac
[ "$2" = 1-1 ] || { echo "No compatible devices detected at location $2!" >&2; exit 1; }
echo "Current status for hub 1-1 [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]"
echo "  Port 2: $(cat port) [0403:6001 FTDI]"
"""


async def test_a_port(tmp_path: Path) -> None:
    uhubctl = program(tmp_path, "uhubctl", UHUBCTL)
    tool = opened(DRIVER, tmp_path, location="1-1", port=2, program=uhubctl)
    assert isinstance(tool, HubPower)
    await tool.on()
    assert (await tool.state()).on is True
    await tool.cycle(0.0)
    await tool.off()
    assert (await tool.state()).on is False
    assert (tmp_path / "log").read_text().splitlines()[:3] == [
        *("-l 1-1 -p 2 -a on", "-l 1-1 -p 2", "-l 1-1 -p 2 -a off -r 5"),
    ]
    other = opened(DRIVER, tmp_path, location="1-1", port=3, program=uhubctl)
    assert isinstance(other, HubPower)
    assert (await other.state()).on is None
    gone = opened(DRIVER, tmp_path, location="1-2", port=2, program=uhubctl)
    assert isinstance(gone, HubPower)
    with pytest.raises(BoardError, match="status 1: No compatible devices detected at location"):
        await gone.on()


def test_the_program_has_to_be_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", str(tmp_path))
    with pytest.raises(ConfigError, match="'uhubctl' is no program of this machine; install it"):
        opened(DRIVER, tmp_path, location="1-1", port=2)
    program(tmp_path, "uhubctl", "true")
    assert opened(DRIVER, tmp_path, location="1-1", port=2)
