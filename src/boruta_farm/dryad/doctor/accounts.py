"""The session user: groups, shell, home, uids, and that nobody else bears the name."""

import pwd
from collections.abc import Iterator
from pathlib import Path

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.users.accounts import check_groups, find_account
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.model.errors import BoardError, ConfigError
from boruta_farm.model.worker import DEFAULT_USERNAME


def check_accounts(config: AgentConfig) -> Iterator[Finding]:
    """Check what a session user is made of."""
    user = config.user
    yield from _groups(config)
    yield from _name(user)
    yield _path("shell", Path(user.shell), f"apt install {Path(user.shell).name}")
    yield _path("skeleton", user.skeleton, f"mkdir -m 755 {user.skeleton}")
    yield _path("home", user.home, f"mkdir -m 755 {user.home}")
    yield from _uids(user)


def _groups(config: AgentConfig) -> Iterator[Finding]:
    user = config.user
    try:
        root = check_groups(user, config.path)
    except ConfigError as error:
        fact, _, remedy = error.message.removeprefix(f"{config.path}: ").partition("; ")
        yield wrong("user", fact, remedy)
        return
    if root:
        yield advice(
            "user",
            f"the session's user can become root by {', '.join(root)}: the board is shown as not "
            "isolated",
            "give the card and the serial ports to a group of their own by a udev rule "
            "(docs/drivers.md)",
        )
    if not root:
        yield good("user", f"groups: {', '.join(user.groups) or 'none'}")


def _name(user: UserSettings) -> Iterator[Finding]:
    try:
        account = find_account(user)
    except BoardError as error:
        yield wrong("user", error.message, "set another user.name, which nobody has")
        return
    state = "is there (a session, or the last one)" if account else "is made for each session"
    yield good("user", f"the account {user.name} {state}")
    if user.name != DEFAULT_USERNAME:
        yield advice(
            "user",
            f"user.name is {user.name!r}: Weles logs in as {DEFAULT_USERNAME}, whatever it is told",
            f'set user.name = "{DEFAULT_USERNAME}" if Weles is to use this board',
        )


def _path(key: str, path: Path, remedy: str) -> Finding:
    if not path.exists():
        return wrong("user", f"user.{key}: there is no {path}", f"{remedy}, or correct user.{key}")
    return good("user", f"user.{key}: {path}")


def _uids(user: UserSettings) -> Iterator[Finding]:
    others = [
        entry.pw_name
        for entry in pwd.getpwall()
        if entry.pw_uid in user.uids and entry.pw_name != user.name
    ]
    if others:
        yield wrong(
            "user",
            f"user.uids: {user.uids} has uids of {', '.join(others[:5])}, whose processes a "
            "clean-up would end",
            "give user.uids a range that nobody has",
        )
    else:
        yield good("user", f"user.uids: nobody else has one of {user.uids}")
