import pytest

from boruta_farm.model.permission import Permission
from boruta_farm.web.calls import NO_CONTENT, Answer, Call
from boruta_farm.web.routes import Route, Router, segments_of


async def nothing(_call: Call) -> Answer:
    return NO_CONTENT


ROUTER = Router(
    tuple(
        Route(
            method=method,
            path=path,
            endpoint=nothing,
            permission=Permission.PUBLIC,
            summary="",
            head=method == "GET",
        )
        for method, path in (
            ("POST", "reqs/"),
            ("POST", "reqs/list"),
            ("GET", "reqs/{id}"),
            ("POST", "reqs/{id}"),
            ("POST", "reqs/{id}/close"),
        )
    )
)


def found(method: str, path: str) -> tuple[str, str] | None:
    match = ROUTER.find(method, tuple(path.split("/")))
    return None if match is None else (match[0].path, match[1])


@pytest.mark.parametrize(
    ("method", "path", "expected"),
    [
        ("POST", "reqs/", ("reqs/", "")),
        ("POST", "reqs/list", ("reqs/list", "")),
        ("GET", "reqs/list", ("reqs/{id}", "list")),
        ("HEAD", "reqs/7", ("reqs/{id}", "7")),
        ("HEAD", "reqs/", None),
        ("POST", "reqs/7/close", ("reqs/{id}/close", "7")),
        ("POST", "reqs//close", None),
        ("GET", "reqs/7/close", None),
        ("GET", "reqs/{}", ("reqs/{id}", "{}")),
        ("GET", "reqs", None),
        ("GET", "", None),
        ("POST", "reqs/7/close/", None),
        ("POST", "reqs/7/8/close", None),
    ],
)
def test_finds_routes(method: str, path: str, expected: tuple[str, str] | None) -> None:
    assert found(method, path) == expected


@pytest.mark.parametrize(
    ("path", "known"),
    [("reqs/", True), ("reqs", False), ("reqs/7", True), ("reqs/7/close", True), ("x/", False)],
)
def test_knows_paths_under_any_method(path: str, known: bool) -> None:
    assert ROUTER.knows("/api/v1/" + path) is known


@pytest.mark.parametrize(
    ("path", "raw", "segments"),
    [
        ("/api/v1/reqs/1", b"/api/v1/reqs/1", ("reqs", "1")),
        ("/api/v1//reqs//", b"/api/v1//reqs//", ("reqs", "")),
        ("/api/v1/workers/a/b", b"/api/v1/workers/a%2Fb", ("workers", "a/b")),
        ("/api/v1/workers/a/b", b"/api/v1//workers/a%2fb", ("workers", "a/b")),
        ("/api/v1/reqs/1", b"", ("reqs", "1")),
        ("/api/", b"/api/", None),
    ],
)
def test_cuts_paths(path: str, raw: bytes, segments: tuple[str, ...] | None) -> None:
    assert segments_of({"path": path, "raw_path": raw}) == segments
