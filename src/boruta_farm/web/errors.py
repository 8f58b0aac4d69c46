"""Errors as answers: a status, and words under ``message``."""

import logging
from datetime import datetime

from boruta_farm.model.answers import Refusal
from boruta_farm.model.errors import (
    BoardError,
    BorutaError,
    IdempotencyError,
    InvalidError,
    NotFoundError,
    PortsExhaustedError,
    QuotaError,
    RefusedError,
    SelectorError,
    StaleEpochError,
    StaleProposalError,
    StorageFullError,
    TooManyCallsError,
    UnauthenticatedError,
    UnavailableError,
)
from boruta_farm.web.answers import told
from boruta_farm.web.calls import JSON_TYPE, Answer, Header
from boruta_farm.words.refusal import detail, remedy
from boruta_farm.words.times import Times

log = logging.getLogger(__name__)

PREFIX = "invalid request: "


class MalformedBodyError(InvalidError):
    """the body is not the JSON that this call takes"""

    code = "malformed-body"


class MissingBodyError(BorutaError):
    """no body provided in HTTP request"""

    code = "missing-body"


class BodyTooLargeError(BorutaError):
    """the body is larger than 1 MiB"""

    code = "body-too-large"


class SlowBodyError(BorutaError):
    """the body did not arrive in time; send it at once"""

    code = "slow-body"


class CallerGoneError(UnavailableError):
    """the caller hung up while waiting"""

    code = "caller-gone"


class RequestIdError(InvalidError):
    """ID provided in URL isn't valid"""

    code = "bad-request-id"


class WorkerIdError(InvalidError):
    """ID provided in URL isn't valid UUID"""

    code = "bad-worker-id"


class ParameterError(InvalidError):
    """a header or query parameter cannot be understood"""

    code = "bad-parameter"


class OriginError(RefusedError):
    """a page of another site may not change anything here; list its origin in the configuration"""

    code = "foreign-origin"


STATUSES: dict[type[BorutaError], int] = {
    BorutaError: 500,
    InvalidError: 400,
    MissingBodyError: 400,
    UnauthenticatedError: 401,
    RefusedError: 403,
    NotFoundError: 404,
    SlowBodyError: 408,
    StaleEpochError: 409,
    StaleProposalError: 409,
    BodyTooLargeError: 413,
    IdempotencyError: 422,
    QuotaError: 429,
    TooManyCallsError: 429,
    BoardError: 502,
    UnavailableError: 503,
    PortsExhaustedError: 503,
    StorageFullError: 507,
}
"""The nearest class in an error's ancestry decides."""

CLOSE: Header = (b"connection", b"close")
CHALLENGE: Header = (b"www-authenticate", b'Bearer realm="boruta"')
QUOTA_WAIT = 60
"""Seconds after which one who has used up his limits may see whether something has ended."""
RETRY: Header = (b"retry-after", b"1")


def status_of(error: BorutaError) -> int:
    """Return the HTTP status of an error."""
    for ancestor in type(error).__mro__:
        if ancestor in STATUSES:
            return STATUSES[ancestor]
    return 500


def answer_error(error: BorutaError, now: datetime) -> Answer:
    """Turn an error into its answer.

    Texts of errors that are the caller's own doing are shown as they are, with the prefix the
    original gives them; details of our own failures go to the log only.
    """
    status = status_of(error)
    message = error.message
    if isinstance(error, InvalidError):
        message = PREFIX + message
    elif status == 500:
        log.error("a call failed: %s", message, exc_info=error)
        message = type(error).default_message()
    headers: list[Header] = [JSON_TYPE]
    if status == 503:
        headers.append(RETRY)
    elif status == 429:
        wait = error.retry_after if isinstance(error, TooManyCallsError) else QUOTA_WAIT
        headers.append((b"retry-after", b"%d" % wait))
    elif status == 401:
        headers.append(CHALLENGE)
    elif status in (408, 413):
        headers.append(CLOSE)
    column = error.column if isinstance(error, SelectorError) else None
    body = told(
        Refusal(
            message=message,
            code=error.code,
            detail=detail(error, Times(now=now)),
            remedy=remedy(error),
            standing=error.standing,
            column=column,
        )
    )
    return Answer(status=status, headers=tuple(headers), body=body)
