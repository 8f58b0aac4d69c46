"""The units: hardened as documented, and starting what exists."""

import configparser
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from boruta_farm.access import relay
from boruta_farm.cli.main import app
from boruta_farm.dryad import main as dryad
from boruta_farm.dryad.stm.client import ADMIN_SOCKET, USER_SOCKET
from boruta_farm.dryad.stm.options import parse_options

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "packaging" / "systemd").glob("*.service"))
HIGHEST = {"dryad": 1.8, "dryad@": 1.8, "boruta": 1.8, "dryad-helper": 5.0, "dryad-helper@": 5.0}
VERSIONS_DIFFER = 0.5
USUAL = 1.5
"""The highest exposure that ``systemd-analyze security`` may find; 10 is no protection at all."""


class Unit(configparser.RawConfigParser):
    """Read a unit file: keys keep their case and may come more than once."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None)
        self.optionxform = str  # type: ignore[assignment,method-assign]  # as the module documents
        self.read(path)


def ids(path: Path) -> str:
    return path.stem


def test_every_part_has_its_unit() -> None:
    assert {unit.stem for unit in UNITS} == {
        *(
            "boruta",
            "boruta-relay",
            "boruta-door",
            "boruta-site@",
            "dryad",
            "dryad@",
            "dryad-helper",
            "dryad-helper@",
        ),
        "dryad-stm",
    }


def test_who_asks_for_the_boot_id_can_read_it() -> None:
    """``ProcSubset=pid`` hides /proc/sys; only relays and front door need nothing of it."""
    hidden = {unit.stem for unit in UNITS if Unit(unit).get("Service", "ProcSubset", fallback="")}
    assert hidden == {"boruta-relay", "boruta-site@", "boruta-door"}


@pytest.mark.parametrize("unit", UNITS, ids=ids)
def test_a_unit_is_hardened_as_far_as_documented(unit: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed (systemd)")
    done = subprocess.run(
        [tool, "security", "--offline=true", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd-analyze judges no files (250 and newer do)")
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    assert found, done.stdout + done.stderr
    exposure = float(found[1])
    assert exposure <= HIGHEST.get(unit.stem, USUAL)
    page = (ROOT / "docs" / "install.md").read_text()
    told = re.search(rf"\| `{re.escape(unit.name)}` \| ([0-9.]+) \|", page)
    assert told, f"docs/install.md does not tell the exposure of {unit.name}"
    assert abs(float(told[1]) - exposure) <= VERSIONS_DIFFER, "docs/install.md is out of date"


@pytest.mark.parametrize("unit", UNITS, ids=ids)
def test_what_a_unit_starts_takes_its_options(
    unit: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = shlex.split(Unit(unit)["Service"]["ExecStart"])
    match Path(command[0]).name:
        case "boruta-relay":
            assert relay._options(command[1:]).stay
        case "dryad" if "helper" in command:
            options = [option for option in command[2:] if option.startswith("--")]
            with pytest.raises(SystemExit):
                dryad.run(["helper", "--help"])
            usage = capsys.readouterr().out
            assert all(option in usage for option in options)
        case "dryad" if "stm" in command:
            assert parse_options(command[2:]).serve
        case "dryad":
            assert dryad._options(command[1:]).conf.is_absolute()
        case "boruta" if command[1] == "relay":
            usage = CliRunner().invoke(app, ["relay", "--help"]).output
            assert all(option in usage for option in command[2:] if option.startswith("--"))
        case name:
            assert (name, command[1]) in (("boruta", "serve"), ("boruta", "door"))


def test_the_helper_sees_what_sessions_leave() -> None:
    """What is hidden from the clean-up is not cleaned."""
    for name in ("dryad-helper", "dryad-helper@"):
        service = Unit(ROOT / "packaging" / "systemd" / f"{name}.service")["Service"]
        hiding = {
            *("PrivateTmp", "ProtectHome", "ProtectSystem", "PrivateIPC", "ProtectProc"),
            *("PrivateMounts", "PrivateUsers", "ReadOnlyPaths", "InaccessiblePaths"),
        }
        assert not hiding & set(service)


def test_an_upgrade_leaves_relays_and_front_door_alone() -> None:
    rules = (ROOT / "packaging" / "debian" / "rules").read_text()
    for unit in ("boruta-relay.service", "boruta-door.service", "boruta-site@.service"):
        [line] = [each for each in rules.splitlines() if each.endswith(unit)]
        assert "--no-stop-on-upgrade" in line
        assert "--no-restart-after-upgrade" in line


def test_the_controllers_sockets_are_the_originals_and_those_that_the_service_takes() -> None:
    """The agent's group gets all of it, the sessions' group the user's socket, nobody the rest."""
    folder = ROOT / "packaging" / "systemd"
    found = {}
    for path in folder.glob("*.socket"):
        socket = Unit(path)["Socket"]
        assert socket["SocketMode"] == "0660"
        assert socket.get("Service", f"{path.stem}.service") == "dryad-stm.service"
        found[socket["ListenStream"]] = socket["SocketGroup"]
    assert found == {str(ADMIN_SOCKET): "dryad", str(USER_SOCKET): "stm"}
    options = parse_options(["-serve"])
    assert {str(options.listen), str(options.user_listen)} == set(found)
    rules = (ROOT / "packaging" / "debian" / "rules").read_text()
    assert "units/dryad*.socket" in rules
