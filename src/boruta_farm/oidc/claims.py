"""What a provider's claims about somebody come to by the farm's settings; pure."""

from collections.abc import Mapping
from typing import Any, Final

from boruta_farm.model.errors import SignInRefusedError
from boruta_farm.model.permission import Role
from boruta_farm.model.sign_in import Identified
from boruta_farm.oidc.settings import ProviderSettings

MOST_GROUPS: Final = 2000
"""Groups of one person that are looked at."""

STRONGEST: Final = (Role.ADMIN, Role.GROUP_ADMIN, Role.AUDITOR, Role.USER, Role.VIEWER)
"""Who is in groups with several roles has the first of these."""


def identified(provider: str, settings: ProviderSettings, claims: Mapping[str, Any]) -> Identified:
    """Return who somebody is to this farm. Raises SignInRefusedError for one it does not let in."""
    groups = _groups(claims, settings.groups_claim)
    if settings.allowed_groups and groups.isdisjoint(settings.allowed_groups):
        raise SignInRefusedError(
            f"you are in none of the groups that may sign in here by {provider}; ask an admin"
        )
    if settings.allowed_domains and _domain(claims) not in _folded(settings.allowed_domains):
        raise SignInRefusedError(
            f"your account at {provider} has no verified mail address in a domain that may sign in "
            "here; ask an admin"
        )
    roles = {role for group, role in settings.roles.items() if group in groups}
    role = next((one for one in STRONGEST if one in roles), settings.role)
    return Identified(
        provider=provider,
        identity=f"{settings.issuer} {claims['sub']}",
        name=_text(claims, settings.name_claim) or _text(claims, "email"),
        full_name=_line(_text(claims, "name")),
        groups=frozenset(ours for theirs, ours in settings.groups.items() if theirs in groups),
        managed=frozenset(settings.groups.values()),
        role=role if settings.roles else None,
        first_role=settings.role,
        create=settings.create_accounts,
        lasts=settings.session_length,
    )


def is_known(claims: Mapping[str, Any], settings: ProviderSettings) -> bool:
    """Tell whether claims hold all that the settings ask about, so that no more need be asked."""
    wanted = [settings.name_claim, "name"]
    if settings.groups or settings.roles or settings.allowed_groups:
        wanted.append(settings.groups_claim)
    if settings.allowed_domains:
        wanted += ["email", "email_verified"]
    return all(_found(claims, path) is not None for path in wanted)


def _found(claims: Mapping[str, Any], path: str) -> Any:
    """Return a claim by its name; where there is none, dots lead into claims with members."""
    if path in claims:
        return claims[path]
    found: Any = claims
    for part in path.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found


def _text(claims: Mapping[str, Any], path: str) -> str:
    found = _found(claims, path)
    return found[:400] if isinstance(found, str) else ""


def _groups(claims: Mapping[str, Any], path: str) -> frozenset[str]:
    found = _found(claims, path)
    listed = found if isinstance(found, list) else [found]
    return frozenset(one for one in listed[:MOST_GROUPS] if isinstance(one, str))


def _domain(claims: Mapping[str, Any]) -> str:
    """Return the domain of a mail address that the provider has verified, else nothing."""
    if claims.get("email_verified") is not True:
        return ""
    return _text(claims, "email").rpartition("@")[2].lower()


def _folded(domains: tuple[str, ...]) -> frozenset[str]:
    return frozenset(domain.lower().removeprefix("@") for domain in domains)


def _line(text: str) -> str:
    """Return a name as one line that an account may bear."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:100]
