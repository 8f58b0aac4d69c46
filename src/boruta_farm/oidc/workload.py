"""Whose job of a CI system is which account: rules on the claims of its token; pure."""

import base64
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

from boruta_farm.model.errors import SignInRefusedError
from boruta_farm.model.sign_in import Workload
from boruta_farm.oidc.proof import LONGEST
from boruta_farm.oidc.settings import WorkloadSettings

LONGEST_CLAIM: Final = 1024
LONGEST_LIFE: Final = timedelta(hours=12)
"""Half of how long a farm remembers what was done once (``idempotency_kept``)."""
TOLD: Final = (
    *("sub", "repository", "project_path", "ref", "environment", "workflow_ref"),
    *("run_id", "pipeline_id", "job_id", "actor", "user_login"),
)
"""Claims of GitHub and GitLab that the audit tells, where they are there."""


def unproved_issuer(token: str) -> str:
    """Return who says that he has issued a token: only to know whose keys it is to be tried by."""
    if len(token) > LONGEST or token.count(".") != 2:
        return ""
    payload = token.split(".")[1]
    try:
        told = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (ValueError, RecursionError):
        return ""
    issuer = told.get("iss") if isinstance(told, dict) else None
    return issuer if isinstance(issuer, str) else ""


def check_life(claims: Mapping[str, Any], now: datetime) -> None:
    """Refuse a token that outlives our memory of having taken it. Raises SignInRefusedError."""
    if claims["exp"] - now.timestamp() > LONGEST_LIFE.total_seconds():
        raise SignInRefusedError(
            "the token is good for more than 12 hours, and could be shown again when that it was "
            "shown is forgotten; let the CI system make shorter ones"
        )


def fits(claims: Mapping[str, Any], patterns: Mapping[str, str]) -> bool:
    """Tell whether every pattern fits its claim; one that is not there fits none."""
    return all(_matches(claims.get(name), pattern) for name, pattern in patterns.items())


def admitted(
    rule: str, settings: WorkloadSettings, claims: Mapping[str, Any], token: str
) -> Workload:
    """Return what the job gets whose claims fit a rule."""
    told = {name: text for name in TOLD if (text := _text(claims.get(name)))}
    told |= {name: text for name in settings.claims if (text := _text(claims.get(name)))}
    return Workload(
        rule=rule,
        issuer=settings.issuer,
        proof=proof_of(token),
        account=settings.account,
        told={name: text[:200] for name, text in told.items()},
        lasts=settings.lasts,
    )


def proof_of(token: str) -> str:
    """Return what tells a token from all others: what is signed, as its signature may vary."""
    return sha256(token.rpartition(".")[0].encode()).hexdigest()


def refusal(claims: Mapping[str, Any], issuer: str) -> SignInRefusedError:
    """Return what tells a job that fits no rule."""
    named = {name: _text(claims[name])[:80] for name in TOLD[:5] if name in claims}
    told = ", ".join(f"{name}={text}" for name, text in named.items())
    return SignInRefusedError(
        f"no workload rule of this farm fits this job of {issuer} ({told}); an admin compares it "
        "with [workload.NAME] in the server's configuration"
    )


def _matches(claim: object, pattern: str) -> bool:
    text = _text(claim)
    return 0 < len(text) <= LONGEST_CLAIM and _is_like(pattern, text)


def _text(claim: object) -> str:
    """Return a claim as a text: a word, a whole number, true or false; nothing for all else."""
    if isinstance(claim, bool):
        return str(claim).lower()
    if isinstance(claim, int):
        return str(claim)
    return claim if isinstance(claim, str) else ""


@lru_cache(maxsize=1000)
def _parts(pattern: str) -> tuple[str, ...]:
    """Return a pattern's stars, question marks and plain characters, one by one."""
    return tuple(re.findall(r"\*\*|.", pattern, re.DOTALL))


def _is_like(pattern: str, text: str) -> bool:
    """Tell whether a pattern fits a text: ``*`` and ``?`` end at a slash, ``**`` does not.

    All places where the pattern may have come to are followed at once: as an expression it would
    take a text that somebody else has chosen hours to be refused.
    """
    parts = _parts(pattern)
    places = _with_stars_passed({0}, parts)
    for character in text:
        further = set()
        for place in places:
            part = parts[place] if place < len(parts) else ""
            if part == "**" or (part == "*" and character != "/"):
                further.add(place)
            elif part == character or (part == "?" and character != "/"):
                further.add(place + 1)
        places = _with_stars_passed(further, parts)
    return len(parts) in places


def _with_stars_passed(places: set[int], parts: tuple[str, ...]) -> set[int]:
    """Return the places with those behind stars, which may stand for nothing."""
    found = set(places)
    for place in places:
        while place < len(parts) and parts[place] in ("*", "**"):
            place += 1
            found.add(place)
    return found
