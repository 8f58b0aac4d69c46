"""Settings of who gets a board, and for how long."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.settings import FarmSettings
from boruta_farm.server.kinds import Ageing, IdleEnd
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.kinds import Duration, Maybe, Named, OneOf, Switch, Whole
from boruta_farm.settings.table import SettingError

FARM = FarmSettings()
POLICIES = Policies()
SHORTEST_HALF_LIFE = timedelta(minutes=10)
"""Shorter ones forget at once."""


@dataclass(frozen=True, kw_only=True)
class LendingSettings:
    """Carry how long jobs last, who comes first, and who may hold how much."""

    job_timeout: timedelta = setting(
        Duration(),
        "How long a job lasts whose request names no length, and what a prolongation sets it to "
        "from now.",
        default=FARM.job_timeout,
    )
    job_limit: timedelta = setting(
        Duration(),
        "The longest that a request may ask for, and a job can last with all its prolongations.",
        default=FARM.job_limit,
    )
    idle_end: timedelta = setting(
        IdleEnd(),
        "How long a lent board may go unused while somebody waits for it: then its holder is "
        "warned, and 5 minutes later it is given back. Use is what passes through its tunnel "
        "beyond signs of life. Requests may ask for less. 0s: for ever.",
        default=FARM.idle_end,
    )
    invalid_after: timedelta = setting(
        Duration(),
        "How long a request whose last possible worker is gone waits before it becomes INVALID.",
        default=FARM.invalid_after,
    )
    ageing: timedelta | None = setting(
        Ageing(),
        "How long a request waits to rise by one priority, so that none starves: off, on (4h) or "
        "a duration.",
        default=POLICIES.ageing,
    )
    fair_share: FairShare = setting(
        OneOf(FairShare),
        "Between whom recent use is evened out among requests of the same priority: none, "
        "owners, groups, or groups and owners.",
        default=POLICIES.fair_share,
    )
    half_life: timedelta = setting(
        Duration(SHORTEST_HALF_LIFE),
        "After how long the use of a board counts half for fair shares.",
        default=POLICIES.half_life,
    )
    owner_limit: int | None = setting(
        Maybe(Whole(1), "none"),
        "How many jobs one owner may have at once: a number, or none for any.",
        default=POLICIES.owner_limit,
    )
    group_limit: int | None = setting(
        Maybe(Whole(1), "none"),
        "How many jobs the owners in one group may have at once: a number, or none for any.",
        default=POLICIES.group_limit,
    )
    owner_limits: Mapping[str, int] = setting(
        Named(Whole(1), commas=True),
        "Owners with another limit: NAME=NUMBER, separated by commas.",
        make=dict,
    )
    group_limits: Mapping[str, int] = setting(
        Named(Whole(1), commas=True),
        "Groups with another limit: NAME=NUMBER, separated by commas.",
        make=dict,
    )
    show_owners: bool = setting(
        Switch(),
        "Let everybody see in an explanation who holds the boards he waits for. Admins and "
        "owners see their own in any case.",
        default=FARM.show_owners,
    )

    def check_lengths(self) -> None:
        """Refuse jobs that are longer than the longest. Raises SettingError."""
        if self.job_limit < self.job_timeout:
            raise SettingError("must not be shorter than job_timeout", "job_limit")
