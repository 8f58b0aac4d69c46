import errno
import json

import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.failures import BY_CODE, error_of, unreachable
from boruta_farm.client.farm import connect
from boruta_farm.model import errors
from boruta_farm.model.errors import (
    BorutaError,
    InvalidError,
    NotFoundError,
    PriorityError,
    RefusedError,
    RequestNotFoundError,
    RouteNotFoundError,
    UnavailableError,
    WorkerNotFoundError,
)
from tests.ports import free_port

ADDRESS = "http://lab:8487"


def answered(status: int, message: str, code: str | None = None) -> BorutaError:
    words = {"message": message} if code is None else {"message": message, "Code": code}
    return error_of(status, json.dumps(words).encode(), ADDRESS)


def test_every_error_of_the_model_survives_the_wire() -> None:
    classes = [c for c in vars(errors).values() if isinstance(c, type)]
    tree = [c for c in classes if issubclass(c, BorutaError)]
    assert len(tree) > 30
    for kind in tree:
        prefix = "invalid request: " if issubclass(kind, InvalidError) else ""
        rebuilt = answered(400, prefix + "some words", kind.code)
        assert type(rebuilt) is kind
        assert rebuilt.message == "some words"


def test_texts_of_the_original_are_known() -> None:
    bounds = answered(400, "invalid request: requested priority out of bounds")
    assert type(bounds) is PriorityError
    assert type(answered(404, "Request not found")) is RequestNotFoundError


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidError),
        (403, RefusedError),
        (404, NotFoundError),
        (418, InvalidError),
        (500, BorutaError),
        (503, UnavailableError),
    ],
)
def test_status_decides_where_code_and_text_are_unknown(
    status: int, kind: type[BorutaError]
) -> None:
    rebuilt = answered(status, "words of a newer server", "of-tomorrow")
    assert type(rebuilt) is kind
    assert rebuilt.message == "words of a newer server"


def test_ids_no_server_could_know_are_not_found() -> None:
    assert BY_CODE["bad-worker-id"] is WorkerNotFoundError
    assert BY_CODE["bad-request-id"] is RequestNotFoundError


def test_refused_without_token_says_what_to_do() -> None:
    assert "BORUTA_TOKEN" in answered(401, "who are you?").message


def test_answers_of_others_are_told_as_such() -> None:
    assert isinstance(error_of(502, b"<html>", ADDRESS), UnavailableError)
    page = error_of(404, b"404 page not found\n", ADDRESS)
    assert "is this the address of a Boruta server?" in page.message
    assert "status 418" in error_of(418, b"[1]", ADDRESS).message


def test_unreachable_names_the_deepest_cause() -> None:
    outer = RuntimeError("all attempts failed")
    outer.__cause__ = ExceptionGroup(
        "both", [ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")]
    )
    words = unreachable(ADDRESS, outer)
    assert words == (
        "cannot reach the server at http://lab:8487: connection refused; "
        "start it with 'boruta serve', or name another with --server or BORUTA_SERVER"
    )
    assert "no answer in time" in unreachable(ADDRESS, TimeoutError())


async def test_a_proxy_that_refuses_is_not_taken_for_the_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for variable in ("http_proxy", "no_proxy", "NO_PROXY", "REQUEST_METHOD"):
        monkeypatch.delenv(variable, raising=False)
    port = free_port()
    monkeypatch.setenv("HTTP_PROXY", f"http://ann:secret@127.0.0.1:{port}")
    async with connect(ClientConfig(server="http://farm.invalid:8487")) as farm:
        with pytest.raises(UnavailableError) as told:
            await farm.version()
    assert told.value.message == (
        f"cannot reach the server at http://farm.invalid:8487 by the proxy 127.0.0.1:{port} of "
        "the environment: connection refused; if the server is reached without it, name that in "
        "NO_PROXY"
    )


def test_the_originals_server_is_told_from_ours_by_a_route_it_lacks() -> None:
    body = b'{"message":"/api/v1/reqs/1/explain not found"}'
    error = error_of(404, body, "http://old:8487")
    assert isinstance(error, RouteNotFoundError)
    assert "of the original Boruta, which cannot do this" in error.message
