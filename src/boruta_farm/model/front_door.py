"""What the SSH front door and the server tell each other."""

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated

from boruta_farm.model.declared import Shown
from boruta_farm.model.permission import Scope

SOCKET = "server.sock"
"""The server's unix socket in the data folder, at which the door speaks for those it let in."""
DOOR = "door"
"""What the names of the door's own socket and lock begin with."""
LOG = "door.log"
"""Its log, beside the data."""
DRAIN, STOP = "drain", "stop"
"""What the door is told there: to take nobody in any more, or to end."""
TERMINAL = "terminal"
"""What a line there begins with that asks for one of the page's terminals."""
ACCOUNT_HEADER = "boruta-account"
SCOPE_HEADER = "boruta-scope"
SOURCE_HEADER = "boruta-source"
"""For whom a call over that socket is made, and from which address he came."""
ALIVE_EVERY = 15
"""Seconds of silence after which door and ssh ask each other for a sign of life."""
ALIVE_MOST = 8
"""Such questions that may go unanswered: a connection is given up after some two minutes."""
DOMAIN = ".farm"
"""What the names of hosts end with that ssh's configuration leads to the farm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoorPlace:
    """Tell where plain ssh comes in, beside the server's own address."""

    port: Annotated[int, Shown("Port", "the TCP port of the door")]
    key: Annotated[str, Shown("HostKey", "the door's own public key, one line")]
    authority: Annotated[
        str | None,
        Shown("HostAuthority", "the public key that signs boards' host certificates, one line"),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyShown:
    """Carry a public key that somebody shows at the door, not proved yet."""

    key: Annotated[str, Shown("Key", "type and body, in one line")]
    user: Annotated[str, Shown("User", "the name he gave")] = ""
    source: Annotated[str, Shown("Source", "the address he came from")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateShown:
    """Carry a certificate that somebody shows at the door, whose key is not proved yet."""

    certificate: Annotated[str, Shown("Certificate", "type and body, in one line")]
    user: Annotated[str, Shown("User", "the name he gave")] = ""
    source: Annotated[str, Shown("Source", "the address he came from")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vouched:
    """Tell what a company's authority says of whoever has a key.

    ``proof`` names the certificate for logs and audit.
    """

    principals: tuple[str, ...]
    key: str
    proof: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShown:
    """Carry a token that somebody gives as his password."""

    token: Annotated[str, Shown("Token", "a personal or one-time token")] = field(repr=False)
    source: Annotated[str, Shown("Source", "the address he came from")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorVisitor:
    """Tell who somebody at the door is: an account, and how much of its rights he may use.

    ``open_farm`` tells that the farm knows no users, so that everybody is its admin. ``token`` is
    the id of the token that he gave, which a one-time token has none of: it was used up.
    """

    account: Annotated[str, Shown("Account", "its id")]
    name: Annotated[str, Shown("Name", "what it is called")]
    scope: Annotated[Scope, Shown("Scope", "how much of its rights")]
    open_farm: Annotated[bool, Shown("OpenFarm", "the farm knows no users")] = False
    proof: Annotated[str, Shown("Proof", "which certificate tells so, if one does")] = ""
    token: Annotated[str, Shown("Token", "the id of the token that he gave")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """Tell that somebody has proved who he is, for the audit."""

    name: Annotated[str, Shown("Name", "the account's")]
    source: Annotated[str, Shown("Source", "the address he came from")]
    proof: Annotated[str, Shown("Proof", "by what, without secrets")]


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnedAway:
    """Tell that somebody was not let in, for the audit."""

    user: Annotated[str, Shown("User", "the name he gave")]
    source: Annotated[str, Shown("Source", "the address he came from")]
    reason: Annotated[str, Shown("Reason", "why")]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyHolding:
    """Ask whether an account still has a key; without a key, whether it can be used.

    With a certificate: whether that still tells so, for whoever came as ``user`` from ``source``.
    With a token's id: whether that is still one of its tokens.
    """

    account: Annotated[str, Shown("Account", "its id")]
    key: Annotated[str, Shown("Key", "type and body; empty: none is asked for")] = ""
    certificate: Annotated[str, Shown("Certificate", "by which he is in")] = ""
    token: Annotated[str, Shown("Token", "the id of the token by which he is in")] = ""
    user: Annotated[str, Shown("User", "the name he gave")] = ""
    source: Annotated[str, Shown("Source", "the address he came from")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorSettings:
    """Carry what the server's settings say about the door."""

    linger: Annotated[
        timedelta, Shown("Linger", "seconds a board is kept after the last one left")
    ] = timedelta(seconds=60)
    kinds: Annotated[
        tuple[str, ...], Shown("Kinds", "capabilities whose values say what kind a board is")
    ] = ()
    read_by_farm: Annotated[
        bool, Shown("ReadByFarm", "boards may be reached by name, which the farm can read")
    ] = True
    authority: Annotated[
        str, Shown("HostAuthority", "the public key that signs boards' host certificates")
    ] = ""
    end_removed: Annotated[
        bool, Shown("EndRemoved", "connections end with the key that has opened them")
    ] = False
    reach: Annotated[str, Shown("Reach", "the address at which tunnels are reached from here")] = ""
    version: Annotated[str, Shown("Version", "of the server")] = ""
