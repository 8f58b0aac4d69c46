"""Settings of where the farm keeps its records, how long, and how large they may be."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.kinds import Database
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Duration, Whole
from boruta_farm.settings.places import Location

FARM = FarmSettings()


def default_data() -> Path:
    """Return where the farm's data lies unless told otherwise."""
    if os.geteuid() == 0:
        return Path("/var/lib/boruta")
    base = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Location().read(base) / "boruta"


@dataclass(frozen=True, kw_only=True)
class StorageSettings:
    """Carry where records lie, for how long, and how much of them is taken."""

    data: Path = setting(
        Location(),
        "Folder of the database, the secret key and the relay's socket.",
        make=default_data,
        usual="`/var/lib/boruta` for root, else `~/.local/share/boruta`",
    )
    database: str = setting(
        Database(),
        "PostgreSQL to use instead of the SQLite file in the data folder: postgresql://...",
        default="",
    )
    disk_reserve: int = setting(
        Whole(1, 65_536),
        "MiB kept on the disk for ends of jobs; new requests are refused when less is left "
        "besides. For SQLite.",
        default=FARM.disk_reserve,
    )
    audit_keep: timedelta = setting(
        Duration(),
        "How long entries of the audit are kept. What is cut off leaves an entry by which the rest "
        "is still proved. 0s: for ever.",
        default=FARM.audit_keep,
    )
    audit_entries: int = setting(
        Whole(),
        "How many entries of the audit are kept at most, some 500 bytes each. 0: any number.",
        default=FARM.audit_entries,
    )
    history_keep: timedelta = setting(
        Duration(),
        "How long finished requests are kept, with their jobs and consoles' logs; a day at least. "
        "The audit tells what was removed, and no id is given out again. 0s: for ever.",
        default=FARM.history_keep,
    )
    history_requests: int = setting(
        Whole(),
        "How many requests are kept at most, some 1 KiB each; the oldest finished ones go first. "
        "0: any number.",
        default=FARM.history_requests,
    )
    console_keep: timedelta = setting(
        Duration(),
        "How long the logs of ended jobs' consoles are kept. 0s: for ever.",
        default=FARM.console_keep,
    )
    console_bytes: int = setting(
        Whole(),
        "How many MiB of them are kept at most, compressed; the oldest go first. 0: any amount.",
        default=FARM.console_bytes,
    )
    max_caps: int = setting(
        Whole(1), "The most capabilities of a board, or of a request's Caps.", default=FARM.max_caps
    )
    max_cap_length: int = setting(
        Whole(1),
        "The most characters of a capability, name and value.",
        default=FARM.max_cap_length,
    )
    max_selector_length: int = setting(
        Whole(1), "The most characters of a request's Selector.", default=FARM.max_selector_length
    )
    max_request_length: int = setting(
        Whole(1),
        "The most bytes of a request's Caps, Selector, SSHKey, Image, BootUntil and Context "
        "together.",
        default=FARM.max_request_length,
    )
    max_waiting_length: int = setting(
        Whole(1),
        "The most bytes of these of all waiting requests of one owner together.",
        default=FARM.max_waiting_length,
    )
    max_filed_length: int = setting(
        Whole(),
        "The most bytes of these that one account may file in a day, in the long run, where users "
        "are known, and 640 for each request: they are kept for long. 0: any number.",
        default=FARM.max_filed_length,
    )
