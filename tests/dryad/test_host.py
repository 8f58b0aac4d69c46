"""Readings, facts and verdicts over a made-up machine."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.dryad.facts import Facts, describe, gather_facts
from boruta_farm.dryad.health import HealthLimits, PassiveHealth, judge, judge_disk
from boruta_farm.dryad.host import Readings, host_keys, take_readings
from boruta_farm.dryad.sshd import read_banner
from boruta_farm.model.errors import BoardError, UnavailableError

MEBIBYTE = 1 << 20
FINE = Readings(
    uptime=90_061.0,
    load=0.25,
    temperature=51.6,
    memory_available=300 * MEBIBYTE,
    memory_total=512 * MEBIBYTE,
    disk_free=900 * MEBIBYTE,
    disk_total=7000 * MEBIBYTE,
)
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f root@x"
FOLDER = Path("/var/lib/dryad")


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root folder with what Linux tells of itself."""
    for name, text in {
        "proc/uptime": "90061.50 1.0\n",
        "proc/meminfo": "MemTotal:  524288 kB\nMemAvailable:  307200 kB\nHugePages_Total: 0\n",
        "sys/class/thermal/thermal_zone0/temp": "41000\n",
        "sys/class/thermal/thermal_zone1/temp": "51600\n",
        "sys/class/thermal/thermal_zone2/temp": "-2147483\n",
        "etc/ssh/ssh_host_ed25519_key.pub": KEY,
        "etc/ssh/ssh_host_rsa_key.pub": "damaged",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


@asynccontextmanager
async def serving(greeting: bytes) -> AsyncIterator[str]:
    """Serve a greeting to whoever connects; yield the address."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        yield f":{server.sockets[0].getsockname()[1]}"


def test_readings_of_a_machine(machine: Path) -> None:
    readings = take_readings(machine, machine)
    assert readings.uptime == 90061.5
    assert readings.temperature == 51.6
    assert readings.memory_available == 300 * MEBIBYTE
    assert readings.memory_total == 512 * MEBIBYTE
    assert 0 <= readings.disk_free <= readings.disk_total


def test_a_machine_that_tells_nothing(tmp_path: Path) -> None:
    readings = take_readings(tmp_path, tmp_path)
    assert (readings.uptime, readings.temperature, readings.memory_available) == (None, None, None)
    assert set(describe(readings)) == {"Load", "Disk"}


def test_host_keys_are_told_by_their_fingerprints(machine: Path) -> None:
    [line] = host_keys(machine)
    assert line.startswith("ssh-ed25519 SHA256:")
    assert len(line.split(":")[1]) == 43


def test_readings_in_words() -> None:
    assert describe(FINE) == {
        "Load": "0.25",
        "Disk": "900 MiB of 7000 MiB free",
        "Uptime": "1 d 1 h 1 min",
        "Temperature": "52 °C",
        "Memory": "300 MiB of 512 MiB available",
    }


async def test_facts_of_machine_and_driver(machine: Path) -> None:
    async def driver() -> dict[str, str]:
        return {"STM": "MuxPi firmware v1.0"}

    async with serving(b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n") as address:
        facts = await gather_facts(machine, address, host_keys(machine), machine)
        assert facts["SSH"] == "OpenSSH_9.2p1 Debian-2"
        assert facts["Host key ssh-ed25519"].startswith("SHA256:")
        assert {"Agent", "Kernel", "Uptime", "Load", "Temperature"} <= set(facts)
        told = await Facts(machine, lambda: address, driver, own_server=True).now()
        assert told["STM"] == "MuxPi firmware v1.0"
        assert not any(name.startswith("Host key") for name in told)


async def test_a_busy_drivers_old_facts_stay(machine: Path) -> None:
    answers: list[dict[str, str] | Exception] = [{"STM": "v1.0"}, UnavailableError("busy")]

    async def driver() -> dict[str, str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    facts = Facts(machine, lambda: "127.0.0.1:1", driver)
    for _ in range(2):
        told = await facts.now()
        assert told["STM"] == "v1.0"
    assert "takes no connection" in told["SSH"]


def verdict(readings: Readings, limits: HealthLimits) -> list[str]:
    return judge_disk(readings, limits, FOLDER) + judge(readings, limits, lent=False)


def test_a_machine_in_good_health_is_not_complained_about() -> None:
    assert verdict(FINE, HealthLimits()) == []


@pytest.mark.parametrize(
    ("readings", "limits", "words"),
    [
        (
            replace(FINE, disk_free=MEBIBYTE),
            HealthLimits(),
            "only 1 MiB are free in /var",
        ),
        (replace(FINE, memory_available=0), HealthLimits(), "only 0 MiB of memory"),
        (replace(FINE, temperature=96.0), HealthLimits(), "it is 96 °C hot, 95 °C are allowed"),
        (FINE, HealthLimits(temperature=40), "check its cooling"),
        (FINE, HealthLimits(disk_free=1000), "1000 MiB are needed"),
    ],
)
def test_what_is_wrong_is_said(readings: Readings, limits: HealthLimits, words: str) -> None:
    [trouble] = verdict(readings, limits)
    assert words in trouble


def test_zero_judges_nothing() -> None:
    limits = HealthLimits(disk_free=0, memory_free=0, temperature=0)
    bad = replace(FINE, disk_free=0, memory_available=0, temperature=150.0)
    assert verdict(bad, limits) == []


def test_a_user_may_fill_what_is_lent_to_him_but_not_burn_it() -> None:
    bad = replace(FINE, disk_free=0, memory_available=0, temperature=150.0)
    [trouble] = judge(bad, HealthLimits(), lent=True)
    assert "hot" in trouble


async def test_all_troubles_are_told_at_once(machine: Path) -> None:
    async with serving(b"220 mail.example ESMTP\r\n") as address:
        health = PassiveHealth(HealthLimits(temperature=50), (machine,), lambda: address, machine)
        with pytest.raises(BoardError, match=r"52 °C hot.*; port \d+ of 127.0.0.1 is not served"):
            await health.check(lent=False)


async def test_a_healthy_machine_passes(machine: Path) -> None:
    async with serving(b"SSH-2.0-OpenSSH_9.2p1\r\n") as address:
        limits = HealthLimits(disk_free=0)
        await PassiveHealth(limits, (machine,), lambda: address, machine).check(lent=False)


@pytest.mark.parametrize("greeting", [b"", b"no line end", b"x" * 1000 + b"\n"])
async def test_a_greeting_that_makes_no_sense_is_refused(greeting: bytes) -> None:
    async with serving(greeting) as address:
        with pytest.raises(BoardError, match="takes no connection"):
            await read_banner(address)


async def test_the_disk_of_a_lent_board_is_its_users(machine: Path) -> None:
    async with serving(b"SSH-2.0-OpenSSH_9.2p1\r\n") as address:
        limits = HealthLimits(disk_free=1 << 40)
        health = PassiveHealth(limits, (machine, machine), lambda: address, machine)
        await health.check(lent=True)
        with pytest.raises(BoardError, match=r"MiB are free.*; only .* MiB are free"):
            await health.check(lent=False)
