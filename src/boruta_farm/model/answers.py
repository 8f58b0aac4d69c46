"""Short records that only answers carry."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from boruta_farm.model.account import Limits
from boruta_farm.model.declared import Shown
from boruta_farm.model.permission import Role, Scope
from boruta_farm.model.standing import Standing
from boruta_farm.model.token import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockReading:
    """Tell the farm's time beside its machine's, and what is to be known of them."""

    time: Annotated[datetime, Shown("Time", "the farm's")]
    machine: Annotated[datetime, Shown("Machine", "what the wall clock of its machine shows")]
    words: Annotated[str | None, Shown("Words", "what is to be known of them", null=True)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Orphaned:
    """Count the waiting requests that would lose their last worker."""

    count: Annotated[int, Shown("Count")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Tell what went wrong: ``message`` for people, ``code`` for programs.

    Times in ``detail`` are in UTC; who renders them himself does so from ``standing``.
    """

    message: Annotated[str, Shown("message", ours=False)]
    code: Annotated[str, Shown("Code", "names the kind of error")] = ""
    detail: Annotated[str | None, Shown("Detail", "how that stands which the call was about")] = (
        None
    )
    remedy: Annotated[str | None, Shown("Remedy", "what to do about it")] = None
    standing: Annotated[Standing | None, Shown("Standing", "what the detail says it of")] = None
    column: Annotated[int | None, Shown("Column", "where in a selector, in characters from 1")] = (
        None
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Self:
    """Tell who is calling, and what he may take; ``groups`` is None in a farm without users."""

    name: Annotated[str, Shown("Name", "the account")]
    role: Annotated[Role, Shown("Role", "what it is for")]
    groups: Annotated[tuple[str, ...] | None, Shown("Groups", "that it is in", null=True)]
    scope: Annotated[Scope, Shown("Scope", "what the call's token carries")]
    limits: Annotated[Limits, Shown("Limits", "those in force")] = Limits()
    token: Annotated[Token | None, Shown("Token", "the one in hand", null=True)] = None
