"""Where a job's own token is found, and for whom it is asked."""

from pathlib import Path

import httpx
import pytest

from boruta_farm.client.workload import audience_of, job_token
from boruta_farm.model.errors import ConfigError, UnavailableError

FARM = "https://farm.example:8487"
GITHUB = {
    "ACTIONS_ID_TOKEN_REQUEST_URL": "https://pipelines.example/token?api-version=2.0",
    "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "runner",
}


def github(answer: httpx.Response, asked: list[httpx.Request]) -> httpx.MockTransport:
    def handle(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return answer

    return httpx.MockTransport(handle)


def test_the_farm_does_not_choose_the_audience() -> None:
    assert audience_of(FARM, {}) == FARM
    assert audience_of(FARM, {"BORUTA_AUDIENCE": "boards"}) == "boards"


async def test_github_is_asked_for_a_token_for_this_farm() -> None:
    asked: list[httpx.Request] = []
    network = github(httpx.Response(200, json={"value": "a.b.c"}), asked)
    assert await job_token(FARM, GITHUB, network) == "a.b.c"
    assert dict(asked[0].url.params) == {"api-version": "2.0", "audience": FARM}
    assert asked[0].headers["authorization"] == "Bearer runner"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(403),
        httpx.Response(200, content=b"<html>"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"value": 7}),
        httpx.Response(302, headers={"location": "https://evil.example"}),
    ],
)
async def test_what_github_may_answer_instead(answer: httpx.Response) -> None:
    asked: list[httpx.Request] = []
    with pytest.raises(UnavailableError, match="GitHub did not give"):
        await job_token(FARM, GITHUB, github(answer, asked))
    assert len(asked) == 1


async def test_the_runners_own_token_goes_out_encrypted_alone() -> None:
    plain = {**GITHUB, "ACTIONS_ID_TOKEN_REQUEST_URL": "http://pipelines.example/token"}
    with pytest.raises(ConfigError, match="https"):
        await job_token(FARM, plain)


async def test_a_token_is_given_or_lies_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("d.e.f\n")
    both = {"BORUTA_ID_TOKEN": " a.b.c\n", "BORUTA_ID_TOKEN_FILE": str(path)}
    assert await job_token(FARM, both) == "a.b.c"
    assert await job_token(FARM, {"BORUTA_ID_TOKEN_FILE": str(path)}) == "d.e.f"
    with pytest.raises(ConfigError, match="cannot be read"):
        await job_token(FARM, {"BORUTA_ID_TOKEN_FILE": str(tmp_path / "none")})


@pytest.mark.parametrize("text", ["secret", "a.b", "a.b.c d", "a.b.\u00e9", "a.b." + "c" * 20_000])
async def test_what_is_no_token_is_told_without_it(text: str) -> None:
    with pytest.raises(ConfigError, match="no signed token") as refusal:
        await job_token(FARM, {"BORUTA_ID_TOKEN": text})
    assert text not in str(refusal.value)


async def test_where_nobody_vouches_the_way_there_is_told() -> None:
    with pytest.raises(ConfigError, match="id-token: write") as refusal:
        await job_token(FARM, {})
    assert FARM in str(refusal.value)
