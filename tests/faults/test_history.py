"""The judge of histories, judged: each planted fault is found, and a good history has none."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.faults.history import Held, Used, faults, read_log

GOOD = (
    Held(board="lab", epoch=3, begun=10.0, ended=20.0),
    Held(board="lab", epoch=5, begun=21.0, ended=30.0),
    Held(board="lab", epoch=6, begun=31.0),
)
USES = (
    Used(board="lab", epoch=3, request=1, at=10.5),
    Used(board="lab", epoch=3, request=1, at=19.9),
    Used(board="lab", epoch=5, request=2, at=22.0),
    Used(board="lab", epoch=6, request=4, at=99.0),
)
"""Request 3 never got there."""


def judge(jobs: tuple[Held, ...], uses: tuple[Used, ...]) -> list[str]:
    return faults({"lab": jobs}, uses)


def changed(place: int, **values: float) -> tuple[Held, ...]:
    """Return the good history with one job told otherwise."""
    jobs = list(GOOD)
    jobs[place] = replace(jobs[place], **values)  # type: ignore[arg-type]
    return tuple(jobs)


def test_a_good_history_has_no_faults() -> None:
    assert judge(GOOD, USES) == []
    assert judge((), ()) == []
    other = tuple(replace(use, board="other") for use in USES)
    jobs = tuple(replace(job, board="other") for job in GOOD)
    assert faults({"lab": GOOD, "other": jobs}, (*USES, *other)) == []


@pytest.mark.parametrize(
    ("jobs", "uses", "told"),
    [
        (changed(1, epoch=3), (), "epoch 3 was granted after epoch 3"),
        (changed(1, epoch=2), (), "epoch 2 was granted after epoch 3"),
        (changed(1, begun=19.0), (), "epoch 5 was granted before epoch 3 ended"),
        ((replace(GOOD[0], ended=None), *GOOD[1:]), (), "granted before epoch 3 ended"),
        ((replace(GOOD[0], over=True), *GOOD[1:]), (), "granted before epoch 3 ended"),
        (GOOD, (*USES, replace(USES[0], request=9, at=19.95)), "was lent to requests 1, 9"),
        (GOOD, (replace(USES[0], at=9.9),), "0.100 s before it was granted"),
        (GOOD, (replace(USES[0], at=20.5),), "0.500 s after it had ended"),
        (GOOD, (replace(USES[0], epoch=4),), "which the board knows nothing of"),
        (GOOD[1:], USES[:1], "which the board knows nothing of"),
        (GOOD, (*USES, replace(USES[0], at=23.0)), "1 was answered after request 2 had been"),
        ((), (USES[0], USES[2], USES[1], replace(USES[0], at=40.0)), "had been"),
    ],
)
def test_a_planted_fault_is_found(
    jobs: tuple[Held, ...], uses: tuple[Used, ...], told: str
) -> None:
    assert any(told in words for words in judge(jobs, uses)), judge(jobs, uses)


def line(second: int, words: str) -> str:
    at = datetime.fromtimestamp(second, UTC).isoformat(timespec="milliseconds")
    return f"{at} INFO    00000000-0000-4000-8000-000000000009 {words}\n"


def test_jobs_are_read_from_an_agents_log() -> None:
    log = (
        line(1, "epoch 1: prepared for user boruta-1"),
        line(2, "epoch 1: granted"),
        line(3, "epoch 1: granted"),
        line(4, "epoch 1: a stream to 127.0.0.1 is open (1)"),
        line(5, "epoch 1: session ended, board clean"),
        line(6, "epoch 2: clean, 0 leftovers removed"),
        line(7, "epoch 3: granted"),
        "Traceback\n",
        # After a reboot only the next preparation tells that it is over.
        line(9, "epoch 4: clean, 2 leftovers removed"),
        line(10, "epoch 5: granted"),
    )
    assert read_log("lab", log) == (
        Held(board="lab", epoch=1, begun=2.0, ended=5.001),
        Held(board="lab", epoch=3, begun=7.0, ended=9.001),
        Held(board="lab", epoch=5, begun=10.0),
    )


def test_a_grant_during_another_job_is_read_as_such() -> None:
    jobs = read_log("lab", (line(2, "epoch 1: granted"), line(3, "epoch 2: granted")))
    assert jobs[0].over
    assert faults({"lab": jobs}, ()) == ["lab: epoch 2 was granted before epoch 1 ended"]
