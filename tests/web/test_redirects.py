import pytest

from boruta_farm.web.redirects import collapse, destination, redirect

KNOWN = {"/api/v1/version", "/api/v1/reqs/", "/api/v1/reqs/1"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("/api/version", "/api/v1/version"),
        ("/api/reqs/", "/api/v1/reqs"),
        ("/api/v2/version", "/api/v1/v2/version"),
        ("/api/v1", "/api/v1/v1"),
        ("/api/v1/version/", "/api/v1/version"),
        ("/api/v1/reqs", "/api/v1/reqs/"),
        ("/api/v1/reqs/1/", "/api/v1/reqs/1"),
        ("//api/v1/version", "/api/v1/version"),
        ("///api//reqs/", "/api/v1/reqs"),
        ("/api//v1/version", "/api/v1/version"),
        ("/api/v1//reqs", "/api/v1/reqs/"),
        ("/api", None),
        ("/api/", None),
        ("/apiary", None),
        ("/", None),
        ("//evil.example/api/", None),
        ("/api/v1/", None),
        ("/api/v1/nope", None),
        ("/api/v1/nope/", None),
        ("/API/v1/version", None),
    ],
)
def test_where_another_spelling_leads(path: str, place: str | None) -> None:
    assert destination(path, KNOWN.__contains__) == place


@pytest.mark.parametrize(("path", "clean"), [("/a/b", "/a/b"), ("//a///b//", "/a/b/")])
def test_runs_of_slashes_become_one(path: str, clean: str) -> None:
    assert collapse(path) == clean


def test_the_location_can_carry_nothing_but_a_path() -> None:
    answer = redirect("GET", '/api/v1/a\r\nX: "é', b"a=b&c=%20<\r\n")
    headers = dict(answer.headers)
    assert headers[b"location"] == b"/api/v1/a%0D%0AX%3A%20%22%C3%A9?a=b&c=%20%3C%0D%0A".replace(
        b"%3A", b":"
    )
    assert b"&amp;c=" in answer.body
    assert b"\r" not in answer.body


@pytest.mark.parametrize(("method", "kind"), [("HEAD", True), ("GET", True), ("POST", False)])
def test_only_reading_calls_get_words(method: str, kind: bool) -> None:
    answer = redirect(method, "/api/v1/version", b"")
    assert answer.status == 308
    assert (b"content-type" in dict(answer.headers)) is kind
    assert bool(answer.body) is kind
