"""The boards of a demo: what the agents' configurations say."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, TypeAlias

from boruta_farm.testing.device import SIMULATED

Value: TypeAlias = str | bool | int | tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoBoard:
    """Describe one board: its capabilities, and what its driver needs to know.

    ``settings`` are further keys at the top of the configuration, ``user`` those of ``[user]``,
    ``table`` those of the table that bears the driver's name, ``tools`` the tables of its tools.
    """

    name: str
    caps: Mapping[str, str]
    driver: str
    settings: Mapping[str, Value] = field(default_factory=dict)
    user: Mapping[str, Value] = field(default_factory=dict)
    table: Mapping[str, Value] = field(default_factory=dict)
    tools: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)

    def renamed(self, name: str) -> "DemoBoard":
        """Return the same board under another name."""
        return replace(self, name=name)

    def configuration(self, url: str, folder: Path, uuid: str) -> str:
        """Return the text of the agent's configuration; ``folder`` keeps the agent's state."""
        top = {
            "server": url,
            "name": self.name,
            "driver": self.driver,
            "state_dir": str(folder),
            **self.settings,
        }
        tables: dict[str, Mapping[str, Value]] = {
            "caps": {"UUID": uuid, **self.caps},
            "user": self.user,
            self.driver: self.table,
            **{f"tools.{name}": keys for name, keys in self.tools.items()},
        }
        parts = [_lines(top), *(f"[{name}]\n{_lines(keys)}" for name, keys in tables.items())]
        return "\n".join(parts)


def _lines(keys: Mapping[str, Value]) -> str:
    # JSON writes texts, numbers and lists of texts as TOML does.
    return "".join(f"{key} = {json.dumps(value)}\n" for key, value in keys.items())


SANDBOXES: Final = (
    DemoBoard(
        name="rpi4",
        caps={"board": "rpi4", "arch": "arm64", "ram": "4", "hdmi": "yes"},
        driver="sandbox",
        tools=SIMULATED,
    ),
    DemoBoard(
        name="rpi3",
        caps={"board": "rpi3", "arch": "arm64", "ram": "1"},
        driver="sandbox",
        tools=SIMULATED,
    ),
    DemoBoard(
        name="visionfive",
        caps={"board": "visionfive", "arch": "riscv64", "ram": "8"},
        driver="sandbox",
        tools=SIMULATED,
    ),
)

SYSTEM_USERS: Final = (
    DemoBoard(
        name="rpi4",
        caps={"board": "rpi4", "arch": "arm64"},
        driver="linux",
        settings={"ssh_address": "127.0.0.1:22"},
        user={"name": "boruta-rpi4", "uids": "70000-70099"},
    ),
    DemoBoard(
        name="rpi3",
        caps={"board": "rpi3", "arch": "arm64"},
        driver="linux",
        settings={"ssh_address": "127.0.0.1:22"},
        user={"name": "boruta-rpi3", "uids": "70100-70199"},
    ),
)
"""Two boards on one host: one SSH server, two users, two ranges of uids."""

STM_LINE: Final = Path("/run/boruta-demo-stm")
"""Where the emulated controller's serial line lies, inside the demo's room."""

STM_GROUP: Final = "stm"
MUXPI: Final = (
    DemoBoard(
        name="rpi4",
        caps={"board": "rpi4", "arch": "arm64", "muxpi": "yes"},
        driver="muxpi",
        settings={"ssh_address": "127.0.0.1:22", "stm_path": ""},
        user={"name": "boruta-rpi4", "uids": "70000-70099", "groups": (STM_GROUP,)},
        table={"tty": str(STM_LINE), "socket_group": STM_GROUP, "tests": ("power",)},
    ),
    SYSTEM_USERS[1],
)
"""A MuxPi whose controller is emulated, beside a board of another kind on the same host."""
