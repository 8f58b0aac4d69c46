"""A board and the computer that supervises it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

UUID_CAPABILITY = "UUID"
REVOKED = "revoked"
"""Stands in place of a credential that was taken away; no hash is equal to it."""
DEFAULT_USERNAME = "boruta-user"


class WorkerState(StrEnum):
    """Where a worker stands; the texts are those of the original system."""

    MAINTENANCE = "MAINTENANCE"
    IDLE = "IDLE"
    RUNNING = "RUNNING"
    FAILED = "FAILED"
    PREPARE = "PREPARE"
    BUSY = "BUSY"


class Fence(StrEnum):
    """Who keeps a past user off the board: its agent, or nobody (boards over Go RPC)."""

    AGENT = "agent"
    NONE = "none"


class Reach(StrEnum):
    """How the relay comes to a board's SSH server: it dials, or the board's agent does.

    ``AUTO`` dials, and asks the agent where that does not succeed at once.
    """

    DIRECT = "direct"
    OUTBOUND = "outbound"
    AUTO = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionKey:
    """Record the key installed for one preparation; ``sealed`` is the encrypted private half.

    ``sealed`` is None when the session uses the caller's own key. Erased when the job ends.
    """

    worker: str
    epoch: int
    public: str
    sealed: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPair:
    """Carry a fresh key: the public half as an authorized_keys line, the private half as PEM."""

    public: str
    private: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Registration:
    """Carry what a board says of itself when it registers.

    ``epoch``, ``boot_id`` and ``farm_id`` are what the agent has stored; a board over Go RPC
    knows none of them. ``credential`` is the hash of the bearer the agent presented,
    ``join_token`` the invitation it brought, if any. ``source`` is the address it calls from,
    ``local`` tells that this is the server's own machine.
    ``dryad_address`` and ``ssh_address`` are ``host:port``. ``local_ip`` is the address from which
    the agent calls, as the agent itself sees it.
    """

    caps: Mapping[str, str]
    dryad_address: str
    ssh_address: str
    fence: Fence
    name: str | None = None
    epoch: int = 0
    boot_id: str | None = None
    farm_id: str | None = None
    credential: str | None = None
    join_token: str | None = field(default=None, repr=False)
    source: str = ""
    local: bool = False
    facts: Mapping[str, str] | None = None
    reach: Reach = Reach.DIRECT
    local_ip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Record one worker.

    ``epoch`` numbers preparations and never falls. ``since`` is when ``state`` was entered.
    ``port`` is the stable TCP port of the tunnel. ``after_job`` tells that the worker goes to
    MAINTENANCE when its job ends; ``idle_again`` that it then returns to IDLE by itself.
    ``unreachable_since`` is set while the agent is lost. ``facts`` never take part in matching.
    ``recoveries`` are the moments at which it lately went from FAILED towards IDLE, oldest first.
    ``credential`` is the hash of the agent's bearer, pinned at ``credential_since``;
    ``next_credential`` is one that the agent has announced and not yet used. ``asked_name`` is
    the name that the agent asked for last.
    """

    uuid: str
    name: str
    state: WorkerState
    since: datetime
    caps: Mapping[str, str]
    groups: tuple[str, ...]
    epoch: int
    fence: Fence
    dryad_address: str
    ssh_address: str
    port: int
    registered: datetime
    revision: int = 1
    reason: str | None = None
    username: str = DEFAULT_USERNAME
    host_key: str | None = None
    boot_id: str | None = None
    credential: str | None = None
    credential_since: datetime | None = None
    next_credential: str | None = None
    asked_name: str | None = None
    after_job: bool = False
    idle_again: bool = False
    unreachable_since: datetime | None = None
    facts: Mapping[str, str] | None = None
    recoveries: tuple[datetime, ...] = ()
    reach: Reach = Reach.DIRECT


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessInfo:
    """Carry what a person needs to reach the board.

    ``ip`` is empty where only the one who hands the information on knows at which address of the
    server its caller is. ``key`` is a private key (PEM), empty when the request brought its own.
    ``host_key`` is the board's, one line, or None where it is not known.
    """

    ip: str
    port: int
    key: str = field(repr=False)
    username: str
    host_key: str | None
