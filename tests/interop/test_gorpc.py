"""Go against our codec, every method, both ways, on TCP and unix sockets."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.gorpc.captures import METHODS
from tests.gorpc.farmyard import REPLIES, Recorder, refusal
from tests.gorpc.values import SAMPLES
from tests.interop.peers import WITHIN, go_client, go_server
from tests.interop.wirejson import line, to_json

from boruta_farm.gorpc.client import Address, connect
from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import RpcServer
from boruta_farm.gorpc.services import HEALTHCHECK, POWER_TICK, PowerTickRequest

# What the Go server refuses, by the sample's place; all else it accepts.
REFUSED = {
    ("Superviser.Register", 0): "Capabilities are missing UUID entry",
    ("Superviser.Register", 2): "Capabilities are missing UUID entry",
    ("Dryad.Prepare", 0): "empty public key",
}


@pytest.fixture(params=["tcp", "unix"])
def network(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def our_server(recorder: Recorder, network: str, folder: Path) -> AsyncIterator[Address]:
    async with RpcServer(recorder.routes()) as server:
        if network == "unix":
            await server.listen_unix(folder / "our.socket")
            yield folder / "our.socket"
        else:
            yield "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)


@pytest.mark.parametrize("name", METHODS)
async def test_a_go_server_understands_our_client(
    name: str, peer: Path, network: str, tmp_path: Path
) -> None:
    method = METHODS[name]
    async with (
        go_server(peer, network, tmp_path) as server,
        await connect(server.address) as client,
    ):
        for place, argument in enumerate(SAMPLES[name]):
            refused = REFUSED.get((name, place))
            if refused is None:
                reply = await client.call(method, argument, timeout=WITHIN)
                assert reply == REPLIES.get(name, Empty())
            else:
                with pytest.raises(ServerError) as raised:
                    await client.call(method, argument, timeout=WITHIN)
                assert str(raised.value) == refused
            seen = await server.next()
            assert seen == {"Method": name, "Argument": to_json(method.argument, argument)}


@pytest.mark.parametrize("name", METHODS)
async def test_our_server_understands_a_go_client(
    name: str, peer: Path, network: str, tmp_path: Path
) -> None:
    recorder, method = Recorder(), METHODS[name]
    calls = [line(name, to_json(method.argument, each)) for each in SAMPLES[name]]
    async with our_server(recorder, network, tmp_path) as address:
        results = await go_client(peer, "call", address, calls)
    assert [(called, argument) for called, argument, _ in recorder.calls] == [
        (name, argument) for argument in SAMPLES[name]
    ]
    expected = {"Reply": to_json(method.reply, REPLIES.get(name, Empty()))}
    assert results == [expected] * len(calls)


def test_every_method_has_samples() -> None:
    assert SAMPLES.keys() == METHODS.keys()


async def test_a_go_client_may_send_many_calls_at_once(
    peer: Path, network: str, tmp_path: Path
) -> None:
    calls = [line("Interface.GetCurrent", {}), line("Interface.SetLED", {"R": 7})] * 200
    async with our_server(Recorder(), network, tmp_path) as address:
        results = await go_client(peer, "together", address, calls)
    assert results == [{"Reply": {"Value": 420}}, {"Reply": {}}] * 200


async def test_a_go_server_may_answer_out_of_order(
    peer: Path, network: str, tmp_path: Path
) -> None:
    second = PowerTickRequest(nanoseconds=10**9)
    finished: list[str] = []
    async with (
        go_server(peer, network, tmp_path) as server,
        await connect(server.address) as client,
    ):

        async def slow() -> None:
            await client.call(POWER_TICK, second, timeout=WITHIN)
            finished.append("slow")

        async def quick() -> None:
            await client.call(HEALTHCHECK, Empty(), timeout=WITHIN)
            finished.append("quick")

        await asyncio.gather(slow(), quick())
    assert finished == ["quick", "slow"]


async def test_our_refusals_reach_a_go_client_word_by_word_and_keep_its_connection(
    peer: Path, network: str, tmp_path: Path
) -> None:
    recorder = Recorder(refusals={"Superviser.SetFail": refusal("Worker not found")})
    strange = {"Key": {"Name": "main.strangeKey", "Value": {}}}
    calls = [
        line("Superviser.SetFail", {"Uuid": "u"}),
        line("Superviser.Nope", {}),
        line("Nobody.Nope", {}),
        line("Nope", {}),
        line("Dryad.Prepare", strange),
        line("Dryad.Prepare", strange),
        line("Interface.SetLED/wide", {"R": 256}),
        line("Interface.GetCurrent", {}),
    ]
    async with our_server(recorder, network, tmp_path) as address:
        results = await go_client(peer, "call", address, calls)
    strange_error = 'gob: name not registered for interface: "main.strangeKey"'
    assert [result.get("Error") for result in results] == [
        "Worker not found",
        "rpc: can't find method Superviser.Nope",
        "rpc: can't find service Nobody.Nope",
        "rpc: service/method request ill-formed: Nope",
        strange_error,
        strange_error,
        'value for "R" out of range',
        None,
    ]
    assert results[-1] == {"Reply": {"Value": 420}}
