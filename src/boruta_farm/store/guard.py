"""Whether what is written lasts: asked before every batch, and before it is acknowledged."""

from collections.abc import Mapping
from typing import Protocol

from boruta_farm.store.driver import DatabaseDriver


class Guard(Protocol):
    """Watch over a database that somebody else may take away, replace, or write to."""

    def trouble(self) -> str | None:
        """Look, and return why nothing may be written; None while all is well."""
        ...

    def known(self) -> str | None:
        """Return what the last look found: to be asked at any time, at no cost."""
        ...

    def refuses(self, counters: Mapping[str, int]) -> str | None:
        """Return why a batch that has read these counters may not be written."""
        ...

    def leads(self, counters: Mapping[str, int]) -> bool:
        """Tell whether a batch that has read these counters may write as the leader."""
        ...

    def lasting(self, driver: DatabaseDriver) -> bool:
        """Tell whether what was just committed is where the next start finds it."""
        ...


class NoGuard:
    """Watch over what nobody else can reach."""

    def trouble(self) -> str | None:
        """Return None."""
        return None

    def known(self) -> str | None:
        """Return None."""
        return None

    def refuses(self, counters: Mapping[str, int]) -> str | None:
        """Return None."""
        return None

    def leads(self, counters: Mapping[str, int]) -> bool:
        """Return True: there is no other server."""
        return True

    def lasting(self, driver: DatabaseDriver) -> bool:
        """Return True."""
        return True
