"""The account that a service runs under: what it can do is found out by being it for a moment."""

import os
import pickle
import pwd
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from boruta_farm.model.errors import BorutaError

Result = TypeVar("Result")

HIDDEN = (Path("/home"), Path("/root"), Path("/run/user"))
"""What ``ProtectHome=yes`` of our units hides."""


def service_account(name: str) -> pwd.struct_passwd | None:
    """Return a service's account; None where there is none, or we could not be it anyway."""
    if os.geteuid() != 0:
        return None
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def as_account(account: pwd.struct_passwd | None, work: Callable[[], Result]) -> Result:
    """Return what ``work`` returns when done by an account, in a process of its own.

    An account of None is our own. Errors of ours and OSErrors are raised here too; what is
    returned must be picklable. To be used before threads are started.
    """
    if account is None or account.pw_uid == os.geteuid():
        return work()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.close(reader)
            os.initgroups(account.pw_name, account.pw_gid)
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
            with os.fdopen(writer, "wb") as told:
                told.write(pickle.dumps(_outcome(work)))
            status = 0
        except BaseException:  # noqa: BLE001  # the child must not go on as we
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writer)
    with os.fdopen(reader, "rb") as heard:
        content = heard.read()
    os.waitpid(child, 0)
    if not content:
        raise BorutaError(f"nothing could be tried as the user {account.pw_name}")
    result, error = pickle.loads(content)
    if error is not None:
        raise error
    return result  # type: ignore[no-any-return]  # the child pickled what ``work`` returned


def is_hidden(path: Path) -> bool:
    """Tell whether the units hide a path from the service, whatever its mode says."""
    return any(path.resolve().is_relative_to(place) for place in HIDDEN)


def _outcome(work: Callable[[], Result]) -> tuple[Result | None, Exception | None]:
    try:
        return work(), None
    except (BorutaError, OSError) as error:
        return None, error
