"""The session user as a system account: made afresh for one job, removed after it."""

import grp
import os
import pwd
from dataclasses import replace
from pathlib import Path
from typing import Final

from boruta_farm.dryad.uids import UidRange
from boruta_farm.dryad.users.claims import ACCOUNTS_LOCK, FOLDER, locked
from boruta_farm.dryad.users.host import SystemAccount
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.dryad.users.sudo import SUDO, has_sudo
from boruta_farm.dryad.users.tools import run
from boruta_farm.model.errors import BoardError, ConfigError

ROOT_GROUPS: Final = frozenset(
    {"root", "disk", "docker", "sudo", "wheel", "kmem", "mem", "shadow", "lxd", "lxc", "incus"}
    | {"incus-admin", "libvirt", "libvirtd", "podman"}
)
"""Groups whose members can become root: by raw disks, memory, passwords, or containers."""

COMPAT_GROUPS: Final = ("disk", "dialout", "stm", "uucp")
"""What the original's documentation gives to its session user."""

NO_SUCH_USER, NO_SUCH_GROUP = 6, 6


def find_account(user: UserSettings) -> SystemAccount | None:
    """Return the account of the configured name. Raises BoardError when it is not ours."""
    try:
        entry = pwd.getpwnam(user.name)
    except KeyError:
        return None
    if entry.pw_uid not in user.uids:
        raise BoardError(stranger(user, entry.pw_uid))
    return SystemAccount(name=user.name, uid=entry.pw_uid, home=home_of(user))


def former_users(user: UserSettings) -> tuple[UserSettings, ...]:
    """Return the board's users under other names, which its configuration had before.

    Their accounts have uids of the board's range, so they are the board's; each is told with the
    folder in which its home lies. A home that belongs to somebody else is not taken for theirs.
    """
    return tuple(
        replace(user, name=entry.pw_name, home=_folder_of_home(entry, user))
        for entry in pwd.getpwall()
        if entry.pw_uid in user.uids and entry.pw_name != user.name
    )


def _folder_of_home(entry: pwd.struct_passwd, user: UserSettings) -> Path:
    home = Path(entry.pw_dir)
    try:
        own = home.name == entry.pw_name and home.lstat().st_uid in user.uids
    except OSError:
        own = False
    return home.parent if own else user.home


def has_group(user: UserSettings) -> bool:
    """Tell whether the account's own group is there. Raises BoardError when it is not ours."""
    try:
        gid = grp.getgrnam(user.name).gr_gid
    except KeyError:
        return False
    if gid not in user.uids:
        raise BoardError(
            f"user.name: the group {user.name!r} has gid {gid}, which is not in the board's range "
            f"{user.uids}: it was not made by this agent and is not touched; name another user, "
            f"or remove the group: groupdel {user.name}"
        )
    return True


def stranger(user: UserSettings, uid: int) -> str:
    """Return why an account of the configured name must not be touched."""
    return (
        f"user.name: the account {user.name!r} has uid {uid}, which is not in the board's range "
        f"{user.uids}: it was not made by this agent and is not touched; name another user, or "
        f"remove it: userdel -r {user.name}"
    )


def home_of(user: UserSettings) -> Path:
    """Return where the home is made."""
    return user.home / user.name


def has_home(account: SystemAccount) -> bool:
    """Tell whether the account's home is there, without a look at it.

    Its user may have mounted something on it that root may not look at, or that never answers.
    """
    try:
        with os.scandir(account.home.parent) as entries:
            return any(
                entry.name == account.home.name and entry.is_dir(follow_symlinks=False)
                for entry in entries
            )
    except FileNotFoundError:
        return False


def groups_of(user: UserSettings) -> tuple[str, ...]:
    """Return the groups that the account gets: those configured, and those that compat adds."""
    more = COMPAT_GROUPS if user.compat else ()
    there = {entry.gr_name for entry in grp.getgrall()} if more else set()
    return (*user.groups, *(name for name in more if name in there and name not in user.groups))


def check_groups(user: UserSettings, config: Path) -> tuple[str, ...]:
    """Return by what the account can become root: groups, sudo.

    Raises ConfigError for configured groups that are missing.
    """
    for name in user.groups:
        try:
            grp.getgrnam(name)
        except KeyError:
            raise ConfigError(
                f"{config}: user.groups: there is no group {name!r} on this machine; make it "
                f"(groupadd --system {name}), or leave it out"
            ) from None
    found = [
        name for name in groups_of(user) if name in ROOT_GROUPS or grp.getgrnam(name).gr_gid == 0
    ]
    if user.compat and has_sudo() and SUDO not in found:
        found.append(SUDO)
    return tuple(found)


def choose_uid(uids: UidRange, last: int | None, busy: set[int]) -> int:
    """Return the uid whose turn it is and that nobody has. Raises BoardError when all are taken.

    ``busy`` are uids of running processes.
    """
    uid = last
    for _ in range(uids.first, uids.last):
        uid = uids.after(uid)
        if uid not in busy and not _taken(uid):
            return uid
    raise BoardError(f"user.uids: every uid of {uids} is in use; remove accounts, or widen it")


def _taken(uid: int) -> bool:
    for look in (pwd.getpwuid, grp.getgrgid):
        try:
            look(uid)
        except KeyError:
            continue
        return True
    return False


def add_account(user: UserSettings, uid: int) -> SystemAccount:
    """Make group, account and home. Raises BoardError; what was half made is removed.

    Group and user have one number, so that neither is used for the next job. No password opens
    the account, and it gets no subordinate uids: their processes would not be told as its own.
    """
    with locked(FOLDER / ACCOUNTS_LOCK):
        run("groupadd", "--gid", str(uid), user.name)
        try:
            run(
                "useradd",
                *("--uid", str(uid), "--gid", user.name, "--groups", ",".join(groups_of(user))),
                *("--create-home", "--home-dir", str(home_of(user))),
                *("--skel", str(user.skeleton), "--shell", user.shell, "--password", "*"),
                *("--key", "HOME_MODE=0700", "--no-log-init"),
                *("--key", "SUB_UID_COUNT=0", "--key", "SUB_GID_COUNT=0"),
                user.name,
            )
        except BoardError:
            run("groupdel", user.name, accept=(0, NO_SUCH_GROUP))
            raise
    return SystemAccount(name=user.name, uid=uid, home=home_of(user))


def lock_account(user: UserSettings) -> None:
    """Let nobody log in to the account, whatever key or password he has."""
    with locked(FOLDER / ACCOUNTS_LOCK):
        run("usermod", "--lock", "--expiredate", "1", user.name)


def remove_account(user: UserSettings) -> None:
    """Remove account and group; the home is removed elsewhere, by means that follow no links."""
    with locked(FOLDER / ACCOUNTS_LOCK):
        run("userdel", user.name, accept=(0, NO_SUCH_USER))
        run("groupdel", user.name, accept=(0, NO_SUCH_GROUP))


def install_link(account: SystemAccount, target: Path) -> None:
    """Point the fresh home's ``.ssh/authorized_keys`` to the key file, for an sshd not told of it.

    Nobody has been logged in to this home yet; even so, only names below its own descriptor are
    used. Raises BoardError.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        home = os.open(account.home, flags)
        try:
            os.mkdir(".ssh", 0o700, dir_fd=home)
            folder = os.open(".ssh", flags, dir_fd=home)
            try:
                os.fchown(folder, account.uid, account.uid)
                os.symlink(target, "authorized_keys", dir_fd=folder)
            finally:
                os.close(folder)
        finally:
            os.close(home)
    except OSError as error:
        raise BoardError(
            f"{account.home}/.ssh: cannot be made: {error.strerror}; the skeleton must not hold one"
        ) from error
