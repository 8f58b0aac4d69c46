"""Who makes a call: the one place where a connection becomes a caller."""

from starlette.types import Scope

from boruta_farm.model.caller import LOCAL_ADMIN, Caller


def caller_of(scope: Scope) -> Caller:
    """Return the caller of a request; until users exist everybody is the local admin."""
    return LOCAL_ADMIN
