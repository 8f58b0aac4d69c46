"""Boards of the farm for foreign test suites: labgrid's environment, Twister's hardware map."""

import json
import re
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from boruta_farm.cli.acquire import save_access
from boruta_farm.cli.console import failures_told, legible, run
from boruta_farm.cli.options import IdArgument
from boruta_farm.cli.own import own_command
from boruta_farm.client.farm import Farm
from boruta_farm.client.last import state_path
from boruta_farm.model.errors import ConfigError, InvalidError
from boruta_farm.model.worker import AccessInfo, Worker

TOOLS_FACT: Final = "Tools"
TOOL: Final = re.compile(r"([a-z][a-z0-9_-]*)(?: \(([a-z]+)\))?")
PLATFORM: Final = "platform"
"""The capability that names a board as Zephyr does."""

BAUD: Final = 115200
NOT_BETWEEN_COMMAS: Final = re.compile(r"[, ]")
FOLDER: Final = "labgrid"


@dataclass(frozen=True, slots=True, kw_only=True)
class BoardAtHand:
    """A board in hand: who it is, and how it is reached and operated."""

    request: int
    name: str
    caps: Mapping[str, str]
    facts: Mapping[str, str]
    access: AccessInfo
    boruta: tuple[str, ...]

    def tools(self, kind: str) -> list[str]:
        """Return the names of its tools of a kind."""
        told = self.facts.get(TOOLS_FACT, "").split(", ")
        found = [match for match in map(TOOL.fullmatch, told) if match is not None]
        return [match[1] for match in found if (match[2] or match[1]) == kind]

    def command(self, *words: str) -> list[str]:
        """Return the command of ours that does something with it."""
        return [*self.boruta, *words]


def labgrid(
    context: typer.Context,
    request_id: IdArgument,
    target: Annotated[
        str, typer.Option("--target", metavar="NAME", help="What the suite calls the board.")
    ] = "main",
    save: Annotated[
        Path | None,
        typer.Option(
            "--save",
            metavar="FOLDER",
            help="A new folder for the job's key; else one beside the other state of boruta.",
        ),
    ] = None,
) -> None:
    """Print a labgrid environment with which a suite runs on a running request's board.

    boruta labgrid 42 > env.yaml; pytest --lg-env env.yaml. Power and console are the device's, by
    ExternalPowerDriver and ExternalConsoleDriver; SSHDriver reaches the board's supervisor.
    """
    board = _lent(context, request_id)
    with failures_told():
        keyfile = _save_key(board, save)
    print_yaml({"targets": {target: environment(board, keyfile)}})


def twister(
    context: typer.Context,
    request_id: IdArgument,
    platform: Annotated[
        str | None,
        typer.Option(
            "--platform",
            metavar="NAME",
            help=f"The board's name at Zephyr; else its capability {PLATFORM}.",
        ),
    ] = None,
    fixtures: Annotated[
        list[str] | None,
        typer.Option("--fixture", metavar="NAME", help="What is wired to it; repeatable."),
    ] = None,
) -> None:
    """Print a hardware map by which Zephyr's Twister tests on a running request's board.

    boruta twister 42 --platform rpi_4b > map.yaml; twister --device-testing --hardware-map map.yaml
    --flash-command boruta-flash, which is a script in integrations/twister.
    """
    board = _lent(context, request_id)
    name = platform or board.caps.get(PLATFORM)
    if not name:
        raise typer.BadParameter(
            f"{board.name} has no capability {PLATFORM!r}; name the board as Zephyr does: "
            "--platform NAME"
        )
    with failures_told():
        print_yaml([hardware(board, name, fixtures or [])])


def environment(board: BoardAtHand, keyfile: Path | None) -> dict[str, object]:
    """Return labgrid's resources and drivers for a board."""
    drivers: list[dict[str, object]] = []
    powers, consoles = board.tools("power"), board.tools("console")
    for name in powers:
        acts = {act: shlex.join(board.command(*_power(board, act, name))) for act in POWER_ACTS}
        own = {f"cmd_{act}": command for act, command in acts.items()}
        drivers.append({"ExternalPowerDriver": {**_named(name, powers), **own}})
    for name in consoles:
        cmd = shlex.join(board.command("console", str(board.request), name, "--plain"))
        drivers.append({"ExternalConsoleDriver": {**_named(name, consoles), "cmd": cmd}})
    drivers.append({"SSHDriver": {} if keyfile is None else {"keyfile": str(keyfile)}})
    access = board.access
    service = {"address": access.host, "port": access.port, "username": access.username}
    return {"resources": {"NetworkService": service}, "drivers": drivers}


POWER_ACTS: Final = ("on", "off", "cycle")


def _power(board: BoardAtHand, act: str, name: str) -> tuple[str, ...]:
    return ("power", str(board.request), act, name)


def _named(name: str, among: Sequence[str]) -> dict[str, object]:
    """Return labgrid's name of a driver: a suite asks for one only where there are several."""
    return {"name": name} if len(among) > 1 else {}


def hardware(board: BoardAtHand, platform: str, fixtures: Sequence[str]) -> dict[str, object]:
    """Return the entry of a board. Raises InvalidError for one without a console."""
    consoles = board.tools("console")
    if not consoles:
        raise InvalidError(f"{board.name} has no console, which Twister reads results from")
    words = board.command("console", str(board.request), consoles[0], "--plain")
    if any(map(NOT_BETWEEN_COMMAS.search, words)):
        raise ConfigError(
            f"Twister reads no command with blanks or commas in its words: {shlex.join(words)}; "
            "let boruta be found by PATH"
        )
    entry: dict[str, object] = {
        "connected": True,
        "id": str(board.request),
        "platform": platform,
        "product": board.name,
        "runner": "misc-flasher",
        "serial_pty": ",".join(words),
        "baud": BAUD,
    }
    return {**entry, "fixtures": list(fixtures)} if fixtures else entry


def print_yaml(value: object) -> None:
    """Print what every reader of YAML reads; texts are in quotes, as in JSON."""
    print(legible("\n".join(_yaml(value))))


def _yaml(value: object) -> Iterator[str]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            if isinstance(item, Mapping | list) and item:
                yield f"{key}:"
                yield from (f"  {line}" for line in _yaml(item))
            else:
                yield f"{key}: {json.dumps(item)}"
    elif isinstance(value, list) and value:
        for item in value:
            for number, line in enumerate(_yaml(item)):
                yield f"{'  ' if number else '- '}{line}"
    else:
        yield json.dumps(value)


def _lent(context: typer.Context, request_id: int) -> BoardAtHand:
    """Return the board of a running request. Ends with words where it has none."""

    async def work(farm: Farm) -> tuple[AccessInfo, Worker]:
        access = await farm.requests.acquire_worker(farm.caller, request_id)
        request = await farm.requests.get_request_info(farm.caller, request_id)
        if request.job is None:
            raise InvalidError("its job has just ended")
        return access, await farm.workers.get_worker_info(farm.caller, request.job.worker)

    access, worker = run(context, work, f"request {request_id}")
    return BoardAtHand(
        request=request_id,
        name=worker.name,
        caps=worker.caps,
        facts=worker.facts or {},
        access=access,
        boruta=own_command(context),
    )


def _save_key(board: BoardAtHand, save: Path | None) -> Path | None:
    """Write the job's key into a private folder; None where the request has a key of its own.

    Without a folder of the caller's it is one of ours, whose older content is worth nothing.
    Raises ConfigError.
    """
    if not board.access.key:
        return None
    folder = save
    if folder is None:
        state = state_path()
        if state is None:
            raise ConfigError("there is no home for the job's key; name a folder: --save FOLDER")
        folder = state.parent / FOLDER / str(board.request)
        shutil.rmtree(folder, ignore_errors=True)
    return save_access(board.access, folder.absolute(), f"boruta-{board.request}").identity
