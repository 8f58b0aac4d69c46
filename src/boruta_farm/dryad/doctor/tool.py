"""``dryad doctor``: run the checks one after the other and tell what they found."""

import argparse
import asyncio
import logging
from collections.abc import Sequence
from pathlib import Path

from boruta_farm.dryad import config as configuration
from boruta_farm.dryad.arguments import TypedArguments
from boruta_farm.dryad.config import DEFAULT_PATH, AgentConfig
from boruta_farm.dryad.doctor.accounts import check_accounts
from boruta_farm.dryad.doctor.farm import check_farm
from boruta_farm.dryad.doctor.helper import check_helper
from boruta_farm.dryad.doctor.service import ServiceFindings, check_service
from boruta_farm.dryad.doctor.ssh import check_ssh
from boruta_farm.dryad.doctor.system import check_system
from boruta_farm.dryad.doctor.tools import check_tools
from boruta_farm.dryad.drivers.registry import open_driver
from boruta_farm.dryad.findings import Finding, Verdict, summary, wrong
from boruta_farm.dryad.users.command import USUAL_USER
from boruta_farm.model.errors import ConfigError

DONE, FOUND_WRONG = 0, 1


def main(arguments: Sequence[str]) -> int:
    """Print every finding; 0 when the board can be lent, 1 when something keeps it from that."""
    options = _options(arguments)
    logging.disable(logging.CRITICAL)
    try:
        config = configuration.load(options.conf)
    except ConfigError as error:
        print(_refused(options.conf, error).text)
        return FOUND_WRONG
    service = check_service(config, options.user)
    findings = (*service.findings, *asyncio.run(examine(config, service)))
    for finding in findings:
        if finding.verdict is not Verdict.GOOD or not options.brief:
            print(finding.text)
    print(f"\n{summary(findings)}")
    return FOUND_WRONG if any(f.verdict is Verdict.WRONG for f in findings) else DONE


async def examine(config: AgentConfig, service: ServiceFindings) -> tuple[Finding, ...]:
    """Return all findings for a board but the service's, in the order in which they are mended."""
    try:
        driver = open_driver(config)
        tools = await check_tools(config, driver)
    except ConfigError as error:
        return (*check_system(config, users=False), _refused(config.path, error))
    users = not driver.own_server
    findings = list(check_system(config, users=users))
    if users:
        findings += check_accounts(config)
        findings += await check_helper(config)
        findings += await check_ssh(config)
    findings += await driver.examine()
    findings += tools
    findings += await check_farm(config, service.credential, ask=service.usable)
    return tuple(findings)


def _refused(path: Path, error: ConfigError) -> Finding:
    if not path.exists():
        return wrong("files", f"there is no {path}", f"dryad --conf {path} writes one; edit it")
    fact, _, remedy = error.message.partition("; ")
    return wrong("files", fact, remedy or f"correct {path}, then run the doctor again")


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    parser = TypedArguments(
        prog="dryad doctor",
        description="Check everything this board needs, and tell how to mend what is wrong. "
        "Nothing is changed.",
        allow_abbrev=False,
    )
    parser.add_argument(
        *("-conf", "--conf"), type=Path, default=DEFAULT_PATH, metavar="FILE", help="as for dryad"
    )
    parser.add_argument(
        "--user", default=USUAL_USER, help=f"whom the service runs as (default {USUAL_USER})"
    )
    parser.add_argument("--brief", action="store_true", help="leave out what is ok")
    return parser.parse_args(arguments)
