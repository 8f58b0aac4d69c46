"""What a check found: a fact, how bad it is, and how it is mended."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How bad a finding is: nothing to do, wise to change, or the board cannot be lent."""

    GOOD = "ok"
    ADVICE = "advice"
    WRONG = "WRONG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Tell one fact about ``subject``; ``remedy`` holds one line per step."""

    verdict: Verdict
    subject: str
    fact: str
    remedy: str = ""

    @property
    def text(self) -> str:
        """Return the lines for a person."""
        head = f"{self.verdict:<7} {self.subject:<9} {self.fact}"
        steps = (f"{'':18}-> {line}" for line in self.remedy.splitlines())
        return "\n".join([head, *steps])


def good(subject: str, fact: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(verdict=Verdict.GOOD, subject=subject, fact=fact)


def advice(subject: str, fact: str, remedy: str) -> Finding:
    """Return what works but had better be changed."""
    return Finding(verdict=Verdict.ADVICE, subject=subject, fact=fact, remedy=remedy)


def wrong(subject: str, fact: str, remedy: str) -> Finding:
    """Return what keeps the board from being lent."""
    return Finding(verdict=Verdict.WRONG, subject=subject, fact=fact, remedy=remedy)


def summary(findings: Iterable[Finding]) -> str:
    """Return how many findings there are of each kind, in words."""
    verdicts = [finding.verdict for finding in findings]
    bad, wise = verdicts.count(Verdict.WRONG), verdicts.count(Verdict.ADVICE)
    if bad:
        return f"{bad} of {len(verdicts)} checks found what keeps this board from being lent"
    if wise:
        return f"this board can be lent; {wise} of {len(verdicts)} checks give advice"
    return f"this board can be lent: all {len(verdicts)} checks are ok"
