import json
import logging
from datetime import UTC, datetime, timedelta

import pytest

from boruta_farm.model import errors as model
from boruta_farm.model.standing import Standing, Subject
from boruta_farm.web import errors
from boruta_farm.web.errors import answer_error
from boruta_farm.words.refusal import remedy

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def every(base: type[model.BorutaError]) -> list[type[model.BorutaError]]:
    """Return the errors that this room and the model know."""
    found = [base] if base.__module__ in (model.__name__, errors.__name__) else []
    return found + [error for child in base.__subclasses__() for error in every(child)]


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [
        (model.RequestNotFoundError(), 404, "Request not found"),
        (model.PriorityError(), 400, "invalid request: requested priority out of bounds"),
        (errors.MissingBodyError(), 400, "no body provided in HTTP request"),
        (model.CredentialError("no"), 403, "no"),
        (model.IdempotencyError("other body"), 422, "other body"),
        (model.OverloadedError(), 503, model.OverloadedError.default_message()),
        (model.OutcomeUnknownError("read back"), 503, "read back"),
        (model.AgentUnreachableError("gone"), 503, "gone"),
        (model.StorageFullError("full"), 507, "full"),
        (model.BoardError("broken"), 502, "broken"),
        (model.StaleEpochError(), 409, model.StaleEpochError.default_message()),
    ],
)
def test_status_and_words(error: model.BorutaError, status: int, message: str) -> None:
    answer = answer_error(error, NOW)
    assert answer.status == status
    told = json.loads(answer.body)
    assert told.pop("Remedy", None) == remedy(error)
    assert told == {"message": message, "Code": error.code}
    assert (b"content-type", b"application/json") in answer.headers
    assert ((b"retry-after", b"1") in answer.headers) is (status == 503)


def test_beside_the_original_s_text_stands_how_things_are_and_what_to_do() -> None:
    standing = Standing(
        subject=Subject.WORKER,
        state="RUNNING",
        request_id=21,
        worker="lab-1",
        since=NOW - timedelta(hours=1),
        until=NOW + timedelta(minutes=5),
    )
    answer = answer_error(model.WorkerTransitionError(standing=standing), NOW)
    assert json.loads(answer.body) == {
        "message": "invalid request: Invalid state transition was requested",
        "Code": "invalid-transition",
        "Detail": "it is lent to 21 until 12:05 UTC",
        "Remedy": "it is taken back when that job is over; to end it now: boruta close 21",
        "Standing": {
            "Subject": "worker",
            "State": "RUNNING",
            "Request": 21,
            "Worker": "lab-1",
            "Since": "2026-01-31T11:00:00Z",
            "Until": "2026-01-31T12:05:00Z",
            "Longest": None,
            "Latest": None,
            "Reason": None,
            "UnreachableSince": None,
        },
    }


def test_our_own_failures_tell_the_log_not_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = answer_error(model.StoreError("cannot open /var/lib/secret.db"), NOW)
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "secret.db" in caplog.text


@pytest.mark.parametrize("kind", every(model.BorutaError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_code_of_its_own(kind: type[model.BorutaError]) -> None:
    assert 400 <= errors.status_of(kind()) <= 507
    namesakes = {found for found in every(model.BorutaError) if found.code == kind.code}
    assert namesakes == {kind}
