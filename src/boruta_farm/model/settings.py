"""The farm's rules that the core needs to know."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from boruta_farm.model.policies import Policies


class Enrolment(StrEnum):
    """Which boards may enrol without an invitation: all, those of this machine, or none."""

    OPEN = "open"
    LOOPBACK = "loopback"
    INVITED = "invited"


@dataclass(frozen=True, slots=True, kw_only=True)
class FarmSettings:
    """Carry the settings that shape decisions; durations are explained in the configuration.

    ``tunnel_ports`` are the first and last TCP port of the range from which each worker gets
    one for good. ``slack`` and ``slack_ratio`` are how much later than the agent the server and
    relay act at a job's end. ``idle_again`` returns a re-registered worker to IDLE by itself.
    A worker that recovered ``flap_recoveries`` times (0 for any number) within ``flap_within``
    and fails again is put into maintenance.
    ``end_removed_keys`` ends the jobs that were opened by a key when that is taken off its account.
    ``idle_end`` is how long a board may go unused while somebody waits for it; 0 is for ever.
    ``show_owners`` lets everybody see who holds the boards he waits for.
    ``registrations_per_board`` is how often in a minute a board may register, or report that it
    failed, in the long run; 0 is as often as it likes. ``new_boards_per_source`` and
    ``new_boards`` are how many in a minute may come that the farm does not know yet.
    ``disk_reserve`` is in MiB.
    ``audit_keep`` and ``audit_entries`` are how long and how many entries of the audit are kept; 0
    is for ever, and any number.
    ``history_keep`` and ``history_requests`` are how long finished requests are kept, and how many
    requests in all; 0 is for ever, and any number.
    ``console_keep`` and ``console_bytes`` (in MiB) are how long and how much of what consoles said
    is kept; 0 is for ever, and any amount.
    ``credential_life`` is the age at which an agent is asked to take a new credential.
    """

    job_timeout: timedelta = timedelta(hours=1)
    job_limit: timedelta = timedelta(hours=24)
    idle_end: timedelta = timedelta(0)
    invalid_after: timedelta = timedelta(minutes=10)
    lost_grace: timedelta = timedelta(seconds=30)
    opening_timeout: timedelta = timedelta(seconds=10)
    ready_timeout: timedelta = timedelta(minutes=15)
    prepare_timeout: timedelta = timedelta(minutes=5)
    idempotency_kept: timedelta = timedelta(hours=24)
    recent: timedelta = timedelta(hours=24)
    slack: timedelta = timedelta(seconds=2)
    slack_ratio: float = 0.0002
    tunnel_ports: tuple[int, int] = (20000, 29999)
    idle_again: bool = False
    flap_recoveries: int = 3
    flap_within: timedelta = timedelta(hours=1)
    enrolment: Enrolment = Enrolment.OPEN
    credential_life: timedelta = timedelta(days=30)
    registrations_per_board: int = 60
    new_boards_per_source: int = 60
    new_boards: int = 600
    audit_keep: timedelta = timedelta(days=400)
    audit_entries: int = 5_000_000
    history_keep: timedelta = timedelta(days=400)
    history_requests: int = 5_000_000
    console_keep: timedelta = timedelta(days=90)
    console_bytes: int = 1024
    disk_reserve: int = 16
    max_caps: int = 256
    max_cap_length: int = 4096
    max_selector_length: int = 4096
    max_request_length: int = 65_536
    max_waiting_length: int = 64 * 1024 * 1024
    max_filed_length: int = 256 * 1024 * 1024
    show_owners: bool = False
    end_removed_keys: bool = False
    policies: Policies = field(default_factory=Policies)

    @property
    def kept_anyway(self) -> timedelta:
        """Return how long a finished request is kept whatever else is set: others lead to it."""
        return max(self.recent, self.idempotency_kept)
