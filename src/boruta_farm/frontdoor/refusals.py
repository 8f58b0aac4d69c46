"""Refusals as the door tells them: what helps is typed to ssh, for no client may be installed."""

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from boruta_farm.frontdoor.names import Here
from boruta_farm.model.errors import BorutaError, UnmetDemandError
from boruta_farm.words.refusal import detail, refusal
from boruta_farm.words.times import Times

HERE: Final[Mapping[type[BorutaError], str]] = {
    UnmetDemandError: "what there is: {ls}",
}
"""What helps at the door where the command line and the API have other ways."""

COMMANDS: Final[tuple[tuple[re.Pattern[str], Callable[[Here, re.Match[str]], str]], ...]] = (
    (
        re.compile(r"boruta acquire (\d+) --wait \w+"),
        lambda here, found: here.way_to(int(found[1]), own_key=True),
    ),
    (re.compile(r"boruta (?:workers|ls --all|ls)\b"), lambda here, _: here.verb("ls")),
    (
        re.compile(r"boruta (explain|prolong|close) (\d+)"),
        lambda here, found: here.verb(f"{found[1]} {found[2]}"),
    ),
    (re.compile(r"boruta new\b"), lambda here, _: here.verb("new WANT")),
)
"""Commands for which the door has a verb of its own; others are told as they are."""


def told_here(error: BorutaError, times: Times, here: Here) -> str:
    """Say in one line what went wrong, as it stands now, and what to type to the door."""
    helps = HERE.get(type(error))
    if helps is None:
        text = refusal(error, times)
    else:
        said = detail(error, times) or error.message
        text = f"{said}; {helps.format(ls=here.verb('ls'))}"
    for command, verb in COMMANDS:
        text = command.sub(partial(verb, here), text)
    return text
