"""What others vouch for: who somebody is, or which job of a CI system calls."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated

from boruta_farm.model.declared import Shown
from boruta_farm.model.permission import Role
from boruta_farm.model.token import Issued


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInProvider:
    """Tell how one signs in by one provider.

    ``address`` is where a browser goes, ``device`` whether a program can have somebody confirm in
    a browser elsewhere (RFC 8628).
    """

    name: Annotated[str, Shown("Name", "its name in the farm's configuration")]
    title: Annotated[str, Shown("Title", "for people to read")]
    address: Annotated[str, Shown("Address", "where a browser goes to sign in")]
    device: Annotated[bool, Shown("Device", "a program can have it confirmed elsewhere")] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Departure:
    """Carry where a browser goes to sign in, and what it keeps meanwhile, sealed."""

    address: str
    kept: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Carry the token of whoever came back from a provider, and where in the page he goes."""

    issued: Issued = field(repr=False)
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceSignIn:
    """Tell what a person confirms in a browser so that a program is signed in (RFC 8628).

    ``handle`` is what the program asks with whether that was done, every ``interval`` or less
    often, until ``expires``.
    """

    code: Annotated[str, Shown("Code", "what the person types, or compares")]
    address: Annotated[str, Shown("Address", "where he types it")]
    complete: Annotated[str, Shown("Complete", "the same with the code in it; may be empty")] = ""
    handle: Annotated[str, Shown("Handle", "what to ask with whether it was confirmed")] = field(
        repr=False
    )
    interval: Annotated[timedelta, Shown("Interval", "how often one may ask, in seconds")]
    expires: Annotated[datetime, Shown("Expires", "when it is too late")]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceHandle:
    """Carry the handle of a sign-in that is being confirmed, and what its token is to be called."""

    handle: Annotated[str, Shown("Handle", "as it was given")] = field(default="", repr=False)
    name: Annotated[str, Shown("Name", "what the token is called, such as the machine's name")] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceOutcome:
    """Tell how far a sign-in by another device is: confirmed, or when to ask again."""

    issued: Annotated[Issued | None, Shown("Issued", "the token, once it is confirmed")] = None
    interval: Annotated[
        timedelta | None, Shown("Interval", "not confirmed yet: ask after so many seconds")
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExchangedToken:
    """Carry the answer of a token exchange, whose keys are RFC 8693's."""

    access_token: Annotated[str, Shown("access_token", "shown this once")] = field(repr=False)
    issued_token_type: Annotated[str, Shown("issued_token_type", "an access token, as a URN")] = (
        "urn:ietf:params:oauth:token-type:access_token"
    )
    token_type: Annotated[str, Shown("token_type", "how it is sent")] = "Bearer"
    expires_in: Annotated[int, Shown("expires_in", "seconds until it ends")]
    scope: Annotated[str, Shown("scope", "how much of the account's rights it carries")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identified:
    """Carry what a provider has vouched for, judged by the farm's settings for it.

    ``identity`` is issuer and subject: the only thing that tells one person from another. ``name``
    is what an account made for him is called. ``groups`` are those of the farm that his claims give
    him, of the ``managed`` ones; all others are for admins to give. ``role`` None leaves the role
    as it is, ``first_role`` is what a new account gets. ``create`` tells whether an account may be
    made.
    """

    provider: str
    identity: str
    name: str
    full_name: str = ""
    groups: frozenset[str] = frozenset()
    managed: frozenset[str] = frozenset()
    role: Role | None = None
    first_role: Role = Role.USER
    create: bool = True
    lasts: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """Carry what a CI system has vouched for, and the rule that it fits.

    ``proof`` tells this very token from all others, so that it counts once. ``told`` are the
    claims that the audit shall tell.
    """

    rule: str
    issuer: str
    proof: str
    account: str
    told: Mapping[str, str]
    lasts: timedelta
