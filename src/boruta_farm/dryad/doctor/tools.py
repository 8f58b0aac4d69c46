"""The board's tools: each is asked how it is, and nothing is switched."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.drivers.base import Driver
from boruta_farm.dryad.dut.call import DutError, ask
from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.tools.configured import open_tools, own_socket
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import BoardError

SUBJECT = "tools"


async def check_tools(config: AgentConfig, driver: Driver) -> tuple[Finding, ...]:
    """Ask the running agent, which may hold what a tool needs, else each tool itself.

    Raises ConfigError for wrong tables.
    """
    toolbox, _ = open_tools(config)
    if not toolbox:
        return ()
    findings = []
    if driver.door is None:
        findings.append(
            advice(
                SUBJECT,
                f"sessions of the driver {config.driver} cannot operate tools: it has no door",
                "update the package that brings the driver",
            )
        )
    told = await asyncio.to_thread(_ask_agent, own_socket(config))
    return (*findings, *_findings(await _ask_tools(toolbox) if told is None else told))


def _findings(told: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    for tool in told:
        name = f"{tool['name']} ({tool['kind']})"
        if tool["fault"]:
            fact, _, remedy = str(tool["fault"]).partition("; ")
            yield wrong(SUBJECT, fact, remedy or f"see that {tool['name']} is connected")
        elif tool["kind"] == "power" and str(tool["state"]).startswith("unknown"):
            yield advice(
                SUBJECT,
                f"{name}: its state cannot be read, so no clean-up proves that it is off",
                f"give [tools.{tool['name']}] a way to read it",
            )
        else:
            yield good(SUBJECT, f"{name}: {tool['state'] or 'is declared; nothing can be read'}")


def _ask_agent(socket: Path) -> Sequence[Mapping[str, Any]] | None:
    """Return what the running agent tells, None where none answers."""
    try:
        return list(ask("list", at=socket)["tools"])
    except DutError:
        return None


async def _ask_tools(toolbox: Toolbox) -> Sequence[Mapping[str, Any]]:
    await toolbox.start()
    try:
        found = []
        for each in toolbox:
            state, fault = "", ""
            try:
                state = await each.look()
            except BoardError as error:
                fault = error.message
            told = {"name": each.name, "kind": each.kind.kind, "state": state, "fault": fault}
            found.append(told)
        return found
    finally:
        await toolbox.close()
