"""What the door says of refusals is typed to ssh."""

from datetime import UTC, datetime

import pytest

from boruta_farm.frontdoor.names import Here
from boruta_farm.frontdoor.refusals import told_here
from boruta_farm.model import errors
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.request import RequestState
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.words.times import Times

TIMES = Times(now=datetime(2026, 1, 31, 15, tzinfo=UTC))
HERE = Here(host="farm", port=8022)
RUNS = Standing(subject=Subject.REQUEST, state=RequestState.IN_PROGRESS.value, request_id=21)
WAITS = Standing(subject=Subject.REQUEST, state=RequestState.WAITING.value, request_id=21)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (errors.RequestNotFoundError(), "Request not found; see: ssh -p 8022 farm ls"),
        (
            errors.WorkerNotFoundError("there is no board 'x'; see: boruta workers"),
            "there is no board 'x'; see: ssh -p 8022 farm ls",
        ),
        (
            errors.UnmetDemandError("no registered board has gpu; nothing was filed"),
            "no registered board has gpu; nothing was filed; what there is: ssh -p 8022 farm ls",
        ),
        (
            errors.RequestStateError(standing=RUNS),
            "it has a board; only what waits can be changed; more time: "
            "ssh -p 8022 farm prolong 21",
        ),
        (
            errors.WorkerNotAssignedError(standing=WAITS),
            "it is still WAITING; why: ssh -p 8022 farm explain 21; to wait for it: "
            "ssh -J farm:8022 boruta-user@r21",
        ),
        (
            errors.ForbiddenError("its owner can share it: boruta share 21 bob"),
            "its owner can share it: boruta share 21 bob",
        ),
    ],
)
def test_what_helps_is_typed_to_ssh(error: BorutaError, told: str) -> None:
    assert told_here(error, TIMES, HERE) == told
