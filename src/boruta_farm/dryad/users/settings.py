"""The settings of the session user: ``[user]`` and ``[clean]`` of the agent's configuration."""

from dataclasses import dataclass
from pathlib import Path

from boruta_farm.dryad.uids import UidRange
from boruta_farm.model.worker import DEFAULT_USERNAME
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import SettingKind, Several, Switch, Text
from boruta_farm.settings.places import Location, Ports
from boruta_farm.settings.table import SettingError

DEFAULT_UIDS = "70000-70999"
"""Outside what distributions give to people (to 60000), services and containers (100000 on)."""

LOWEST_UID, HIGHEST_UID = 1000, 4_294_967_293
FEWEST_UIDS = 3


class Shell(SettingKind[str]):
    """A program's full path."""

    def read(self, raw: object) -> str:
        """Return the path as a text."""
        return str(Location(full=True).read(raw))


class Uids(SettingKind[UidRange]):
    """The uids of a board's session users, as ``FIRST-LAST``."""

    def __init__(self) -> None:
        self._range = Ports(LOWEST_UID, HIGHEST_UID, such_as=DEFAULT_UIDS, count=FEWEST_UIDS)

    def read(self, raw: object) -> UidRange:
        """Return the range; it must hold some, since no uid is used twice in a row."""
        first, last = self._range.read(raw)
        return UidRange(first=first, last=last)

    def show(self, value: UidRange) -> object:
        """Return its text."""
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanSettings:
    """Say what a clean-up looks through besides the usual places, and what it leaves."""

    paths: tuple[Path, ...] = setting(
        Several(Location(full=True)),
        "Folders that a clean-up looks through besides the usual ones.",
        default=(),
    )
    not_reset: tuple[str, ...] = setting(
        Several(Text()), "What no clean-up of this board resets, for people to know.", default=()
    )

    def check(self) -> None:
        """Refuse folders that cannot be meant. Raises SettingError."""
        for path in self.paths:
            if ".." in path.parts or path == Path("/"):
                raise SettingError(
                    f"{str(path)!r} must be a folder's full path, without '..'", "paths"
                )


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """Say who the session user is and where a session may leave something.

    ``home`` is the folder in which the home is made. ``paths`` and ``not_reset`` are those of
    ``CleanSettings``.
    """

    name: str = setting(
        Text(
            r"[a-z_][a-z0-9_-]{0,30}",
            "is no account's name; use up to 31 lower-case letters, digits, - and _, not "
            "beginning with a digit or -",
        ),
        "The session's user.",
        default=DEFAULT_USERNAME,
        written=True,
    )
    groups: tuple[str, ...] = setting(
        Several(Text()), "The session user's groups; they must exist.", default=(), written=True
    )
    compat: bool = setting(
        Switch(),
        "Whether sessions may write devices directly, as scripts of the original's world do: the "
        "user is in disk, dialout, stm and uucp besides, as far as there are such groups, and sudo "
        "asks for no password. It can become root, so the board is shown as not isolated.",
        default=False,
    )
    uids: UidRange = setting(
        Uids(),
        "The uids of this board: each job gets another. Boards on one host need ranges of their "
        "own.",
        default=UidRange(first=70000, last=70999),
    )
    shell: str = setting(Shell(), "The user's shell.", default="/bin/bash")
    skeleton: Path = setting(
        Location(full=True), "What a new home holds.", default=Path("/etc/skel")
    )
    home: Path = setting(
        Location(full=True), "The folder in which the home is made.", default=Path("/home")
    )
    paths: tuple[Path, ...] = ()
    not_reset: tuple[str, ...] = ()
