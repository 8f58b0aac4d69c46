"""A way in for who has the server's machine and nobody's token."""

import asyncio
import os
import pwd

from boruta_farm.clock import SystemClock
from boruta_farm.farm.directory import Directory
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.tokens import FarmTokens
from boruta_farm.model.account import AccountChange
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.permission import Role
from boruta_farm.model.service import as_account
from boruta_farm.model.token import Issued
from boruta_farm.server.config import Config
from boruta_farm.server.folder import DATABASE_FILE, DataFolder
from boruta_farm.store.factory import open_store


def rescue(config: Config, name: str) -> Issued:
    """Make an account an admin's, whatever it was, with a one-time token to sign in with.

    The server must be stopped. Entered into the audit like everything else, as done by ``admin``
    from nowhere. Raises ConfigError while a server runs, StoreError, AccountError.
    """
    return as_account(_owner(config), lambda: asyncio.run(_rescue(config, name)))


def _owner(config: Config) -> pwd.struct_passwd | None:
    """Return the data folder's owner, who must be able to write what root writes here."""
    if os.geteuid() != 0 or not config.data.exists():
        return None
    try:
        return pwd.getpwuid(config.data.stat().st_uid)
    except KeyError:
        return None


async def _rescue(config: Config, name: str) -> Issued:
    folder = DataFolder(config.data)
    folder.open()
    try:
        clock = SystemClock()
        database = config.database or config.data / DATABASE_FILE
        store = open_store(database, clock, config.farm_settings())
        await store.start()
        try:
            tokens = FarmTokens(Engine(store), Directory(store, clock))
            change = AccountChange(role=Role.ADMIN, disabled=False)
            return await tokens.invite(LOCAL_ADMIN, name, change)
        finally:
            await store.close()
    finally:
        folder.close()
