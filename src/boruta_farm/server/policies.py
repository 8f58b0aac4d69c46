"""The settings of the policies: who comes first, and who may hold how much."""

from dataclasses import dataclass
from datetime import timedelta

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.settings import FarmSettings
from boruta_farm.server import values
from boruta_farm.server.setting import duration, setting

POLICIES = Policies()
SHORTEST_HALF_LIFE = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySettings:
    """Carry the part of the configuration that orders requests; see docs/scheduler.md."""

    ageing: timedelta | None = setting(
        POLICIES.ageing,
        values.duration_or_off(timedelta(hours=4)),
        "How long a request waits to rise by one priority, so that none starves: off, on (4h) or "
        "a duration.",
        values.show_duration_or_off,
    )
    fair_share: str = setting(
        POLICIES.fair_share.value,
        values.one_of(*(choice.value for choice in FairShare)),
        "Between whom recent use is evened out among requests of the same priority: none, "
        "owners, groups, or groups and owners.",
    )
    half_life: timedelta = duration(
        POLICIES.half_life, "After how long the use of a board counts half for fair shares."
    )
    owner_limit: int | None = setting(
        POLICIES.owner_limit,
        values.limit,
        "How many jobs one owner may have at once: a number, or none for any.",
        values.show_limit,
    )
    group_limit: int | None = setting(
        POLICIES.group_limit,
        values.limit,
        "How many jobs the owners in one group may have at once: a number, or none for any.",
        values.show_limit,
    )
    owner_limits: tuple[tuple[str, int], ...] = setting(
        (),
        values.limits,
        "Owners with another limit: NAME=NUMBER, separated by commas.",
        values.show_limits,
    )
    group_limits: tuple[tuple[str, int], ...] = setting(
        (),
        values.limits,
        "Groups with another limit: NAME=NUMBER, separated by commas.",
        values.show_limits,
    )
    show_owners: bool = setting(
        FarmSettings().show_owners,
        values.switch,
        "Let everybody see in an explanation who holds the boards he waits for. Admins and "
        "owners see their own in any case.",
        values.show_switch,
    )

    def policies(self) -> Policies:
        """Return the policies in force."""
        return Policies(
            ageing=self.ageing,
            fair_share=FairShare(self.fair_share),
            half_life=self.half_life,
            owner_limit=self.owner_limit,
            group_limit=self.group_limit,
            owner_limits=dict(self.owner_limits),
            group_limits=dict(self.group_limits),
        )


def check_policies(settings: PolicySettings) -> None:
    """Refuse what cannot work. Raises ConfigError."""
    if settings.half_life < SHORTEST_HALF_LIFE:
        raise ConfigError("half_life: must be at least 10m; shorter ones forget at once")
