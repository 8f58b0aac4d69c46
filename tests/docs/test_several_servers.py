"""From one SQLite server to three over PostgreSQL, by the page's steps and the compose file.

No container runs here: each server is a process with the settings that the file gives its
container, started by the image's own entry point. Only addresses, folders and the way to the
database are this machine's.
"""

import asyncio
import os
import re
import secrets
import ssl
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from boruta_farm.access.link import stop_relay
from boruta_farm.client.config import ClientConfig
from boruta_farm.client.farm import Farm, connect
from boruta_farm.demo.farm import DemoProcesses
from boruta_farm.model.errors import UnauthenticatedError
from boruta_farm.model.request import NewRequest
from boruta_farm.model.token import PREFIX
from boruta_farm.server.config import load
from boruta_farm.testing.ports import some_ports
from tests.certificates import Authority, Files
from tests.e2e.stage import WITHIN, Yard, gone
from tests.ports import free_port
from tests.store.postgres_server import PostgresServer

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "integrations" / "compose"
SERVERS = ("server-1", "server-2", "server-3")
GIVEN = {
    "FARM_1": "192.0.2.1",
    "FARM_2": "192.0.2.2",
    "FARM_3": "192.0.2.3",
    "FARM_DATABASE_PASSWORD": "made-up",
}


def composed() -> dict[str, Any]:
    """Return the file as compose reads it, with its variables."""
    text = (FOLDER / "compose.yaml").read_text(encoding="utf-8")
    text = re.sub(r"\$\{(\w+):\?\}", lambda found: GIVEN[found[1]], text)
    assert "$" not in text
    made: dict[str, Any] = yaml.safe_load(text)
    return made


def test_every_container_has_settings_that_a_server_takes() -> None:
    services = composed()["services"]
    for name in SERVERS:
        relay = services[name]["network_mode"].removeprefix("service:")
        assert services[name]["pid"] == f"service:{relay}"
        assert services[relay]["volumes"] == services[name]["volumes"]
        environment = services[name]["environment"]
        # Whatever is no setting is refused here, as by the server.
        config = load(environment=environment)
        assert config.data == Path(services[name]["volumes"][0].partition(":")[2])
        first, last = config.tunnel_ports
        api = config.api_addr[1]
        assert services[relay]["ports"] == [
            f"{config.public_address}:{api}-{api + 1}:{api}-{api + 1}",
            f"{config.public_address}:{first}-{last}:{first}-{last}",
        ]
        assert not config.start_relay
    keys = {name: services[name]["environment"]["BORUTA_DATABASE"] for name in SERVERS}
    assert len(set(keys.values())) == 1


@pytest.mark.prove
async def test_from_one_sqlite_server_to_three(
    tmp_path: Path, postgres_server: PostgresServer
) -> None:
    backup = tmp_path / "farm.backup"
    (tmp_path / "before").mkdir()
    await saved_from_sqlite(tmp_path / "before", backup)
    authority = Authority(tmp_path)
    (tmp_path / "secrets").mkdir()
    authority.issue(Files(tmp_path / "secrets/farm.pem", tmp_path / "secrets/farm.key"))
    (tmp_path / "secrets" / "secret.key").write_bytes(secrets.token_bytes(32))
    address, tunnels = postgres_server.database("ENCODING 'UTF8' TEMPLATE template0"), some_ports()
    containers = [
        Container(tmp_path / name, name, address, "-".join(map(str, tunnels))) for name in SERVERS
    ]
    restored = await containers[0].run("boruta_farm.cli", "restore", str(backup))
    assert restored == 0
    async with AsyncExitStack() as stack:
        for container in containers:
            stack.push_async_callback(container.end)
            await container.begin()
        # Each makes a new one while nobody has signed in: the last counts.
        secret = next(line for line in containers[-1].said if line.startswith(PREFIX))
        first = ClientConfig(server=containers[0].url, ca_file=authority.file)
        async with connect(first) as farm:
            issued = await farm.tokens.login(secret, "", "test")
        signed_in = replace(first, server=containers[2].url, token=issued.secret)
        async with connect(signed_in) as farm:
            await known(farm)
            filed = await farm.requests.new_request(farm.caller, NewRequest(caps={}, priority=8))
            assert filed.id > 3, "ids go on rising"
            old = await farm.requests.get_request_info(farm.caller, 3)
            assert old.priority == 3
        leading = [await container.leads(authority.file, issued.secret) for container in containers]
        assert sum(leading) == 1
    await gone(tmp_path)


async def known(farm: Farm) -> None:
    """Return once a server knows a token that another one has issued: that takes up to a second."""
    async with asyncio.timeout(WITHIN):
        while True:
            try:
                await farm.workers.list_workers(farm.caller)
            except UnauthenticatedError:
                await asyncio.sleep(0.1)
            else:
                return


async def saved_from_sqlite(folder: Path, backup: Path) -> None:
    """Have a farm of one server with three requests, and save it while it runs."""
    yard = Yard(folder, free_port(), {})
    try:
        await yard.begin()
        async with connect(ClientConfig(server=yard.url)) as farm:
            for priority in (1, 2, 3):
                new = NewRequest(caps={"kind": "none"}, priority=priority)
                await farm.requests.new_request(farm.caller, new)
        words = (sys.executable, "-m", "boruta_farm.cli", "backup", "--data", yard.data, backup)
        done = await asyncio.create_subprocess_exec(*map(str, words))
        assert await done.wait() == 0
    finally:
        await yard.end()


class Container:
    """Run what one server's two containers run, with the settings of the compose file."""

    def __init__(self, folder: Path, name: str, database: str, tunnels: str) -> None:
        folder.mkdir()
        (folder / "data").mkdir(mode=0o700)
        (folder / "run").mkdir()
        services = composed()["services"]
        relay = services[name]["network_mode"].removeprefix("service:")
        self._commands = (services[relay]["command"], services[name]["command"])
        self.said: list[str] = []
        self.port = free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._data = folder / "data"
        self._processes = DemoProcesses(folder, self.said.append)
        inside = {
            "/var/lib/boruta": str(self._data),
            "/run/boruta": str(folder / "run"),
            "0.0.0.0:8487": f"127.0.0.1:{self.port}",
            "20000-20099": tunnels,
            services[name]["environment"]["BORUTA_DATABASE"]: database,
        }
        self._environment = {
            **{
                key: self._here(str(value), inside)
                for key, value in services[name]["environment"].items()
            },
            # The servers share one machine here, and the tunnels' ports.
            "BORUTA_TUNNEL_ADDRESS": f"127.0.0.{1 + SERVERS.index(name)}",
            "SECRETS": str(folder.parent / "secrets"),
            "RUN": str(folder / "run"),
            # Nobody else is there to become.
            "OWNER": "",
        }
        self._without_secrets = {**self._environment, "SECRETS": str(folder / "none")}
        assert "secrets" in services[name]
        assert "secrets" not in services[relay], "who shares the folder must not race for the key"

    @staticmethod
    def _here(value: str, inside: Mapping[str, str]) -> str:
        for there, here in inside.items():
            value = value.replace(there, here)
        return value

    def _entered(self, module: str, *words: str) -> tuple[str, ...]:
        return (str(FOLDER / "start"), sys.executable, "-m", module, *words)

    async def run(self, module: str, *words: str) -> int:
        """Run one command as ``docker compose run`` does."""
        process = await asyncio.create_subprocess_exec(
            *self._entered(module, *words), env={**os.environ, **self._environment}
        )
        return await process.wait()

    async def begin(self) -> None:
        """Start the relay and the server, and return when it serves."""
        modules = {"boruta-relay": "boruta_farm.access.relay", "boruta": "boruta_farm.cli"}
        for name, (program, *words) in zip(("relay", "server"), self._commands, strict=True):
            words = [self._here(word, {"/var/lib/boruta": str(self._data)}) for word in words]
            command = self._entered(modules[program], *words)
            given = self._environment if name == "server" else self._without_secrets
            serving = await self._processes.start(name, command, given)
        await self._processes.unless_failed(serving.wait(), "the server to serve")

    async def end(self) -> None:
        """End both."""
        await self._processes.end()
        await stop_relay(self._data)

    async def leads(self, authority: Path, token: str) -> bool:
        """Tell whether it says that it leads."""
        trust = ssl.create_default_context(cafile=authority)
        async with httpx.AsyncClient(verify=trust, timeout=WITHIN) as client:
            answer = await client.get(
                f"{self.url}/metrics", headers={"Authorization": f"Bearer {token}"}
            )
        assert answer.status_code == 200, answer.text
        return "\nboruta_leader 1.0\n" in answer.text


def test_the_entry_point_is_a_shell_script_that_a_shell_can_read() -> None:
    subprocess.run(["sh", "-n", FOLDER / "start"], check=True)
