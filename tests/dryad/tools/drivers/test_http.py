"""Power sockets with web addresses, played by a local server."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.tools.drivers.http import DRIVER, HttpButton, HttpPower
from boruta_farm.dryad.tools.kinds.power import PowerState
from boruta_farm.dryad.tools.web import LARGEST, fetch
from boruta_farm.model.errors import BoardError, ConfigError
from tests.dryad.tools.drivers.stages import WebDevice, opened, web_device


@pytest.fixture
async def device() -> AsyncIterator[WebDevice]:
    async with web_device() as made:
        yield made


def power(folder: Path, **content: object) -> HttpPower:
    tool = opened(DRIVER, folder, **content)
    assert isinstance(tool, HttpPower)
    return tool


@pytest.mark.parametrize(
    ("name", "channel", "on", "off", "state", "answer", "told"),
    [
        (
            *("shelly", 1, "/rpc/Switch.Set?id=1&on=true", "/rpc/Switch.Set?id=1&on=false"),
            *("/rpc/Switch.GetStatus?id=1", b'{"id": 1, "output": true, "apower": 3.2}'),
            PowerState(on=True, watts=3.2),
        ),
        (
            *("shelly-gen1", 0, "/relay/0?turn=on", "/relay/0?turn=off"),
            *("/relay/0", b'{"ison": false}', PowerState(on=False)),
        ),
        (
            *("tasmota", 1, "/cm?cmnd=Power1%20On", "/cm?cmnd=Power1%20Off"),
            *("/cm?cmnd=Power1", b'{"POWER": "ON"}', PowerState(on=True)),
        ),
        (
            *("tasmota", 2, "/cm?cmnd=Power2%20On", "/cm?cmnd=Power2%20Off"),
            *("/cm?cmnd=Power2", b'{"POWER2": "OFF"}', PowerState(on=False)),
        ),
    ],
)
async def test_known_devices(
    device: WebDevice,
    tmp_path: Path,
    name: str,
    channel: int,
    on: str,
    off: str,
    state: str,
    answer: bytes,
    told: PowerState,
) -> None:
    device.answers = {on: b"{}", off: b"{}", state: answer}
    tool = power(tmp_path, device=name, channel=channel, url=device.url)
    await tool.cycle(0.0)
    assert await tool.state() == told
    assert device.asked == [off, on, state]


async def test_any_other_device(device: WebDevice, tmp_path: Path) -> None:
    device.answers = {"/1": b"ok", "/0": b"ok", "/s": b"OFF\n", "/j": b'{"a": {"p": "on", "w": 2}}'}
    own = {"on": f"{device.url}/1", "off": f"{device.url}/0"}
    plain = power(tmp_path, **own, state=f"{device.url}/s", user="ann", password="secret")
    assert await plain.state() == PowerState(on=False)
    assert device.headers[-1]["Authorization"] == "Basic YW5uOnNlY3JldA=="
    deep = power(tmp_path, **own, state=f"{device.url}/j", state_key="a.x, a.p", watts_key="a.w")
    assert await deep.state() == PowerState(on=True, watts=2.0)
    assert (await power(tmp_path, **own).state()).on is None
    with pytest.raises(BoardError, match="the device answered no JSON: 'OFF"):
        await power(tmp_path, **own, state=f"{device.url}/s", state_key="a").state()


async def test_a_button(device: WebDevice, tmp_path: Path) -> None:
    device.answers = {"/1": b"", "/0": b""}
    own = {"on": f"{device.url}/1", "off": f"{device.url}/0"}
    button = opened(DRIVER, tmp_path, kind="button", **own)
    assert isinstance(button, HttpButton)
    await button.press()
    await button.release()
    assert device.asked == ["/1", "/0"]


async def test_chunks_and_answers_without_length_are_read(device: WebDevice) -> None:
    chunks = b"3;x=1\r\nabc\r\n1\r\nd\r\n0\r\n\r\n"
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    device.answers = {"/chunked": chunked, "/open": b"HTTP/1.0 200 OK\r\n\r\nall of it"}
    assert await fetch(f"{device.url}/chunked") == b"abcd"
    assert await fetch(f"{device.url}/open") == b"all of it"


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        (
            b"HTTP/1.1 500 No\r\nContent-Length: 9\r\n\r\nit \x1b[31mis",
            r"refused it with 500: it \?\[31mi",
        ),
        (b"SSH-2.0-OpenSSH\r\n\r\n", "answered something that is no HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", "something that is no HTTP"),
        (
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (LARGEST + 1),
            "more than 16 MiB is not",
        ),
    ],
)
async def test_what_goes_wrong_is_told(device: WebDevice, answer: bytes, complaint: str) -> None:
    device.answers = {"/": answer}
    with pytest.raises(BoardError, match=complaint):
        await fetch(f"{device.url}/")


async def test_who_does_not_answer_is_told_without_what_may_be_secret() -> None:
    writers: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: writers.append(writer), "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    with pytest.raises(BoardError) as late:
        await fetch(f"http://127.0.0.1:{port}/cm?password=secret", limit=0.05)
    assert late.value.message == (
        "http://127.0.0.1 did not answer within 0.05 s; see that it has power"
    )
    for writer in writers:
        writer.close()
    silent.close()
    await silent.wait_closed()
    with pytest.raises(BoardError, match="cannot be reached"):
        await fetch(f"http://127.0.0.1:{port}/")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({}, "tools.it.on: is missing: name an address, or a known device"),
        ({"device": "shelly"}, "tools.it.url: is missing: where is the shelly?"),
        ({"device": "shelley"}, "'shelley' is none of shelly, shelly-gen1, tasmota, other"),
        ({"on": "relay/on"}, "'relay/on' must be an address, such as http://10.0.0.7/on"),
        ({"kind": "usb"}, "http makes none of these, only power, button"),
    ],
)
def test_wrong_tables(tmp_path: Path, content: dict[str, object], complaint: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        opened(DRIVER, tmp_path, **content)
    assert complaint in wrong.value.message
