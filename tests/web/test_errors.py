import json
import logging

import pytest

from boruta_farm.model import errors as model
from boruta_farm.web import errors
from boruta_farm.web.errors import answer_error


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
    answer = answer_error(error)
    assert answer.status == status
    assert json.loads(answer.body) == {"message": message, "Code": error.code}
    assert (b"content-type", b"application/json") in answer.headers
    assert ((b"retry-after", b"1") in answer.headers) is (status == 503)


def test_our_own_failures_tell_the_log_not_the_caller(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        answer = answer_error(model.StoreError("cannot open /var/lib/secret.db"))
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert "secret.db" in caplog.text


@pytest.mark.parametrize("kind", every(model.BorutaError), ids=lambda kind: kind.__name__)
def test_every_error_has_a_status_and_a_code_of_its_own(kind: type[model.BorutaError]) -> None:
    assert 400 <= errors.status_of(kind()) <= 507
    namesakes = {found for found in every(model.BorutaError) if found.code == kind.code}
    assert namesakes == {kind}
