"""Verbs that set workers aside, take them back, sort them into groups, remove them."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer

from boruta_farm.cli.completion import worker_names
from boruta_farm.cli.console import complain, failures_told, run, say
from boruta_farm.cli.options import CapsOption, read_caps, read_pairs
from boruta_farm.cli.selection import check_choice, choose_workers, one_worker
from boruta_farm.client.farm import Farm
from boruta_farm.client.watch import Lost
from boruta_farm.model.errors import BorutaError, RefusedError, WorkerTransitionError
from boruta_farm.model.worker import Worker, WorkerChange, WorkerState
from boruta_farm.words.counts import count

NamesArgument = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="WORKER", help="Names, UUIDs, unique prefixes.", autocompletion=worker_names
    ),
]
AllOption = Annotated[bool, typer.Option("--all", help="Every worker.")]
WaitFlag = Annotated[bool, typer.Option("--wait", help="Return when they are there.")]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

Deed = Callable[[Farm, Worker], Awaitable[str]]
"""Do something to a worker, and return what is told of it behind its name."""


def idle(
    context: typer.Context,
    names: NamesArgument = None,
    caps: CapsOption = None,
    everyone: AllOption = False,
    wait: WaitFlag = False,
) -> None:
    """Take workers into service: cleaned, prepared, then IDLE; one that is IDLE stays so.

    What was to be set aside after its job stays in service. With -c or --all only those are
    meant and those in MAINTENANCE.
    """

    async def deed(farm: Farm, worker: Worker) -> str:
        try:
            await farm.workers.set_state(farm.caller, worker.uuid, WorkerState.IDLE)
        except WorkerTransitionError as error:
            if error.standing is None or error.standing.state != WorkerState.IDLE:
                raise
            return "is IDLE already"
        if worker.state is WorkerState.RUNNING:
            return "stays in service after its job"
        return "is taken into service: cleaned, prepared, then IDLE"

    def meant(worker: Worker) -> bool:
        later = worker.after_job and worker.state is WorkerState.RUNNING
        return bool(names) or later or worker.state is WorkerState.MAINTENANCE

    _each(context, names or [], caps, everyone, deed, meant, WorkerState.IDLE if wait else None)


def maintenance(
    context: typer.Context,
    names: NamesArgument = None,
    caps: CapsOption = None,
    everyone: AllOption = False,
    reason: Annotated[
        str | None, typer.Option("--reason", metavar="TEXT", help="Shown to everybody.")
    ] = None,
    after_job: Annotated[
        bool,
        typer.Option(
            "--after-job", help="Let a running job end first; 'worker idle' takes that back."
        ),
    ] = False,
    wait: WaitFlag = False,
) -> None:
    """Set workers aside; a running job is ended unless --after-job is given."""

    async def deed(farm: Farm, worker: Worker) -> str:
        await farm.workers.set_state(
            farm.caller, worker.uuid, WorkerState.MAINTENANCE, reason, after_job
        )
        later = after_job and worker.state is WorkerState.RUNNING
        return f"goes into MAINTENANCE{' after its job' if later else ''}"

    goal = WorkerState.MAINTENANCE if wait else None
    _each(context, names or [], caps, everyone, deed, lambda _: True, goal)


def groups(
    context: typer.Context,
    names: NamesArgument = None,
    caps: CapsOption = None,
    everyone: AllOption = False,
    chosen: Annotated[
        list[str] | None, typer.Option("--group", "-g", help="The groups from now on; repeatable.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="No groups: serve everybody.")] = False,
    yes: YesOption = False,
) -> None:
    """Replace the groups of workers."""
    if bool(chosen) == none:
        raise typer.BadParameter("say the groups with --group, or --none")
    wanted = tuple(sorted(set(chosen or ())))

    async def deed(farm: Farm, worker: Worker) -> str:
        lost = await farm.workers.count_orphans(farm.caller, worker.uuid, wanted)
        ask_about_orphans(worker, lost, "moved", yes)
        await farm.workers.set_groups(farm.caller, worker.uuid, wanted)
        return f"serves {', '.join(wanted) or 'everybody'} from now on"

    _each(context, names or [], caps, everyone, deed, lambda _: True, None)


def change(
    context: typer.Context,
    names: NamesArgument = None,
    caps: CapsOption = None,
    everyone: AllOption = False,
    labels: Annotated[
        list[str] | None,
        typer.Option(
            "--label",
            "-l",
            metavar="NAME=VALUE",
            help="A label, matched like a capability; repeatable.",
        ),
    ] = None,
    unlabel: Annotated[
        list[str] | None,
        typer.Option("--unlabel", metavar="NAME", help="A label to take away; repeatable."),
    ] = None,
    notes: Annotated[
        str | None, typer.Option("--notes", metavar="TEXT", help="For people; '' removes them.")
    ] = None,
    photo: Annotated[
        str | None,
        typer.Option("--photo", metavar="URL", help="https address of a picture; '' removes it."),
    ] = None,
    yes: YesOption = False,
) -> None:
    """Set labels, notes or photo of workers; what is not named stays as it is."""
    given = read_pairs(labels, "label", "--label")
    gone = frozenset(unlabel or ())
    if not given and not gone and notes is photo is None:
        raise typer.BadParameter("say what: --label, --unlabel, --notes or --photo")
    if both := sorted(gone & given.keys()):
        raise typer.BadParameter(f"{both[0]} is both set and taken away", param_hint="--unlabel")

    async def deed(farm: Farm, worker: Worker) -> str:
        known = worker.labels or {}
        kept = {name: value for name, value in known.items() if name not in gone} | given
        wanted = WorkerChange(labels=kept if kept != known else None, notes=notes, photo=photo)
        if wanted.labels is not None:
            lost = await farm.workers.count_orphans(farm.caller, worker.uuid, labels=kept)
            ask_about_orphans(worker, lost, "relabelled", yes)
        await farm.workers.describe(farm.caller, worker.uuid, wanted)
        return "is changed"

    _each(context, names or [], caps, everyone, deed, lambda _: True, None)


def rename(
    context: typer.Context,
    name: Annotated[str, typer.Argument(metavar="WORKER", help="Name, UUID or unique prefix.")],
    new_name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
) -> None:
    """Give a worker another name, kept until its agent is configured with another one."""

    async def work(farm: Farm) -> None:
        worker = await one_worker(farm, name)
        await farm.workers.set_name(farm.caller, worker.uuid, new_name)
        say(f"{worker.name} is {new_name} from now on")

    run(context, work)


def deregister(
    context: typer.Context,
    names: NamesArgument = None,
    caps: CapsOption = None,
    everyone: AllOption = False,
    yes: YesOption = False,
) -> None:
    """Remove workers that are in MAINTENANCE or FAILED."""

    async def deed(farm: Farm, worker: Worker) -> str:
        lost = await farm.workers.count_orphans(farm.caller, worker.uuid)
        ask_about_orphans(worker, lost, "removed", yes)
        await farm.workers.deregister(farm.caller, worker.uuid)
        return "is removed"

    _each(context, names or [], caps, everyone, deed, lambda _: True, None)


def ask_about_orphans(worker: Worker, lost: int, done: str, yes: bool) -> None:
    """Tell what a change costs and ask, unless it costs nothing or ``yes`` was said.

    Raises RefusedError for a no.
    """
    if lost == 0:
        return
    cost = f"{count(lost, 'waiting request')} can be served by {worker.name} only"
    if yes:
        say(f"boruta: {cost}")
    elif not typer.confirm(f"{cost}. Shall it be {done} all the same?", err=True):
        raise RefusedError("left as it is")


def _each(
    context: typer.Context,
    names: Sequence[str],
    caps: Sequence[str] | None,
    everyone: bool,
    deed: Deed,
    meant: Callable[[Worker], bool],
    goal: WorkerState | None,
) -> None:
    """Do something to every chosen worker; one that fails does not keep the others from it."""
    wanted = read_caps(caps)
    check_choice(names, wanted, everyone)

    async def work(farm: Farm) -> bool:
        chosen = [w for w in await choose_workers(farm, names, wanted) if meant(w)]
        if not chosen:
            say("boruta: nothing to do")
        done = []
        for worker in chosen:
            try:
                told = await deed(farm, worker)
            except BorutaError as error:
                complain(error, worker.name)
            else:
                say(f"{worker.name} {told}")
                done.append(worker)
        good = len(done) == len(chosen)
        if goal is None:
            return good
        return await _arrive(farm, done, goal) and good

    with failures_told():
        good = run(context, work)
    if not good:
        raise typer.Exit(1)


async def _arrive(farm: Farm, workers: Sequence[Worker], goal: WorkerState) -> bool:
    """Wait until every worker is in ``goal``; one that fails or is removed will not be.

    One that is to be IDLE and was lent at once, since somebody waited for it, is in service.
    """
    there = {goal, WorkerState.RUNNING} if goal is WorkerState.IDLE else {goal}
    left = {worker.uuid: worker.name for worker in workers}
    good = True
    if not left:
        return good
    async with farm.watch() as happenings:
        async for happening in happenings:
            if isinstance(happening, Lost):
                say(f"boruta: {happening.reason}; trying again")
                continue
            page = await farm.workers.list_workers(farm.caller)
            states = {w.uuid: w for w in page.items}
            for uuid, name in tuple(left.items()):
                worker = states.get(uuid)
                if worker is not None and worker.state not in (*there, WorkerState.FAILED):
                    continue
                del left[uuid]
                if worker is None or worker.state not in there:
                    why = "it was removed" if worker is None else worker.reason or "it FAILED"
                    say(f"boruta: {name}: {why}")
                    good = False
            if not left:
                break
    return good
