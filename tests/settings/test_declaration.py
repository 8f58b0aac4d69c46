"""What is declared once is read, refused, told and written out everywhere."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.settings import document
from boruta_farm.settings.declaration import environment, read, section, setting
from boruta_farm.settings.kinds import Maybe, Named, Seconds, Text, Whole
from boruta_farm.settings.table import SettingError, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Plug:
    socket: int = setting(Whole(1, 8), "The socket of the board.")
    delay: float = setting(Seconds(0, 60), "How long it stays off.", default=2.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    path: Path = Path()
    name: str | None = setting(
        Maybe(Text()), "The board's name.", default=None, usual="the host's", example="rpi"
    )
    least: int = setting(Whole(), "The least of something.", default=1, written=True)
    most: int = setting(Whole(), "The most of it.", default=9, variable="MOST_OF_ALL")
    token: str = setting(Text(secret=True), "A secret.", default="", hidden=True)
    caps: Mapping[str, str] = setting(Named(Text()), "What the board can.", make=dict)
    plug: Plug = section(Plug, "Where it is plugged in.")

    def check(self) -> None:
        if self.most < self.least:
            raise SettingError("must not be less than least", "most")


def file(**content: object) -> Table:
    return Table(place="b.toml", content={"plug": {"socket": 3}, **content})


def test_values_defaults_and_what_is_given() -> None:
    found = read(Board, file(name="x", caps={"a": "b"}), path=Path("/b"))
    assert found == Board(
        path=Path("/b"), name="x", caps={"a": "b"}, plug=Plug(socket=3, delay=2.0)
    )


def test_later_places_win() -> None:
    variables = {"BORUTA_LEAST": "2", "MOST_OF_ALL": "3", "BORUTA_MOST": "7"}
    found = read(Board, file(least=1, most=1), *environment(Board, variables, "BORUTA_"))
    assert (found.least, found.most) == (2, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"nmae": "x"}, "b.toml: nmae: there is no such setting; did you mean name?"),
        ({"plug": {"sokcet": 1}}, "b.toml: plug.sokcet: there is no such setting; did you mean"),
        ({"plug": {"zzz": 1}}, "there is no such setting; known are socket, delay"),
        ({"plug": {"socket": 9}}, "b.toml: plug.socket: 9 must lie between 1 and 8"),
        ({"plug": {}}, "b.toml: plug.socket: is missing; the socket of the board."),
        ({"plug": 3}, "b.toml: plug: 3 must be a table"),
        ({"caps": {"a\nb": 1}}, "b.toml: caps.'a\\nb': 1 must be a text"),
        ({"most": 0}, "b.toml: most: must not be less than least"),
        ({"least": 99}, "b.toml: most: must not be less than least"),
    ],
)
def test_complaints_name_place_and_key(content: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        read(Board, file(**content))
    assert wrong.value.message.startswith(words) or words in wrong.value.message
    assert not isinstance(wrong.value, SettingError)


def test_an_absent_table_with_a_setting_that_is_needed_is_told() -> None:
    with pytest.raises(ConfigError, match=r"^b\.toml: plug\.socket: is missing"):
        read(Board, Table(place="b.toml"))


def test_a_variable_is_named_in_the_complaint() -> None:
    with pytest.raises(ConfigError, match=r"^environment variable MOST_OF_ALL: most: 'x' must be"):
        read(Board, file(), *environment(Board, {"MOST_OF_ALL": "x"}))
    with pytest.raises(ConfigError, match=r"^environment variable MOST_OF_ALL: most: must not"):
        read(Board, file(least=5), *environment(Board, {"MOST_OF_ALL": "4"}))


def test_keys_of_others_are_left_to_them() -> None:
    table = file(tools={"flash": {"speed": 3}})
    with pytest.raises(ConfigError, match="tools: there is no such setting"):
        read(Board, table)
    assert read(Board, table, beside=("tools",)) == read(Board, file())
    flash = table.table("tools").table("flash")
    with pytest.raises(ConfigError, match=r"^b\.toml: tools\.flash\.speed: there is no such"):
        read(Plug, flash)
    with pytest.raises(ConfigError, match=r"^b\.toml: tools\.flash: 3 must be a table"):
        file(tools={"flash": 3}).table("tools").table("flash")


def test_the_example_file_is_read_as_the_defaults() -> None:
    text = document.example(Board, {"caps": {"a": "b c"}, "plug.socket": 4})
    live = "\n".join(line for line in text.splitlines() if line[:2] != "# ")
    assert tomllib.loads(live) == {"least": 1}
    uncommented = "\n".join(
        line.removeprefix("# ")
        for line in text.splitlines()
        if " = " in line or line.removeprefix("# ").startswith("[")
    )
    assert read(Board, Table(content=tomllib.loads(uncommented))) == Board(
        name="rpi", caps={"a": "b c"}, plug=Plug(socket=4)
    )


def test_the_reference_tells_every_setting() -> None:
    assert document.reference(Board).splitlines()[2:] == [
        "| `name` | the host's | The board's name. |",
        "| `least` | `1` | The least of something. |",
        "| `most` | `9` | The most of it. |",
        "| `token` | (none) | A secret. |",
        "| `caps` | (none) | What the board can. |",
        "| `[plug] socket` | (must be given) | The socket of the board. |",
        "| `[plug] delay` | `2` | How long it stays off. |",
    ]


def test_what_is_in_force_is_read_back_and_hides_secrets() -> None:
    board = Board(name='a"b\\c', token="s3cret", caps={"a.b": "c"}, plug=Plug(socket=4))
    text = document.describe(board)
    assert "s3cret" not in text + repr(board)
    content = tomllib.loads(text)
    assert content.pop("token") == "***"
    assert read(Board, Table(content=content)) == Board(
        name='a"b\\c', caps={"a.b": "c"}, plug=Plug(socket=4)
    )
