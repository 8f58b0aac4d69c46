"""A CI job's sign-in is made anew in time, by whatever its CI system gives."""

from pathlib import Path
from urllib.parse import parse_qs

import httpx
import pytest

from boruta_farm.client.config import ClientConfig
from boruta_farm.client.job_sign_in import AGAIN_AFTER, JobSignIn
from boruta_farm.client.transport import Transport
from boruta_farm.client.wire import read
from boruta_farm.model.errors import ConfigError, UnauthenticatedError, UnavailableError
from boruta_farm.model.sign_in import ExchangedToken
from tests.client.test_workload import FARM, GITHUB

LASTS = 3600


class Outside:
    """GitHub, the farm, and what time it is."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.asked = 0
        self.shown: list[str] = []
        self.bearers: list[str | None] = []
        self.away = False
        self.network = httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.host == "pipelines.example":
            self.asked += 1
            return httpx.Response(503 if self.away else 200, json={"value": f"a.b.{self.asked}"})
        if request.url.path.endswith("/token-exchange"):
            (shown,) = parse_qs(request.content.decode())["subject_token"]
            return httpx.Response(200, json=self._exchanged(shown))
        self.bearers.append(request.headers.get("authorization"))
        return httpx.Response(200, json={})

    def _exchanged(self, shown: str) -> dict[str, object]:
        assert shown not in self.shown, "it counts once"
        self.shown.append(shown)
        told = {"access_token": f"short-{len(self.shown)}", "scope": "request"}
        return {**told, "expires_in": LASTS}

    async def exchange(self, shown: str) -> ExchangedToken:
        return read(ExchangedToken, self._exchanged(shown))

    def job(self, environment: dict[str, str]) -> JobSignIn:
        return JobSignIn(FARM, environment, lambda: self.now, self.network)


@pytest.fixture
def outside() -> Outside:
    return Outside()


async def test_github_vouches_as_often_as_it_is_asked(outside: Outside) -> None:
    job = outside.job(GITHUB)
    channel = Transport(ClientConfig(server=FARM, job=job), outside.network)
    for _ in range(2):
        await channel.get("version")
    outside.now += LASTS / 2 + 1
    await channel.get("version")
    await channel.aclose()
    assert outside.bearers == ["Bearer short-1", "Bearer short-1", "Bearer short-2"]
    assert outside.shown == ["a.b.1", "a.b.2"]
    assert job.left is None


async def test_a_file_that_is_written_anew_does_too(outside: Outside, tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("d.e.f")
    job = outside.job({"BORUTA_ID_TOKEN_FILE": str(path)})
    assert await job.fresh(outside.exchange) == "short-1"
    outside.now += LASTS - 2 * AGAIN_AFTER
    assert await job.fresh(outside.exchange) == "short-1", (
        "it is the same, and this one is good yet"
    )
    path.write_text("g.h.i")
    assert await job.fresh(outside.exchange) == "short-1", "it was looked at a moment ago"
    outside.now += AGAIN_AFTER
    assert await job.fresh(outside.exchange) == "short-2"
    path.unlink()
    outside.now += LASTS + 1
    with pytest.raises(UnauthenticatedError, match=r"has ended, and .*: .* cannot be read"):
        await job.fresh(outside.exchange)


async def test_a_variable_is_good_once_and_says_when_that_ends(outside: Outside) -> None:
    job = outside.job({"BORUTA_ID_TOKEN": "a.b.c"})
    assert await job.fresh(outside.exchange) == "short-1"
    outside.now += LASTS - 1
    assert await job.fresh(outside.exchange) == "short-1"
    assert job.left == 1
    outside.now += 1
    with pytest.raises(UnauthenticatedError, match="no other token; let 'lasts'"):
        await job.fresh(outside.exchange)
    assert outside.shown == ["a.b.c"]


async def test_who_is_away_is_asked_again_and_a_good_token_serves_meanwhile(
    outside: Outside,
) -> None:
    job = outside.job(GITHUB)
    assert await job.fresh(outside.exchange) == "short-1"
    outside.away = True
    outside.now += LASTS / 2
    for _ in range(3):
        assert await job.fresh(outside.exchange) == "short-1"
    assert outside.asked == 2, "not at every call"
    outside.now += LASTS
    with pytest.raises(UnavailableError, match="GitHub did not give"):
        await job.fresh(outside.exchange)
    outside.away = False
    assert await job.fresh(outside.exchange) == "short-2"


async def test_where_nobody_vouches_it_is_told_at_once(outside: Outside) -> None:
    with pytest.raises(ConfigError, match="no CI system vouches"):
        await outside.job({}).fresh(outside.exchange)
