"""Clean up in the order that works, then look again: a proof, not an attempt."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.cleanup.base import Remains, Session
from boruta_farm.dryad.cleanup.files import Everywhere, Home, Scratch
from boruta_farm.dryad.cleanup.ipc import MessageQueues, SystemVIpc
from boruta_farm.dryad.cleanup.keyrings import Keyrings
from boruta_farm.dryad.cleanup.mounts import Mounts
from boruta_farm.dryad.cleanup.processes import Processes
from boruta_farm.dryad.cleanup.schedules import Schedules
from boruta_farm.model.errors import BoardError

logger = logging.getLogger(__name__)

TROUBLES: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Cleaner:
    """Hold the kinds of remains in the order in which they are ended.

    What starts processes goes before them, processes before their mounts, mounts before files:
    each would bring the next back, or keep it. ``everywhere`` is looked at only before uids are
    given again.
    """

    schedules: Remains
    processes: Remains
    mounts: Remains
    ipc: Remains
    queues: Remains
    keyrings: Remains
    scratch: Remains
    home: Remains
    everywhere: Remains

    @property
    def all(self) -> Sequence[Remains]:
        """Return every kind that each clean-up ends, in order."""
        return (
            *(self.schedules, self.processes, self.mounts),
            *(self.ipc, self.queues, self.keyrings, self.scratch, self.home),
        )


def system_cleaner() -> Cleaner:
    """Return the cleaner of a usual Linux system."""
    return Cleaner(
        schedules=Schedules(),
        processes=Processes(),
        mounts=Mounts(),
        ipc=SystemVIpc(),
        queues=MessageQueues(),
        keyrings=Keyrings(),
        scratch=Scratch(),
        home=Home(),
        everywhere=Everywhere(),
    )


def clean_up(
    cleaner: Cleaner,
    session: Session,
    shut_out: Sequence[Callable[[], None]],
    remove_account: Callable[[], None],
) -> tuple[str, ...]:
    """Shut out, end all of a session, its account last, and look again; return what was found.

    A step that fails does not keep the others from being done. One that shuts out may fail
    without harm, on a full disk for instance: without it somebody may come in meanwhile, and be
    found when looking again. Raises BoardError naming all that survived.
    """
    found: list[str] = []
    troubles: list[str] = []
    for shut in shut_out:
        try:
            shut()
        except Exception as error:  # noqa: BLE001  # nothing skips the next
            logger.warning("cleaning up all the same: %s", _words(shut, error))
    for remains in cleaner.all:
        try:
            found += remains.end(session)
        except Exception as error:  # noqa: BLE001  # nothing skips the next
            troubles.append(_words(remains, error))
    try:
        remove_account()
    except Exception as error:  # noqa: BLE001  # nothing skips the next
        troubles.append(_words(remove_account, error))
    survivors = look_again(cleaner, session)
    if survivors or troubles:
        words = "; ".join([*troubles, *survivors][:TROUBLES])
        raise BoardError(f"not clean: {words}")
    return tuple(found)


def look_again(cleaner: Cleaner, session: Session) -> list[str]:
    """Return all that is left of a session, in words; nothing is changed."""
    survivors: list[str] = []
    for remains in cleaner.all:
        try:
            survivors += [f"after the clean-up there is {line}" for line in remains.left(session)]
        except Exception as error:  # noqa: BLE001  # nothing skips the next
            survivors.append(_words(remains, error))
    return survivors


def _words(step: object, error: Exception) -> str:
    """Return why a step failed; a fault of its own, which nobody expects, is told in full."""
    if isinstance(error, BoardError):
        return error.message
    logger.error("%r failed", step, exc_info=error)
    return f"{type(step).__name__}: {type(error).__name__}: {error}"
