"""The verb that carries over what an admin has set on another server."""

import asyncio
from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated

import typer

from boruta_farm.cli.console import complain, failures_told, run, say
from boruta_farm.cli.options import WaitOption, read_duration
from boruta_farm.cli.upkeep import YesOption, ask_about_orphans
from boruta_farm.client.config import ClientConfig, check_address
from boruta_farm.client.farm import Farm, connect
from boruta_farm.client.watch import Lost
from boruta_farm.model.errors import BorutaError
from boruta_farm.model.worker import Worker
from boruta_farm.words.counts import count

Workers = dict[str, Worker]
"""Workers by their UUIDs."""


def import_(
    context: typer.Context,
    source: Annotated[
        str, typer.Option("--from", metavar="URL", help="Where to read; nothing is changed there.")
    ],
    wait: WaitOption = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what would be changed.")
    ] = False,
    yes: YesOption = False,
) -> None:
    """Give workers the groups that they have on another server, found by their UUIDs.

    Meant for moving from a server of the original system; it may be repeated at will. Workers
    that have not registered here are named; with --wait they are waited for.
    """
    patience = read_duration(wait, "--wait")

    async def work(farm: Farm) -> bool:
        async with connect(ClientConfig(server=check_address(source, "--from"))) as old:
            page = await old.workers.list_workers(old.caller)
        importer = _Importer(farm, page.items, dry_run=dry_run, yes=yes)
        await importer.carry_over(patience)
        for worker in importer.missing.values():
            say(f"boruta: {worker.uuid}: is not registered here yet")
        changed = "would be changed" if dry_run else "changed"
        say(f"boruta: {count(len(page.items), 'worker')} there; {importer.changed} here {changed}")
        return not importer.missing and not importer.failed

    with failures_told():
        complete = run(context, work)
    if not complete:
        raise typer.Exit(1)


class _Importer:
    """Bring workers into their groups, each as soon as it is registered."""

    def __init__(self, farm: Farm, wanted: Iterable[Worker], *, dry_run: bool, yes: bool) -> None:
        self.missing: Workers = {worker.uuid: worker for worker in wanted}
        self.changed = 0
        self.failed = 0
        self._farm = farm
        self._dry_run = dry_run
        self._yes = yes

    async def carry_over(self, patience: timedelta | None) -> None:
        """Look once, then for as long as ``patience`` whenever something has happened."""
        await self._look()
        if patience is None or not self.missing:
            return
        say(f"boruta: waiting for {count(len(self.missing), 'worker')} to register")
        try:
            async with asyncio.timeout(patience.total_seconds()):
                await self._follow()
        except TimeoutError:
            return

    async def _follow(self) -> None:
        async with self._farm.watch() as happenings:
            async for happening in happenings:
                if isinstance(happening, Lost):
                    say(f"boruta: {happening.reason}; trying again")
                    continue
                await self._look()
                if not self.missing:
                    return

    async def _look(self) -> None:
        page = await self._farm.workers.list_workers(self._farm.caller)
        for here in page.items:
            if (there := self.missing.pop(here.uuid, None)) is not None:
                await self._change(here, there.groups)

    async def _change(self, worker: Worker, groups: tuple[str, ...]) -> None:
        wanted = tuple(sorted(set(groups)))
        if worker.groups == wanted:
            return
        before, after = (" ".join(each) or "none" for each in (worker.groups, wanted))
        say(f"boruta: {worker.name}: groups {before} -> {after}")
        if self._dry_run:
            self.changed += 1
            return
        workers, caller = self._farm.workers, self._farm.caller
        try:
            lost = await workers.count_orphans(caller, worker.uuid, wanted)
            ask_about_orphans(worker, lost, "moved", self._yes)
            await workers.set_groups(caller, worker.uuid, wanted)
        except BorutaError as error:
            self.failed += 1
            complain(error, worker.name)
        else:
            self.changed += 1
