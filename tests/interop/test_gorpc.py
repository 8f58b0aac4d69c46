import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.gorpc.captures import METHODS
from tests.gorpc.farmyard import REPLIES, Recorder, refusal
from tests.gorpc.values import SAMPLES
from tests.interop.gobuild import build
from tests.interop.wirejson import line, to_json

from boruta_farm.gorpc.client import Address, connect
from boruta_farm.gorpc.errors import ServerError
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.server import Server
from boruta_farm.gorpc.services import HEALTHCHECK, POWER_TICK, PowerTickRequest

SOURCES = Path(__file__).parent / "gorpc"
# What the Go server refuses, by the sample's place; all else it accepts.
REFUSED = {
    ("Superviser.Register", 0): "Capabilities are missing UUID entry",
    ("Superviser.Register", 2): "Capabilities are missing UUID entry",
    ("Dryad.Prepare", 0): "empty public key",
}


@pytest.fixture(scope="session")
def peer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the Go program once."""
    return build(SOURCES, tmp_path_factory.mktemp("gorpc"))


@pytest.fixture(params=["tcp", "unix"])
def network(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@asynccontextmanager
async def go_server(
    peer: Path, network: str, folder: Path
) -> AsyncIterator[tuple[Address, asyncio.StreamReader]]:
    """Run the Go server; yield its address and the calls it prints."""
    wanted = str(folder / "go.socket") if network == "unix" else "127.0.0.1:0"
    process = await asyncio.create_subprocess_exec(
        peer, "serve", network, wanted, stdout=asyncio.subprocess.PIPE, limit=1 << 20
    )
    assert process.stdout is not None
    try:
        address = json.loads(await process.stdout.readline())
        host, _, port = address.rpartition(":")
        yield (Path(address) if network == "unix" else (host, int(port))), process.stdout
    finally:
        process.kill()
        await process.communicate()


async def go_client(
    peer: Path, verb: str, address: Address, calls: list[str]
) -> list[dict[str, object]]:
    """Make calls with the Go client and return what it got."""
    where = (
        ("unix", str(address)) if isinstance(address, Path) else ("tcp", "{}:{}".format(*address))
    )
    process = await asyncio.create_subprocess_exec(
        peer, verb, *where, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate("".join(calls).encode())
    assert process.returncode == 0
    return [json.loads(each) for each in output.splitlines()]


@asynccontextmanager
async def our_server(recorder: Recorder, network: str, folder: Path) -> AsyncIterator[Address]:
    async with Server(recorder.routes()) as server:
        if network == "unix":
            await server.listen_unix(folder / "our.socket")
            yield folder / "our.socket"
        else:
            yield "127.0.0.1", await server.listen_tcp("127.0.0.1", 0)


async def test_a_go_server_understands_our_client(peer: Path, network: str, tmp_path: Path) -> None:
    async with (
        go_server(peer, network, tmp_path) as (address, printed),
        await connect(address) as client,
    ):
        for name, samples in SAMPLES.items():
            method = METHODS[name]
            for place, argument in enumerate(samples):
                refused = REFUSED.get((name, place))
                if refused is None:
                    reply = await client.call(method, argument, timeout=10)
                    assert reply == REPLIES.get(name, Empty())
                else:
                    with pytest.raises(ServerError) as raised:
                        await client.call(method, argument, timeout=10)
                    assert str(raised.value) == refused
                seen = json.loads(await printed.readline())
                assert seen == {"Method": name, "Argument": to_json(method.argument, argument)}


async def test_our_server_understands_a_go_client(peer: Path, network: str, tmp_path: Path) -> None:
    recorder, wanted = Recorder(), []
    calls: list[str] = []
    for name, samples in SAMPLES.items():
        wanted += [(name, argument) for argument in samples]
        calls += [line(name, to_json(METHODS[name].argument, each)) for each in samples]
    async with our_server(recorder, network, tmp_path) as address:
        results = await go_client(peer, "call", address, calls)
    assert [(name, argument) for name, argument, _ in recorder.calls] == wanted
    expected = [
        {"Reply": to_json(METHODS[name].reply, REPLIES.get(name, Empty()))} for name, _ in wanted
    ]
    assert results == expected


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
        go_server(peer, network, tmp_path) as (address, _),
        await connect(address) as client,
    ):

        async def slow() -> None:
            await client.call(POWER_TICK, second, timeout=10)
            finished.append("slow")

        async def quick() -> None:
            await client.call(HEALTHCHECK, Empty(), timeout=10)
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
