"""Remove what would start something later: crontabs, at jobs, lingering user managers."""

from pathlib import Path
from typing import Final

from boruta_farm.dryad.cleanup.base import Session
from boruta_farm.dryad.cleanup.files import Scratch

SPOOLS: Final = tuple(
    Path(path)
    for path in (
        *("/var/spool/cron", "/var/spool/cron/crontabs", "/var/spool/cron/tabs"),
        *("/var/spool/cron/atjobs", "/var/spool/cron/atspool", "/var/spool/at"),
        *("/var/spool/atjobs", "/var/lib/systemd/linger"),
    )
)


class Schedules:
    """Crontabs and at jobs of the uids or in the account's name.

    They go before the processes do: a daemon of root's must not start a new one behind us. Cron
    reads its folder anew every minute, before it starts anything.
    """

    def __init__(self, spools: tuple[Path, ...] = SPOOLS) -> None:
        self._scratch = Scratch(usual=spools, by_name=spools)

    def end(self, session: Session) -> list[str]:
        """Remove them. Raises BoardError."""
        return self._scratch.end(Session(name=session.name, uids=session.uids, home=session.home))

    def left(self, session: Session) -> list[str]:
        """Return what is there."""
        return self._scratch.left(Session(name=session.name, uids=session.uids, home=session.home))
