"""What foreign suites read: YAML that means what was meant, names only where needed."""

import pytest
import yaml

from boruta_farm.cli.foreign import BoardAtHand, environment, hardware, print_yaml
from boruta_farm.model.errors import ConfigError, InvalidError
from boruta_farm.model.worker import AccessInfo


def lent(tools: str, *boruta: str) -> BoardAtHand:
    access = AccessInfo(ip="2001:db8::1", port=22450, username="boruta-user", key="", host_key=None)
    return BoardAtHand(
        request=42,
        name="lab-rpi4",
        caps={},
        facts={"Tools": tools},
        access=access,
        boruta=boruta or ("boruta",),
    )


def test_one_of_a_kind_needs_no_name() -> None:
    found = environment(lent("power, uart (console), reset (button), sd (storage)"), None)
    assert found == {
        "resources": {
            "NetworkService": {
                "address": "2001:db8::1",
                "port": 22450,
                "username": "boruta-user",
            }
        },
        "drivers": [
            {
                "ExternalPowerDriver": {
                    "cmd_on": "boruta power 42 on power",
                    "cmd_off": "boruta power 42 off power",
                    "cmd_cycle": "boruta power 42 cycle power",
                }
            },
            {"ExternalConsoleDriver": {"cmd": "boruta console 42 uart --plain"}},
            {"SSHDriver": {}},
        ],
    }


def test_several_have_their_names() -> None:
    found = environment(lent("main (power), usb (power)", "boruta", "--server", "http://a b"), None)
    drivers = found["drivers"]
    assert isinstance(drivers, list)
    names = [each["ExternalPowerDriver"]["name"] for each in drivers[:2]]
    assert names == ["main", "usb"]
    first = drivers[0]["ExternalPowerDriver"]["cmd_on"]
    assert first == "boruta --server 'http://a b' power 42 on main"


def test_a_board_without_tools_has_ssh_alone() -> None:
    assert environment(lent(""), None)["drivers"] == [{"SSHDriver": {}}]
    with pytest.raises(InvalidError, match="lab-rpi4 has no console"):
        hardware(lent("power"), "rpi_4b", [])


def test_twister_splits_commands_at_commas() -> None:
    assert hardware(lent("uart (console)"), "rpi_4b", [])["serial_pty"] == (
        "boruta,console,42,uart,--plain"
    )
    with pytest.raises(ConfigError, match="let boruta be found by PATH"):
        hardware(lent("uart (console)", "/home/a b/boruta"), "rpi_4b", [])


@pytest.mark.parametrize(
    "value",
    [
        {"a": {"b": [{"c": "x: 'y' # z", "d": []}, "-", ["e", {}]], "f": None}, "g": True},
        [{"a": 1, "b": {"c": 2}}, [], {}],
        "a\u2028b\x1b[31m",
        {},
    ],
)
def test_what_is_printed_is_read_as_it_was_meant(
    value: object, capsys: pytest.CaptureFixture[str]
) -> None:
    print_yaml(value)
    assert yaml.safe_load(capsys.readouterr().out) == value
