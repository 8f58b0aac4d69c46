"""The farm's rules about who comes first and who may hold how much."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum


class FairShare(StrEnum):
    """Between whom recent use is evened out among requests of the same priority."""

    NONE = "none"
    OWNERS = "owners"
    GROUPS = "groups"
    BOTH = "groups and owners"


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Carry the policies of matching; the defaults are the original's order and no limits.

    ``ageing`` is how long a request waits to rise by one priority, None when it never does.
    ``half_life`` is how long it takes until use of a board counts half. Limits are jobs held at
    once, None for any number; ``owner_limits`` and ``group_limits`` replace the general limit
    for those they name.
    """

    ageing: timedelta | None = None
    fair_share: FairShare = FairShare.NONE
    half_life: timedelta = timedelta(hours=24)
    owner_limit: int | None = None
    group_limit: int | None = None
    owner_limits: Mapping[str, int] = field(default_factory=dict)
    group_limits: Mapping[str, int] = field(default_factory=dict)

    @property
    def by_owner(self) -> bool:
        """Tell whether it matters who owns a request."""
        shared = self.fair_share in (FairShare.OWNERS, FairShare.BOTH)
        return shared or self.owner_limit is not None or bool(self.owner_limits)

    @property
    def by_group(self) -> bool:
        """Tell whether it matters in which groups a request's owner is."""
        shared = self.fair_share in (FairShare.GROUPS, FairShare.BOTH)
        return shared or self.group_limit is not None or bool(self.group_limits)
