"""What could be a tool is found without being touched, and its table can be pasted as it is."""

import tomllib
from pathlib import Path

import pytest

from boruta_farm.dryad.plugins import installed
from boruta_farm.dryad.tools import detecting, found, programs
from boruta_farm.dryad.tools.base import TOOLS
from boruta_farm.dryad.tools.configured import open_tools
from boruta_farm.dryad.tools.sockets import ask_sockets
from tests.dryad.doctor.configs import config
from tests.dryad.tools.drivers.stages import program, web_device

UHUBCTL = """
cat <<END
Current status for hub 1-1 [2109:3431 USB2.0 Hub, USB 2.10, 4 ports, ppps]
  Port 1: 0100 power
Current status for hub 2 [1d6b:0003 Linux xHCI Host Controller, USB 3.00, 4 ports, nops]
END
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Return the root of a machine with one of each."""
    root = tmp_path / "root"
    for name in (
        *("dev/serial/by-id/usb-FTDI_TTL232R-if00-port0", "dev/gpiochip0", "run/stm.socket"),
        *("dev/disk/by-id/usb-Generic_SD-0:0", "dev/disk/by-id/usb-Generic_SD-0:0-part1"),
        *("dev/disk/by-id/ata-own", "dev/v4l/by-id/usb-Grabber-video-index0"),
        *("dev/v4l/by-id/usb-Grabber-video-index1", "dev/usb-sd-mux/id-00012.00042"),
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_what_is_plugged_in(machine: Path, tmp_path: Path) -> None:
    assert list(found.find_here(tmp_path / "empty")) == []
    told = list(found.find_here(machine))
    assert [each.driver for each in told] == [
        *("serial", "usbsdmux", "block", "ustreamer", "gpio", "stm")
    ]
    assert told[0].settings == {"port": "/dev/serial/by-id/usb-FTDI_TTL232R-if00-port0"}
    assert told[1].settings == {"mux": "/dev/usb-sd-mux/id-00012.00042"}


async def test_hubs_that_switch_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", str(tmp_path))
    assert await found.find_hubs() == []
    program(tmp_path, "uhubctl", UHUBCTL)
    [hub] = await found.find_hubs()
    assert hub.settings == {"location": "1-1", "port": 1}


async def test_power_sockets_that_are_named() -> None:
    async with web_device() as shelly, web_device() as tasmota, web_device() as other:
        shelly.answers = {"/shelly": b'{"model": "SNSW-001X16EU", "gen": 2}'}
        tasmota.answers = {"/cm?cmnd=Status": b'{"Status": {"FriendlyName": ["bench"]}}'}
        other.answers = {"/shelly": b"[]", "/cm?cmnd=Status": b"<html>"}
        told = await ask_sockets([f"{shelly.url}/", tasmota.url, other.url])
        assert [each.settings["device"] for each in told] == ["shelly", "tasmota"]
        assert told[0].words == f"a Shelly 'SNSW-001X16EU' at {shelly.url}"
        asked = [*shelly.asked, *tasmota.asked, *other.asked]
        assert set(asked) == {"/shelly", "/cm?cmnd=Status"}


def test_tables_can_be_pasted(
    machine: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", str(tmp_path))
    program(tmp_path, "gpioset", "true")
    known = [
        each for each in found.find_here(machine) if each.driver in ("ustreamer", "gpio", "stm")
    ]
    text = detecting.tables([*known, *known], installed(TOOLS))
    toolbox, _ = open_tools(config(tmp_path, tables=text))
    assert [each.name for each in toolbox] == [
        *("screen", "relay", "power", "screen2", "relay2", "power2")
    ]


def test_what_no_package_brings_is_a_remark(machine: Path) -> None:
    text = detecting.tables(list(found.find_here(machine)), ())
    assert tomllib.loads(text) == {}
    assert '# [tools.console]\n# driver = "serial"\n# port = "/dev/serial/by-id/usb-FTDI' in text


def test_nothing_found_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(programs, "PROGRAMS", str(tmp_path))
    monkeypatch.setattr(detecting, "find_here", list)
    assert detecting.main([]) == detecting.NOTHING
    assert capsys.readouterr().out.startswith("nothing was found; name power sockets with --ask")
