"""The settings of those who vouch for others: providers of people, rules for jobs of CI systems."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from boruta_farm.model.addresses import is_loopback
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.permission import Role
from boruta_farm.settings.declaration import setting
from boruta_farm.settings.files import read_bounded
from boruta_farm.settings.kinds import (
    Blank,
    Duration,
    Maybe,
    Named,
    OneLine,
    OneOf,
    SettingKind,
    Several,
    Switch,
    Text,
)
from boruta_farm.settings.places import Location
from boruta_farm.settings.privacy import exposure
from boruta_farm.settings.table import SettingError, shown

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
"""Of providers and rules: it stands in addresses."""

SHORTEST = timedelta(minutes=1)
LONGEST_SIGN_IN = timedelta(days=30)
LONGEST_SECRET = 4096
LONGEST_WORKLOAD = timedelta(days=1)

TEXTS = Several(OneLine(200), commas=True)


class IssuerAddress(SettingKind[str]):
    """What an issuer calls itself: an address with https, or with http on this very machine."""

    def read(self, raw: object) -> str:
        """Return the address to the letter: it is compared so."""
        text = Text(most=2000).read(raw)
        try:
            parts = urlsplit(text)
        except ValueError:
            parts = urlsplit("")
        near = parts.scheme == "http" and is_loopback(parts.hostname)
        plain = not (parts.query or parts.fragment or "@" in parts.netloc)
        whole = text.isascii() and text.isprintable() and " " not in text
        if not parts.hostname or not plain or not whole or not (parts.scheme == "https" or near):
            raise SettingError(
                f"{shown(raw)} is no issuer; write it as the provider does, such as "
                "https://login.example/realms/lab, with https"
            )
        return text


class Glob(SettingKind[str]):
    """A pattern of a claim: ``*`` and ``?`` stand for anything but a slash, ``**`` for anything."""

    def read(self, raw: object) -> str:
        """Return its text."""
        text = OneLine(1024).read(raw)
        if text.count("*") > MOST_STARS:
            raise SettingError(f"{shown(raw)} has more than {MOST_STARS} stars")
        return text


MOST_STARS = 8
"""Each more lets a claim that does not fit take longer to be looked through."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """Carry what a ``[provider.NAME]`` says of one OpenID Connect provider."""

    issuer: str = setting(IssuerAddress(), "What the provider calls itself, to the letter.")
    client_id: str = setting(OneLine(400), "What this farm is called there.")
    client_secret_file: Path | None = setting(
        Maybe(Location()),
        "File with the farm's secret there, not readable by everybody. Empty: a public client, "
        "which PKCE alone protects.",
        default=None,
    )
    title: str = setting(Blank(OneLine(60)), "What its button says; its name if empty.", default="")
    scopes: tuple[str, ...] = setting(
        TEXTS,
        "What is asked for, separated by commas; openid is always among it. With offline_access "
        "most providers let sign-ins be judged again.",
        default=("openid", "profile", "email"),
    )
    name_claim: str = setting(
        OneLine(200),
        "The claim that a new account is named after. Only its name: who somebody is tells the "
        "subject alone.",
        default="preferred_username",
    )
    groups_claim: str = setting(
        OneLine(200),
        "The claim that lists somebody's groups there; dots lead into it, as in "
        "realm_access.roles.",
        default="groups",
    )
    groups: Mapping[str, str] = setting(
        Named(OneLine(64)),
        'Groups of the farm by groups there: { embedded = "kernel" }. Who is in them is the '
        "provider's word from then on; all other groups are for admins to give.",
        make=dict,
    )
    roles: Mapping[str, Role] = setting(
        Named(OneOf(Role)),
        'Roles by groups there: { lab-admins = "admin" }; who is in none of them is what `role` '
        "says. Without any, roles are for admins to give.",
        make=dict,
    )
    role: Role = setting(OneOf(Role), "The role of new accounts.", default=Role.USER)
    allowed_groups: tuple[str, ...] = setting(
        TEXTS, "Only who is in one of these groups there may sign in. Empty: all.", default=()
    )
    allowed_domains: tuple[str, ...] = setting(
        TEXTS,
        "Only who has a verified mail address in one of these domains may sign in. Empty: all.",
        default=(),
    )
    create_accounts: bool = setting(
        Switch(),
        "Make an account at somebody's first sign-in. Off: an admin ties accounts to identities.",
        default=True,
    )
    session_length: timedelta = setting(
        Duration(SHORTEST, LONGEST_SIGN_IN),
        "How long a sign-in lasts at most, in the page and of `boruta login`.",
        default=timedelta(hours=12),
    )
    judged_every: timedelta = setting(
        Duration(SHORTEST),
        "How often the provider is asked again whether it still vouches for who is signed in, and "
        "with which groups, where it gives refresh tokens.",
        default=timedelta(minutes=15),
    )
    device: bool = setting(
        Switch(),
        "Let `boruta login` be confirmed in a browser elsewhere (RFC 8628).",
        default=True,
    )
    ca_file: Path | None = setting(
        Maybe(Location()),
        "Authorities (PEM) that sign the provider's certificate. Empty: those of the system.",
        default=None,
    )

    def check(self) -> None:
        """Refuse settings that contradict each other. Raises SettingError."""
        if self.role is Role.ADMIN:
            raise SettingError("must not be admin: name admins by roles", "role")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkloadSettings:
    """Carry what a ``[workload.NAME]`` says: whose jobs of which CI system are which account."""

    issuer: str = setting(
        IssuerAddress(),
        "What the CI system calls itself, such as https://token.actions.githubusercontent.com.",
    )
    account: str = setting(OneLine(64), "The account whose rights and limits such jobs have.")
    claims: Mapping[str, str] = setting(
        Named(Glob()),
        "What the job's token must say, each by a pattern: * stands for anything but a slash, ** "
        "for anything. All must fit, and one at least must name somebody.",
    )
    audience: str = setting(
        Blank(OneLine(400)),
        "For whom the job's token must be made; `page_address` if empty.",
        default="",
    )
    lasts: timedelta = setting(
        Duration(SHORTEST, LONGEST_WORKLOAD),
        "How long the token lasts that such a job gets: as long as the longest job, waiting "
        "included.",
        default=timedelta(hours=1),
    )
    ca_file: Path | None = setting(
        Maybe(Location()),
        "Authorities (PEM) that sign the CI system's certificate. Empty: those of the system.",
        default=None,
    )

    def check(self) -> None:
        """Refuse a rule that lets everybody's jobs in. Raises SettingError."""
        if not any(pattern.strip("*?") for pattern in self.claims.values()):
            raise SettingError(
                "lets in every job of that CI system, which others use as well; name yours: "
                '{ repository = "acme/kernel", ref = "refs/heads/*" }',
                "claims",
            )


def check_vouchers(
    providers: Mapping[str, ProviderSettings],
    workloads: Mapping[str, WorkloadSettings],
    *,
    users: bool,
    page_address: str,
) -> None:
    """Refuse providers and rules that a farm of these settings cannot have. Raises SettingError."""
    for what, names in (("provider", providers), ("workload", workloads)):
        for name in names:
            if not NAME.fullmatch(name):
                raise SettingError(
                    f"{shown(name)} must be 1 to 32 letters in lower case, digits and hyphens", what
                )
    if not (providers or workloads):
        return
    if not users:
        raise SettingError(
            "must be true where people or CI jobs sign in by others (provider, workload)", "users"
        )
    if not page_address:
        raise SettingError(
            "is missing: sign-in providers send browsers back there, and tokens of CI jobs are "
            "made for it; write the address that people call, such as https://farm.example:8487",
            "page_address",
        )
    plain = urlsplit(page_address)
    if plain.scheme != "https" and not is_loopback(plain.hostname):
        raise SettingError(
            "must begin with https: what passes there signs people in", "page_address"
        )


def read_secret(provider: str, path: Path | None) -> str:
    """Return a provider's secret from its file. Raises ConfigError."""
    if path is None:
        return ""
    place = f"provider.{provider}.client_secret_file"
    try:
        if words := exposure(path):
            raise ConfigError(f"{place}: {path}: {words}")
        secret = read_bounded(path).decode("ascii", "replace").strip()
    except OSError as error:
        raise ConfigError(f"{place}: {path} cannot be read: {error.strerror}") from None
    if not 0 < len(secret) <= LONGEST_SECRET or not secret.isascii() or not secret.isprintable():
        raise ConfigError(f"{place}: {path} must hold the secret alone, in one line of ASCII")
    return secret
