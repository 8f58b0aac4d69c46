"""A board and the computer that supervises it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated

from boruta_farm.model.declared import Shown, Stored

UUID_CAPABILITY = "UUID"
PORTS_FACT, NOT_FORWARDED = "Ports", "not forwarded"
"""The fact by which a board tells that its ssh forwards no ports."""
TOOL_CAPABILITY = "tool."
"""What the names of capabilities begin with that agents tell of tools: ``tool.power=yes``."""
SITE_CAPABILITY = "site"
"""Tells at which site a board is, whose relay its users may come by."""
NAME_CAPABILITY = "name"
CLOCK_FACT = "Clock"
"""What is told of a board's clock while it differs from the farm's time by more than
``CLOCKS_AGREE``."""
CLOCKS_AGREE = timedelta(seconds=5)
"""Stands for the worker's name, unless board or admins tell a capability of that name."""
REVOKED = "revoked"
"""Stands in place of a credential that was taken away; no hash is equal to it."""
DEFAULT_USERNAME = "boruta-user"
USERNAME = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,63}", re.ASCII)
HOST_KEY = re.compile(r"[a-z0-9@.-]+ [A-Za-z0-9+/]+=*(?: [ -~]*)?", re.ASCII)
"""The forms of what boards tell of their ssh: people put both into command lines and files."""


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

    worker: Annotated[str, Stored(key=True)]
    epoch: Annotated[int, Stored(key=True)]
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

    ``epoch``, ``boot_id`` and ``farm_id`` are what the agent has stored; a board over Go RPC knows
    none of them. ``credential`` is the hash of the bearer the agent presented, ``join_token`` the
    invitation it brought, if any. ``source`` is the address it calls from, ``local`` tells that
    this is the server's own machine. ``dryad_address`` and ``ssh_address`` are ``host:port``.
    ``local_ip`` is the address from which the agent calls, as the agent itself sees it.
    ``many_keys`` tells that its sessions can be shared, ``beside`` that it has registered with
    another server of the farm, to which it has a link.
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
    many_keys: bool = False
    beside: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """Record one worker.

    ``epoch`` numbers preparations and never falls. ``since`` is when ``state`` was entered.
    ``port`` is the stable TCP port of the tunnel. ``after_job`` tells that the worker goes to
    MAINTENANCE when its job ends; ``idle_again`` that it then returns to IDLE by itself.
    ``unreachable_since`` is set while the agent is lost. ``facts`` never take part in matching.
    ``borrower`` is the request that alone it is prepared for, or lent to, out of ``borrowed_from``.
    ``recoveries`` are the moments at which it lately went from FAILED towards IDLE, oldest first.
    ``credential`` is the hash of the agent's bearer, pinned at ``credential_since``;
    ``next_credential`` is one that the agent has announced and not yet used. ``asked_name`` is
    the name that the agent asked for last. ``labels``, ``notes`` and ``photo`` (an https address)
    are told by admins and survive every registration. ``dispute`` tells who else claimed the UUID,
    until its agent registers anew.
    """

    uuid: Annotated[str, Shown("WorkerUUID", "given by the board", ours=False), Stored(key=True)]
    state: Annotated[WorkerState, Shown("State", "where it stands", ours=False), Stored(moves=True)]
    groups: Annotated[
        tuple[str, ...], Shown("Groups", "whom it serves; null: everybody", ours=False)
    ]
    caps: Annotated[
        Mapping[str, str], Shown("Caps", "what the board tells of itself, for matching", ours=False)
    ]
    name: Annotated[str, Shown("Name", "unique in the farm")]
    fence: Annotated[Fence, Shown("Fence", "who keeps past users off: its agent, or none")]
    reach: Annotated[Reach, Shown("Reach", "how the relay comes to its SSH server")] = Reach.DIRECT
    many_keys: Annotated[
        bool, Shown("ManyKeys", "its sessions can be shared; false: it takes one key only")
    ] = False
    reason: Annotated[
        str | None, Shown("Reason", "why it is in this state"), Stored(moves=True)
    ] = None
    since: Annotated[datetime, Shown("Since", "when the state was entered"), Stored(moves=True)]
    epoch: Annotated[int, Shown("Epoch", "the number of its preparation"), Stored(moves=True)]
    port: Annotated[int, Shown("Port", "TCP port of its tunnel")]
    host_key: Annotated[
        str | None, Shown("HostKey", "its SSH server's public key"), Stored(moves=True)
    ] = None
    after_job: Annotated[
        bool, Shown("AfterJob", "goes to MAINTENANCE when its job ends"), Stored(moves=True)
    ] = False
    unreachable_since: Annotated[
        datetime | None,
        Shown("UnreachableSince", "since when its agent is out of reach"),
        Stored(moves=True),
    ] = None
    dispute: Annotated[
        str | None, Shown("Dispute", "who else claimed its UUID lately, in words")
    ] = None
    credential_since: Annotated[
        datetime | None, Shown("CredentialSince", "when its agent's credential was pinned")
    ] = None
    facts: Annotated[
        Mapping[str, str] | None,
        Shown("Board", "facts for people, never matched"),
        Stored(values="own"),
    ] = None
    labels: Annotated[
        Mapping[str, str] | None, Shown("Labels", "matched like capabilities, set by admins")
    ] = None
    notes: Annotated[str | None, Shown("Notes", "text for people, set by admins")] = None
    photo: Annotated[str | None, Shown("Photo", "https address of a picture of the board")] = None
    dryad_address: str
    ssh_address: str
    registered: datetime
    revision: Annotated[int, Stored(moves=True)] = 1
    username: Annotated[str, Stored(moves=True)] = DEFAULT_USERNAME
    boot_id: str | None = None
    credential: str | None = None
    next_credential: str | None = None
    asked_name: str | None = None
    idle_again: Annotated[bool, Stored(moves=True)] = False
    borrower: Annotated[int | None, Stored(moves=True)] = None
    borrowed_from: Annotated[
        WorkerState | None,
        Shown("BorrowedFrom", "the state to which it goes back, once it is proved clean"),
        Stored(moves=True),
    ] = None
    recoveries: tuple[datetime, ...] = ()

    @property
    def matched(self) -> Mapping[str, str]:
        """Return what requests are matched with: its name, labels, and before them capabilities.

        What the board tells of itself wins: it is known to be there, and a label that was given
        when the board did not tell it must not turn false when it does.
        """
        return matched(self.name, self.labels, self.caps)

    @property
    def site(self) -> str:
        """Return where it is, as board or admins tell; empty where nobody does."""
        return self.caps.get(SITE_CAPABILITY) or (self.labels or {}).get(SITE_CAPABILITY, "")

    @property
    def offered(self) -> WorkerState:
        """Return its state as those see it who wait for boards: borrowed is out of service."""
        if self.borrower is None or self.borrowed_from is None:
            return self.state
        return self.borrowed_from


def matched(
    name: str, labels: Mapping[str, str] | None, caps: Mapping[str, str]
) -> Mapping[str, str]:
    """Return what requests for a board of this name are matched with."""
    return {NAME_CAPABILITY: name, **(labels or {}), **caps}


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerChange:
    """Carry what admins tell of a worker; None keeps what is there, an empty value removes it.

    ``labels`` take the place of all that are there.
    """

    labels: Annotated[
        Mapping[str, str] | None, Shown("Labels", "all of them, as they shall be")
    ] = None
    notes: Annotated[str | None, Shown("Notes", "text for people; empty removes it")] = None
    photo: Annotated[str | None, Shown("Photo", "https address; empty removes it")] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessInfo:
    """Carry what a person needs to reach the board.

    ``ip`` is that of the board's site, empty where only the one who hands the information on knows
    at which address of the server its caller is; ``zone`` is that of a link-local IPv6 address.
    ``key`` is a private key (PEM), empty when the request brought its own.
    ``host_key`` is the board's, one line, or None where it is not known.
    """

    ip: Annotated[str, Shown("IP", "an address, never a name", ours=False, inside="Addr")]
    port: Annotated[int, Shown("Port", "where to dial", ours=False, inside="Addr")]
    zone: Annotated[str, Shown("Zone", "of an IPv6 address", ours=False, inside="Addr")] = ""
    key: Annotated[str, Shown("Key", "private key, empty if not ours", ours=False)] = field(
        repr=False
    )
    username: Annotated[str, Shown("Username", "whom to sign in as", ours=False)]
    host_key: Annotated[str | None, Shown("HostKey", "the board's own public key")]

    @property
    def host(self) -> str:
        """Return the address with its zone, as it is dialled."""
        return f"{self.ip}%{self.zone}" if self.zone else self.ip
