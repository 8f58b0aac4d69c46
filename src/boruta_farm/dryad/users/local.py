"""The session user made and unmade by this very process, which runs as root."""

import asyncio
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.proof import Cleaner, clean_up, system_cleaner
from boruta_farm.dryad.proc.connections import held_from
from boruta_farm.dryad.proc.machine import read_boot_id
from boruta_farm.dryad.proc.processes import find_owned
from boruta_farm.dryad.ready import ReadyThread
from boruta_farm.dryad.terminals import write_to_terminals
from boruta_farm.dryad.users.accounts import (
    add_account,
    check_groups,
    choose_uid,
    find_account,
    former_users,
    has_group,
    has_home,
    home_of,
    install_link,
    lock_account,
    remove_account,
)
from boruta_farm.dryad.users.claims import Claim
from boruta_farm.dryad.users.host import Inspection, SystemAccount
from boruta_farm.dryad.users.keys import KeyFile, check_key
from boruta_farm.dryad.users.media import DEVICE, MediumUse, open_device, unmount_media
from boruta_farm.dryad.users.pseudo_terminal import give_terminal
from boruta_farm.dryad.users.record import FOLDER, RecordFile, SessionRecord
from boruta_farm.dryad.users.settings import UserSettings
from boruta_farm.dryad.users.sshd import SshServer, on_tmpfs
from boruta_farm.dryad.users.sudo import allow_sudo, has_sudo, withdraw_sudo
from boruta_farm.dryad.users.visits import count_visits, part_with
from boruta_farm.model.errors import BoardError, ConfigError, KeyRefusedError

logger = logging.getLogger(__name__)

LONGEST_KEY: Final = 31 * 86400.0
"""Seconds for which a key may be asked to work at most."""

LONGEST_MESSAGE: Final = 400


class LocalHost:
    """Do the verbs of ``SessionHost`` with this process's rights, one at a time, in a thread.

    A verb goes on when its caller has given up.
    """

    def __init__(
        self,
        uuid: str,
        user: UserSettings,
        config: Path,
        cleaner: Cleaner | None = None,
        devices: Mapping[str, Path] | None = None,
        agent: int | None = None,
    ) -> None:
        """``agent`` is the uid of the agent where that is another process."""
        self._user = user
        self._config = config
        self._devices = devices or {}
        self._agent = os.geteuid() if agent is None else agent
        self._cleaner = cleaner or system_cleaner()
        self._claim = Claim(uuid, user, config)
        self._record = RecordFile(FOLDER / uuid / "session.json")
        self._key = KeyFile(user.name)
        self._server = SshServer()
        self._thread = ReadyThread("session")
        self._seen_after: int | None = None

    async def inspect(self) -> Inspection:
        """Check root, groups, shell and folders, and claim user and uids."""
        self._thread.start()
        return await self._thread.do(self._inspect)

    async def create(self, key: str, seconds: float) -> SystemAccount:
        """Make user and home afresh; everything is checked before anything is touched."""
        checked, limited = check_key(key), _limited(seconds)
        return await self._thread.do(lambda: self._create(checked, limited))

    async def authorize(self, keys: tuple[str, ...], seconds: float) -> None:
        """Replace the keys; the first must be good."""
        checked, limited = _checked(keys), _limited(seconds)
        await self._thread.do(lambda: self._authorize(checked, limited))

    async def certify(self, certificate: str) -> None:
        """Write the certificate that sshd shows, once its form is checked."""
        await self._thread.do(lambda: self._server.certify(certificate))

    async def part_with(self, keys: tuple[str, ...]) -> int:
        """End the connections that keys have opened."""
        return await self._thread.do(lambda: part_with(self._session(), keys))

    async def visitors(self) -> Mapping[str, int]:
        """Return how many connections each key has open."""
        return await self._thread.do(lambda: count_visits(self._session()))

    async def find(self) -> SystemAccount | None:
        """Return the account when it, its home and its record are of this boot."""
        return await self._thread.do(self._find)

    async def warn(self, message: str) -> int:
        """Write to the terminals of the user."""
        return await self._thread.do(lambda: self._warn(message[:LONGEST_MESSAGE]))

    async def clean(self) -> tuple[str, ...]:
        """Shut out, end, remove, look again."""
        return await self._thread.do(self._clean)

    async def sessions(self) -> frozenset[int]:
        """Look who holds connections."""
        return await self._thread.do(lambda: held_from(self._user.uids))

    async def open_medium(self, tool: str, use: MediumUse) -> int:
        """Open the device that the configuration names, and no file."""
        path = self._devices.get(tool)
        if path is None:
            raise BoardError(f"{self._config}: [tools.{tool}] names no {DEVICE!r}")
        return await asyncio.to_thread(open_device, path, use)

    async def give_terminal(self, number: int) -> None:
        """Give the session a terminal of the agent's."""
        await self._thread.do(lambda: self._give_terminal(number))

    async def close(self) -> None:
        """Give up the claim."""
        self._thread.close()
        self._claim.release()

    def _inspect(self) -> Inspection:
        if os.geteuid() != 0:
            raise ConfigError(
                f"{self._config}: driver: session users can only be made by root; start the agent "
                "as root, or configure 'helper', the socket of 'dryad helper'"
            )
        root_groups = check_groups(self._user, self._config)
        for key, path in (("shell", Path(self._user.shell)), ("skeleton", self._user.skeleton)):
            if not path.exists():
                raise ConfigError(f"{self._config}: user.{key}: there is no {path}; correct it")
        if not self._user.home.is_dir():
            raise ConfigError(f"{self._config}: user.home: {self._user.home} is no folder; make it")
        try:
            self._has_account()
        except BoardError as error:
            raise ConfigError(f"{self._config}: {error.message}") from None
        self._claim.take()
        self._record.make_folder()
        warnings = list(self._server.warnings(self._user.name, self._key.path))
        if self._user.compat and not has_sudo():
            warnings.append(
                "user.compat: sudo is not installed: sessions have the old groups alone, and "
                "scripts that call it fail (Debian: apt install sudo)"
            )
        if not on_tmpfs(self._key.path.parent):
            warnings.append(
                f"{self._key.path.parent} is not in memory: keys lie on the disk until the agent "
                "starts again"
            )
        return Inspection(
            warnings=tuple(warnings),
            root_groups=root_groups,
            host_key=self._server.host_key(),
        )

    def _create(self, key: str, seconds: float) -> SystemAccount:
        user = self._user
        try:
            check_groups(user, self._config)
        except ConfigError as error:
            raise BoardError(error.message) from None
        if self._has_account() or os.path.lexists(home_of(user)):
            raise BoardError(
                f"the account {user.name!r} or its home is there still: the board must be cleaned "
                "first"
            )
        known = self._record.load()
        busy = {uid for _, uid in find_owned(user.uids)}
        uid = choose_uid(user.uids, known.uid if known else None, busy)
        if known is not None and uid <= known.uid != self._seen_after:
            self._go_round(user)
            self._seen_after = known.uid
        self._record.save(SessionRecord(uid=uid, boot_id=read_boot_id()))
        account = add_account(user, uid)
        if user.compat and has_sudo():
            allow_sudo(user)
        if not self._server.looks_at(user.name, self._key.path):
            install_link(account, self._key.path)
        self._key.write((key,), uid, seconds)
        logger.info("user %s was made with uid %d", user.name, uid)
        return account

    def _go_round(self, user: UserSettings) -> None:
        """See that no file of the uids is left anywhere before they are given a second time."""
        session = Session(name=user.name, uids=user.uids, home=home_of(user), paths=user.paths)
        for line in self._cleaner.everywhere.end(session):
            logger.warning("the uids go round: found and removed: %s", line)

    def _session(self) -> Session:
        user = self._user
        return Session(name=user.name, uids=user.uids, home=home_of(user), paths=user.paths)

    def _authorize(self, keys: tuple[str, ...], seconds: float) -> None:
        account = self._find()
        if account is None:
            raise BoardError(f"there is no session user {self._user.name!r} to give a key to")
        self._key.write(keys, account.uid, seconds)

    def _give_terminal(self, number: int) -> None:
        account = self._find()
        if account is None:
            raise BoardError(f"there is no session user {self._user.name!r} to give a terminal to")
        give_terminal(number, self._agent, account.uid)

    def _find(self) -> SystemAccount | None:
        account = find_account(self._user)
        known = self._record.load()
        if account is None or known is None:
            return None
        current = SessionRecord(uid=account.uid, boot_id=read_boot_id())
        return account if known == current and has_home(account) else None

    def _warn(self, message: str) -> int:
        account = find_account(self._user)
        return 0 if account is None else write_to_terminals(account.uid, message)

    def _clean(self) -> tuple[str, ...]:
        """The key goes first: from then on nobody new gets in.

        An account of that name that is not ours stops it all: its home would be taken for ours.
        """
        self._has_account()
        found: list[str] = []
        for user in (*former_users(self._user), self._user):
            found += self._clean_user(user)
        if self._user.compat:
            found += unmount_media(self._devices.values())
        return tuple(found)

    def _clean_user(self, user: UserSettings) -> tuple[str, ...]:
        key = KeyFile(user.name)
        session = Session(name=user.name, uids=user.uids, home=home_of(user), paths=user.paths)

        def remove_key() -> None:
            key.remove()

        def lock() -> None:
            withdraw_sudo(user)
            if find_account(user) is not None:
                lock_account(user)

        def remove() -> None:
            """Remove key and account for good. Raises BoardError when one of them stays."""
            key.remove()
            withdraw_sudo(user)
            if find_account(user) is not None or has_group(user):
                remove_account(user)
                if find_account(user) is not None or has_group(user):
                    raise BoardError(f"the account {user.name!r} is there still")

        return clean_up(self._cleaner, session, (remove_key, lock), remove)

    def _has_account(self) -> bool:
        """Tell whether there is an account, or half of one, as a power cut may leave it."""
        return find_account(self._user) is not None or has_group(self._user)


def _checked(keys: tuple[str, ...]) -> tuple[str, ...]:
    """Return the keys that can be read, of which the first must be one."""
    if not keys:
        raise KeyRefusedError("a session needs a key of its own")
    own, *others = keys
    checked = [check_key(own)]
    for key in others:
        try:
            checked.append(check_key(key))
        except KeyRefusedError as error:
            logger.warning("a key of those that share the session is left out: %s", error.message)
    return tuple(checked)


def _limited(seconds: float) -> float:
    """Return a sane number of seconds: the caller is not trusted with eternity."""
    if not seconds > 0:
        raise BoardError(f"a key cannot work for {seconds} seconds")
    return min(seconds, LONGEST_KEY)
