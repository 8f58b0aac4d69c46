"""What several verbs about people share: limits as options and words, records as JSON."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from boruta_farm.client.openssh import LARGEST_KEY_FILE
from boruta_farm.model.account import Limits
from boruta_farm.model.errors import ConfigError
from boruta_farm.model.home import expand
from boruta_farm.settings.durations import parse_duration
from boruta_farm.settings.files import read_bounded
from boruta_farm.words.durations import duration

NONE = "none"
"""Takes a limit away again."""

PrioritiesOption = Annotated[
    str | None,
    typer.Option(
        "--priorities", metavar="FIRST-LAST", help="Priorities allowed, such as 4-16; or none."
    ),
]
JobsOption = Annotated[
    str | None, typer.Option("--jobs", metavar="NUMBER", help="Jobs at once; or none.")
]
WaitingOption = Annotated[
    str | None, typer.Option("--waiting", metavar="NUMBER", help="Waiting requests; or none.")
]
JobTimeOption = Annotated[
    str | None, typer.Option("--job-time", metavar="DURATION", help="Longest job; or none.")
]
ProlongTimeOption = Annotated[
    str | None,
    typer.Option(
        "--prolong-time", metavar="DURATION", help="What all prolongations may add; or none."
    ),
]


def read_limits(
    known: Limits,
    priorities: str | None,
    jobs: str | None,
    waiting: str | None,
    job_time: str | None,
    prolong_time: str | None,
) -> Limits | None:
    """Return ``known`` limits with those given in their place; None when none is given.

    Raises BadParameter.
    """
    if priorities is jobs is waiting is job_time is prolong_time is None:
        return None
    limits = known
    if priorities is not None:
        highest, lowest = _range(priorities)
        limits = replace(limits, highest_priority=highest, lowest_priority=lowest)
    if jobs is not None:
        limits = replace(limits, jobs=_number(jobs, "--jobs"))
    if waiting is not None:
        limits = replace(limits, waiting=_number(waiting, "--waiting"))
    if job_time is not None:
        limits = replace(limits, job_time=_duration(job_time, "--job-time"))
    if prolong_time is not None:
        limits = replace(limits, prolong_time=_duration(prolong_time, "--prolong-time"))
    return limits


def limits_words(limits: Limits) -> str:
    """Return the limits that are set, in one line."""
    words = []
    if limits.highest_priority is not None or limits.lowest_priority is not None:
        words.append(f"priorities {limits.highest_priority or 1}-{limits.lowest_priority or 16}")
    if limits.jobs is not None:
        words.append(f"jobs {limits.jobs}")
    if limits.waiting is not None:
        words.append(f"waiting {limits.waiting}")
    if limits.job_time is not None:
        words.append(f"job time {duration(limits.job_time)}")
    if limits.prolong_time is not None:
        words.append(f"prolong time {duration(limits.prolong_time)}")
    return ", ".join(words)


def read_public_key(path: Path) -> str:
    """Return the first line of a public key's file. Raises ConfigError for a private one."""
    try:
        text = read_bounded(expand(path, "FILE.pub"), LARGEST_KEY_FILE).decode("utf-8-sig")
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is no text, so no public key") from None
    if "PRIVATE KEY" in text:
        raise ConfigError(f"{path}: is a private key; name the public one, {path}.pub")
    return text.strip().splitlines()[0] if text.strip() else ""


def _range(text: str) -> tuple[int | None, int | None]:
    if text == NONE:
        return None, None
    first, dash, last = text.partition("-")
    if not (dash and first.isdigit() and last.isdigit()):
        raise typer.BadParameter(
            f"{text!r} is no range; write FIRST-LAST, such as 4-16", param_hint="--priorities"
        )
    return int(first), int(last)


def _number(text: str, option: str) -> int | None:
    if text == NONE:
        return None
    if not text.isdigit():
        raise typer.BadParameter(f"{text!r} is no number", param_hint=option)
    return int(text)


def _duration(text: str, option: str) -> timedelta | None:
    if text == NONE:
        return None
    try:
        return parse_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None
