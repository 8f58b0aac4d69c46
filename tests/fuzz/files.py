"""Targets: files of settings, as people write them, and as what they say is written back."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from boruta_farm.cli import declaration as farm_file
from boruta_farm.client import config as client_file
from boruta_farm.dryad import config as agent_file
from boruta_farm.model.errors import ConfigError
from boruta_farm.server import config as server_file
from boruta_farm.settings import declaration, document, durations, files, kinds, lines, places
from boruta_farm.settings import table as tables
from boruta_farm.settings.table import SettingError, Table
from tests.fuzz.target import Target, promise

READERS = (declaration, document, durations, files, kinds, lines, places, tables)


def _agent(content: Mapping[str, object]) -> object:
    table = Table(place="file", content=content)
    return declaration.read(
        agent_file.AgentConfig, table, beside=("tools",), path=Path("file"), tables=table
    )


def _server(content: Mapping[str, object]) -> object:
    return declaration.read(server_file.Config, Table(place="file", content=content))


def _profile(content: Mapping[str, object]) -> object:
    return declaration.read(
        client_file.ProfileFile, Table(place="file", content=content), beside=tuple(content)
    )


def _look(
    read: Callable[[Mapping[str, object]], object], *, written: bool = False
) -> Callable[[bytes], bool]:
    """Return how a file is looked at; what is ``written`` back must be read as the same."""

    def look(data: bytes) -> bool:
        try:
            content = files.parse_toml(data)
        except SettingError as error:
            promise("\n" not in str(error), "a complaint has more than one line")
            return False
        for path in _paths(content):
            lines.find_line(data.decode(errors="replace"), path)
        try:
            found: Any = read(content)
        except ConfigError as error:
            promise("\n" not in str(error), "a complaint has more than one line")
            return False
        if written:
            again = read(files.parse_toml(document.describe(found).encode()))
            promise(again == found, "what is written is read as something else")
        return True

    return look


def _paths(content: Mapping[str, object]) -> list[tuple[str, ...]]:
    return [(key,) for key in content][:3] + [
        (key, *map(str, inside)) for key, inside in content.items() if isinstance(inside, dict)
    ][:3]


def _json(data: bytes) -> bool:
    try:
        files.parse_json(data)
    except SettingError:
        return False
    return True


TARGETS = (
    Target(
        name="server-file",
        look=_look(_server, written=True),
        examples=(
            document.example(server_file.Config).encode(),
            b'api_addr = "127.0.0.1:8487"\njob_timeout = "2h30"\ntunnel_ports = "23000-23099"\n',
            b'data = "/tmp/x"\njob_limit = "24h"\nkeep_relay = false\n',
        ),
        odd=(b"", b"\xff", b"a" + b".a" * 90 + b"=1", b"a = " + b"[" * 3000, b"x = 1"),
        modules=(server_file, *READERS),
    ),
    Target(
        name="agent-file",
        look=_look(_agent),
        examples=(
            b'server = "https://farm:8487"\n[caps]\nboard = "rpi4"\n'
            b'UUID = "0badb0a2-0000-4000-8000-000000000001"\n',
            b'server = "http://f:1"\ndriver = "linux"\n[caps]\n'
            b'UUID = "0badb0a2-0000-4000-8000-000000000001"\n[clean]\npaths = ["/x"]\n',
        ),
        odd=(b"caps = 1", b"[caps]\nUUID = 3\n", b"server = 'x y'\n"),
        modules=(agent_file, *READERS),
    ),
    Target(
        name="farm-file",
        look=_look(farm_file.parse),
        examples=(
            b"[group.lab]\nmembers_join = true\n[group.lab.limits]\njobs = 3\n"
            b'[user.eva]\nrole = "user"\ngroups = ["lab"]\n[worker.pi]\nlabels = { a = "b" }\n',
        ),
        odd=(b"[user]\neva = 1\n", b"[group.x.limits]\njobs = -1e400\n"),
        modules=(farm_file, *READERS),
    ),
    Target(
        name="profile-file",
        look=_look(_profile),
        examples=(b'profile_name = "lab"\n[profile.lab]\nserver = "https://f"\n',),
        odd=(b"profile_name = 1\n",),
        modules=(client_file, *READERS),
    ),
    Target(
        name="json-file",
        look=_json,
        examples=(b'{"epoch": 3, "boot": "x", "list": [1, {"a": null}]}',),
        odd=(b"[]", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 5000, b"9" * 5000),
        modules=(files,),
    ),
)
