import asyncio
import gc
import logging
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.gorpc.captures import NAMES, load
from tests.gorpc.farmyard import Recorder, serving, talk
from tests.gorpc.streams import define, map_of, message, slice_of, struct, value
from tests.gorpc.torture import MOST_MEMORY, TooExpensiveError, measure, read_everything

from boruta_farm.gorpc.client import call_once
from boruta_farm.gorpc.encoder import Encoder
from boruta_farm.gorpc.primitives import encode_text, encode_uint
from boruta_farm.gorpc.routes import RpcPeer, route
from boruta_farm.gorpc.rpc import REQUEST, RequestHeader
from boruta_farm.gorpc.schema import Empty
from boruta_farm.gorpc.services import (
    HEALTHCHECK,
    PUT_IN_MAINTENANCE,
    REGISTER,
    PutInMaintenanceRequest,
    RegisterRequest,
)
from boruta_farm.gorpc.types import GoKind

ROOT = Path(__file__).parents[2]
STREAMS = [data for name in NAMES for data in (load(name).requests, load(name).replies)]


@pytest.fixture
def traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@st.composite
def mutated_streams(draw: st.DrawFn) -> bytes:
    """Draw a recorded stream with bytes changed, cut out, doubled, or another spliced in."""
    data = bytearray(draw(st.sampled_from(STREAMS)))
    for _ in range(draw(st.integers(1, 8))):
        start = draw(st.integers(0, len(data)))
        end = min(len(data), start + draw(st.integers(0, 40)))
        other = draw(st.sampled_from(STREAMS))
        match draw(st.sampled_from(["change", "cut", "double", "insert", "splice"])):
            case "change" if start < len(data):
                data[start] = draw(st.integers(0, 255))
            case "cut":
                del data[start:end]
            case "double":
                data[end:end] = data[start:end]
            case "insert":
                data[start:start] = draw(st.binary(max_size=12))
            case "splice":
                data[start:] = other[draw(st.integers(0, len(other))) :]
    return bytes(data)


@settings(max_examples=500)
@given(mutated_streams(), st.integers(1, 500))
def test_mutated_streams_end_in_clean_errors(data: bytes, piece: int) -> None:
    read_everything(data, piece)


@settings(max_examples=300)
@given(st.binary(max_size=300))
def test_any_bytes_end_in_clean_errors(data: bytes) -> None:
    read_everything(data, 64)


@settings(max_examples=100, deadline=None)
@given(mutated_streams(), st.integers(1, 500))
def test_the_pieces_do_not_change_what_a_mutated_stream_says(data: bytes, piece: int) -> None:
    assert read_everything(data, piece) == read_everything(data, len(data) + 1)


def padded(start: bytes, unit: bytes) -> bytes:
    """Fill a list or map of many equal elements up to the longest message there may be."""
    count = min(32_000, 65_000 // len(unit))
    return start + encode_uint(count) + unit * count


def costly_streams() -> dict[str, bytes]:
    """Make the streams that turn the fewest bytes into the most memory or time we know of."""
    header = message(struct(65, ServiceMethod=GoKind.STRING, Seq=GoKind.UINT)) + value(
        65, b"\x01" + encode_text("Dryad.Nope") + b"\x00"
    )
    lists = slice_of(66, 67)
    named = {f"field{number:02}": GoKind.INT for number in range(60)}
    wide = ("x" * 60_000 + "\N{ROCKET}").encode()
    bodies = {
        "empty lists": message(lists)
        + message(slice_of(67, GoKind.INT))
        + value(66, padded(b"\x00", b"\x00")),
        "empty structs": message(lists) + message(struct(67)) + value(66, padded(b"\x00", b"\x00")),
        "structs of one field": message(lists)
        + message(struct(67, A=GoKind.INT))
        + value(66, padded(b"\x00", b"\x01\x7f\x00")),
        "lists of one": message(lists)
        + message(slice_of(67, GoKind.INT))
        + value(66, padded(b"\x00", b"\x01\x7f")),
        "integers": message(slice_of(66, GoKind.INT)) + value(66, padded(b"\x00", b"\x7f")),
        "long integers": message(slice_of(66, GoKind.UINT))
        + value(66, padded(b"\x00", b"\xf8" + b"\xff" * 8)),
        "complex numbers": message(slice_of(66, GoKind.COMPLEX))
        + value(66, padded(b"\x00", b"\x01\x01")),
        "texts": message(slice_of(66, GoKind.STRING)) + value(66, padded(b"\x00", b"\x02\xc3\xa4")),
        "empty bytes": message(slice_of(66, GoKind.BYTES)) + value(66, padded(b"\x00", b"\x00")),
        "pairs": message(map_of(66, GoKind.INT, GoKind.INT))
        + value(66, padded(b"\x00", b"\x7f\x7f")),
        "interfaces": message(slice_of(66, GoKind.INTERFACE))
        + value(66, padded(b"\x00", b"\x01i\x04\x02\x00\x02")),
        "a wide text": value(GoKind.STRING, b"\x00" + encode_uint(len(wide)) + wide),
        "broken text": value(GoKind.STRING, b"\x00" + encode_uint(65_000) + b"\xff" * 65_000),
        "depth": message(slice_of(66, 66)) + value(66, b"\x00" + b"\x01" * 60_000),
        "definitions": b"".join(message(struct(number, **named)) for number in range(66, 130)),
        "opaque definitions": b"".join(message(define(each, 5, b"")) for each in range(66, 200)),
        "fields": message(struct(66, **{f"f{each}": GoKind.INT for each in range(5_000)})),
    }
    return {name: header + body for name, body in bodies.items()}


@pytest.mark.parametrize("name", sorted(costly_streams()))
def test_no_stream_costs_too_much(name: str, traced: None) -> None:
    measure(costly_streams()[name], 16 * 1024)


def test_the_measure_notices_what_is_too_much(
    traced: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tests.gorpc.torture.MOST_MEMORY", 10_000)
    with pytest.raises(TooExpensiveError):
        measure(costly_streams()["integers"], 16 * 1024)


def flood(sequences: range) -> bytes:
    """Make calls whose arguments are as costly to hold as the limits let them be."""
    encoder = Encoder()
    wide = PutInMaintenanceRequest(message="x" * 60_000 + "\N{ROCKET}")
    many = RegisterRequest(
        capabilities={f"{number:04}": "ä" for number in range(4_000)},
        dryad_address="",
        ssh_address="",
    )
    calls = b""
    for sequence in sequences:
        method, argument = (PUT_IN_MAINTENANCE, wide) if sequence % 2 else (REGISTER, many)
        header = RequestHeader(method=method.name, sequence=sequence)
        calls += encoder.encode((REQUEST, header), (method.argument, argument))
    return calls


@pytest.mark.prove
async def test_one_connection_of_a_server_stays_below_its_memory(traced: None) -> None:
    held, two, three, release = 0, asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold(argument: object, peer: RpcPeer) -> Empty:
        nonlocal held
        held += 1
        if held == 2:
            two.set()
        if held == 3:
            three.set()
        await release.wait()
        return Empty()

    calls = flood(range(6))
    async with serving([route(PUT_IN_MAINTENANCE, hold), route(REGISTER, hold)]) as address:
        _, writer = await asyncio.open_connection(*address)
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        writer.write(calls)
        await asyncio.wait_for(two.wait(), timeout=10)
        # The two fill the memory of a connection: the third waits unread.
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(three.wait(), timeout=0.3)
        _, peak = tracemalloc.get_traced_memory()
        # What the sender still buffers is its own.
        assert peak - before - len(calls) < MOST_MEMORY
        release.set()
        await asyncio.wait_for(three.wait(), timeout=10)
        writer.close()
        await writer.wait_closed()


@settings(max_examples=30, deadline=None)
@given(mutated_streams())
def test_a_server_survives_mutated_streams(data: bytes) -> None:
    async def attack() -> None:
        faults: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, fault: faults.append(fault))
        async with serving(Recorder().routes()) as address:
            await talk(address, data)
            await call_once(address, HEALTHCHECK, Empty())
        assert faults == []

    logging.getLogger("asyncio").setLevel(logging.WARNING)
    asyncio.run(attack())


@pytest.mark.prove
def test_guided_mutations_end_in_clean_errors(tmp_path: Path) -> None:
    pytest.importorskip("atheris", reason="atheris is not installed (x86-64, Python 3.11 only)")
    corpus = tmp_path / "corpus"
    corpus.mkdir()
    for number, data in enumerate(STREAMS):
        (corpus / f"{number:02}").write_bytes(data)
    options = ["-runs=40000", "-seed=7", "-max_len=4096", "-timeout=5"]
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.gorpc.atheris_target",
            *options,
            f"-artifact_prefix={tmp_path}/",
            str(corpus),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert finished.returncode == 0, finished.stdout[-4000:] + finished.stderr[-4000:]
    assert "Done 40000 runs" in finished.stderr
