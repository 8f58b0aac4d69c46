from http import HTTPStatus

import pytest

from boruta_farm.dryad.dialling import Dialler
from boruta_farm.model.errors import RefusedError
from tests.dialled import listening


async def test_a_dial_shows_the_credential_of_the_day_to_the_link() -> None:
    credentials = iter(("first", "second"))
    async with listening() as (server, number):
        dialler = Dialler(f"http://127.0.0.1:{number}/boruta/", lambda: next(credentials))
        for _ in range(2):
            socket = await dialler.dial()
            assert await socket.receive() == "welcome"
            await socket.close(1000, "")
        assert dialler.local_ip == "127.0.0.1"
        assert server.headers == ["Bearer first", "Bearer second"]
        assert server.paths == ["/boruta/api/v1/link"] * 2


async def test_an_agent_is_told_that_it_was_turned_away() -> None:
    async with listening(HTTPStatus.FORBIDDEN) as (_, number):
        dialler = Dialler(f"http://127.0.0.1:{number}", lambda: "s3cret")
        with pytest.raises(RefusedError, match="turned the agent away"):
            await dialler.dial()


@pytest.mark.parametrize(("server", "exposed"), [("http://10.0.0.5", True), ("wss://a", False)])
def test_a_credential_in_the_open_is_noticed(server: str, exposed: bool) -> None:
    assert Dialler(server, lambda: "s3cret").exposed is exposed
