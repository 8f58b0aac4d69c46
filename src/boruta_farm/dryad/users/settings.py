"""The settings of the session user: ``[user]`` and ``[clean]`` of the agent's configuration."""

import re
from dataclasses import dataclass, field
from pathlib import Path

from boruta_farm.dryad.values import Table
from boruta_farm.model.worker import DEFAULT_USERNAME

USER_KEYS = ("name", "groups", "uids", "shell", "skeleton", "home")
CLEAN_KEYS = ("paths", "not_reset")
ACCOUNT_FORM = re.compile(r"[a-z_][a-z0-9_-]{0,30}")
RANGE_FORM = re.compile(r"([0-9]{1,10})-([0-9]{1,10})")
DEFAULT_UIDS = "70000-70999"
"""Outside what distributions give to people (to 60000), services and containers (100000 on)."""

LOWEST_UID, HIGHEST_UID = 1000, 4_294_967_293
FEWEST_UIDS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class UidRange:
    """Carry the uids that belong to one board, both ends included.

    The first is never given to a user: who ends a session's processes takes it, so that they
    cannot strike back.
    """

    first: int
    last: int

    def __contains__(self, uid: object) -> bool:
        return isinstance(uid, int) and self.first <= uid <= self.last

    def __str__(self) -> str:
        return f"{self.first}-{self.last}"

    @property
    def keeper(self) -> int:
        """Return the uid that no user gets."""
        return self.first

    def overlaps(self, other: "UidRange") -> bool:
        """Tell whether two ranges share a uid."""
        return self.first <= other.last and other.first <= self.last

    def after(self, uid: int | None) -> int:
        """Return the uid whose turn is after ``uid``, round and round."""
        if uid is None or not self.first < uid < self.last:
            return self.first + 1
        return uid + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSettings:
    """Say who the session user is and where a session may leave something.

    ``home`` is the folder in which the home is made. ``paths`` are folders that a clean-up looks
    through besides the usual ones. ``not_reset`` names what no clean-up of this board resets.
    """

    name: str = DEFAULT_USERNAME
    groups: tuple[str, ...] = ()
    uids: UidRange = field(default=UidRange(first=70000, last=70999))
    shell: str = "/bin/bash"
    skeleton: Path = Path("/etc/skel")
    home: Path = Path("/home")
    paths: tuple[Path, ...] = ()
    not_reset: tuple[str, ...] = ()


def read_user(user: Table, clean: Table) -> UserSettings:
    """Return the checked settings. Raises ConfigError."""
    user.known(USER_KEYS)
    clean.known(CLEAN_KEYS)
    return UserSettings(
        name=_account(user, "name"),
        groups=user.texts("groups"),
        uids=_uids(user),
        shell=str(user.absolute("shell", "/bin/bash")),
        skeleton=user.absolute("skeleton", "/etc/skel"),
        home=user.absolute("home", "/home"),
        paths=_paths(clean),
        not_reset=clean.texts("not_reset"),
    )


def _account(user: Table, key: str) -> str:
    value = user.text(key, DEFAULT_USERNAME)
    if not ACCOUNT_FORM.fullmatch(value):
        raise user.wrong(
            key,
            f"{value!r} is no account's name; use up to 31 lower-case letters, digits, - and _, "
            "not beginning with a digit or -",
        )
    return value


def _uids(user: Table) -> UidRange:
    value = user.text("uids", DEFAULT_UIDS)
    match = RANGE_FORM.fullmatch(value)
    if match is None:
        raise user.wrong("uids", f'{value!r} must be a range, such as "{DEFAULT_UIDS}"')
    uids = UidRange(first=int(match[1]), last=int(match[2]))
    if uids.first < LOWEST_UID or uids.last > HIGHEST_UID:
        raise user.wrong("uids", f"{value} must lie between {LOWEST_UID} and {HIGHEST_UID}")
    if uids.last - uids.first + 1 < FEWEST_UIDS:
        raise user.wrong(
            "uids", f"{value} must hold {FEWEST_UIDS} uids or more: none is used twice in a row"
        )
    return uids


def _paths(clean: Table) -> tuple[Path, ...]:
    paths = tuple(Path(path) for path in clean.texts("paths"))
    for path in paths:
        if not path.is_absolute() or ".." in path.parts or path == Path("/"):
            raise clean.wrong("paths", f"{str(path)!r} must be a folder's full path, without '..'")
    return paths
