"""Clean up in the order that works, then look again: a proof, not an attempt."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from boruta_farm.dryad.cleanup.base import Remains, Session
from boruta_farm.dryad.cleanup.files import Home, Scratch
from boruta_farm.dryad.cleanup.ipc import SystemVIpc
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
    each would bring the next back, or keep it.
    """

    schedules: Remains
    processes: Remains
    mounts: Remains
    ipc: Remains
    scratch: Remains
    home: Remains

    @property
    def all(self) -> Sequence[Remains]:
        """Return every kind, in order."""
        return (
            *(self.schedules, self.processes, self.mounts),
            *(self.ipc, self.scratch, self.home),
        )


def system_cleaner() -> Cleaner:
    """Return the cleaner of a usual Linux system."""
    return Cleaner(
        schedules=Schedules(),
        processes=Processes(),
        mounts=Mounts(),
        ipc=SystemVIpc(),
        scratch=Scratch(),
        home=Home(),
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
        except BoardError as error:
            logger.warning("cleaning up all the same: %s", error.message)
    for remains in cleaner.all:
        try:
            found += remains.end(session)
        except BoardError as error:
            troubles.append(error.message)
    try:
        remove_account()
    except BoardError as error:
        troubles.append(error.message)
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
        except BoardError as error:
            survivors.append(error.message)
    return survivors
