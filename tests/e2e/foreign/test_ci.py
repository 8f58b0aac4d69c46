"""The steps of CI systems, as their files have them, on a farm: run, collected, given back.

The systems themselves are not here: their shell steps are what is executed.
"""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from boruta_farm.client.farm import Farm
from boruta_farm.client.session import file_request, wait_for_board
from boruta_farm.client.watch import Lost
from boruta_farm.demo.boards import SANDBOXES
from boruta_farm.demo.farm import demo_farm
from boruta_farm.model.request import NewRequest, Request, RequestState
from tests.client.test_context import GITHUB, GITLAB, JENKINS

INTEGRATIONS = Path(__file__).parents[3] / "integrations"
WITHIN = 90.0
KEEP_ALIVE = 10
SYSTEMS = {"shell": {}, "github": GITHUB, "gitlab": GITLAB, "jenkins": JENKINS}
HELD_AT = {
    "waits": {},
    "sends": {},
    "runs": {"BORUTA_IN": "", "BORUTA_RUN": "echo running; sleep 600"},
    "runs here": {
        **dict.fromkeys(("BORUTA_IN", "BORUTA_FETCH"), ""),
        "BORUTA_HERE": "1",
        "BORUTA_RUN": "echo running; exec sleep 600",
    },
    "fetches": {"BORUTA_IN": "", "BORUTA_RUN": "true"},
}
"""The steps of a job, and what has it go on until there for ever, where copies never end."""
TEST = "#!/bin/sh\nmkdir out\necho passed >out/report.xml\necho log >out/noise.log\nexit 7\n"


def steps(system: str) -> str:
    """Return the shell step that a system's file holds."""
    match system:
        case "github":
            action = yaml.safe_load((INTEGRATIONS / "github" / "action.yml").read_text())
            (step,) = [s for s in action["runs"]["steps"] if s["name"] == "Run on the board"]
            return str(step["run"])
        case "gitlab":
            template = yaml.safe_load(
                (INTEGRATIONS / "gitlab" / "boruta.gitlab-ci.yml").read_text()
            )
            (script,) = template[".boruta"]["script"]
            return str(script)
        case "jenkins":
            return (INTEGRATIONS / "jenkins" / "Jenkinsfile").read_text().split("'''")[1]
        case _:
            return (INTEGRATIONS / "shell" / "boruta-job.sh").read_text()


def test_the_steps_are_said_once() -> None:
    whole = steps("shell").splitlines()
    wanted = whole[next(n for n, line in enumerate(whole) if line.startswith("set -eu")) :]
    for system in ("gitlab", "jenkins"):
        assert [line.strip() for line in steps(system).strip().splitlines()] == wanted


def test_the_action_knows_all_that_the_steps_ask_for() -> None:
    action = yaml.safe_load((INTEGRATIONS / "github" / "action.yml").read_text())
    given = action["runs"]["steps"][1]["env"]
    asked = set(re.findall(r"BORUTA_[A-Z_]+(?=:[-?])", steps("shell")))
    assert given.keys() - {"BORUTA_SERVER"} == asked - {"BORUTA_ID_TOKEN", "BORUTA_ID_TOKEN_FILE"}
    named = {name for text in given.values() for name in re.findall(r"inputs\.([a-z-]+)", text)}
    assert named == action["inputs"].keys() - {"version"}


def test_what_is_collected_is_kept_and_its_reports_are_read() -> None:
    template = yaml.safe_load((INTEGRATIONS / "gitlab" / "boruta.gitlab-ci.yml").read_text())
    kept = template[".boruta"]["artifacts"]
    assert (kept["when"], kept["paths"]) == ("always", ["$BORUTA_TO"])
    assert kept["reports"] == {"junit": "$BORUTA_TO/*.xml"}
    pipeline = (INTEGRATIONS / "jenkins" / "Jenkinsfile").read_text()
    (folder,) = re.findall(r"BORUTA_TO = '(\w+)'", pipeline)
    always = pipeline.split("always {")[1]
    assert f"'{folder}/*.xml', allowEmptyResults: true" in always
    assert f"'{folder}/**', allowEmptyArchive: true" in always


@pytest.mark.parametrize("system", SYSTEMS)
def test_no_trace_shows_a_token(system: str, tmp_path: Path) -> None:
    """Jenkins runs its steps with ``sh -xe``, and its log is read by many."""
    (tmp_path / "step.sh").write_text(steps(system))
    secrets = {"BORUTA_TOKEN": "secret-1", "BORUTA_ID_TOKEN": "secret-2"}
    done = subprocess.run(
        ("sh", "-xe", str(tmp_path / "step.sh")),
        env={
            **secrets,
            "PATH": os.environ["PATH"],
            "BORUTA": "true",
            "BORUTA_WANT": "rpi4",
            "BORUTA_RUN": "true",
            "GITHUB_ACTION_PATH": str(INTEGRATIONS / "github"),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr.startswith("+ ")
    assert "secret" not in done.stderr


@dataclass(slots=True)
class Ci:
    """A farm of one board, and a folder with what a build has made."""

    farm: Farm
    folder: Path
    environment: dict[str, str]

    async def start(self, system: str, **variables: str) -> asyncio.subprocess.Process:
        """Run a system's step as it would: in a process group of its own."""
        script = self.folder / f"{system}.sh"
        script.write_text(steps(system))
        return await asyncio.create_subprocess_exec(
            *("sh", "-e", str(script)),
            cwd=self.folder,
            env={**self.environment, **SYSTEMS[system], **variables},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )

    async def until(self, holds: Callable[[Request], bool], number: int = 0) -> Request:
        """Wait until something holds of the latest request, or of one by its number."""
        async with asyncio.timeout(WITHIN), self.farm.watch() as happenings:
            async for happening in happenings:
                if isinstance(happening, Lost):
                    continue
                page = await self.farm.requests.list_requests(self.farm.caller)
                known = [each for each in page.items if number in (0, each.id)]
                if known and holds(known[-1]):
                    return known[-1]
        raise AssertionError("the farm ended its events")

    async def until_all(
        self, holds: Callable[[Request], bool], many: int, mine: Collection[int]
    ) -> list[Request]:
        """Wait until something holds of so many requests, all that are not ``mine``."""
        async with asyncio.timeout(WITHIN), self.farm.watch() as happenings:
            async for _ in happenings:
                page = await self.farm.requests.list_requests(self.farm.caller)
                theirs = [each for each in page.items if each.id not in mine]
                if len(theirs) == many and all(map(holds, theirs)):
                    return theirs
        raise AssertionError("the farm ended its events")


def waits(request: Request) -> bool:
    return request.state is RequestState.WAITING


def runs(request: Request) -> bool:
    return request.state is RequestState.IN_PROGRESS


def over(request: Request) -> bool:
    return request.state.finished


@asynccontextmanager
async def prepared(folder: Path, boards: int = 1) -> AsyncIterator[Ci]:
    program = folder / "bin" / "boruta"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m boruta_farm.cli "$@"\n')
    program.chmod(0o755)
    build = folder / "build"
    build.mkdir()
    (build / "test.sh").write_text(TEST)
    (build / "test.sh").chmod(0o755)
    some = [SANDBOXES[0].renamed(f"rpi4-{number}") for number in range(boards)]
    kept = {name: os.environ[name] for name in ("PYTHONPATH", "TMPDIR") if name in os.environ}
    async with demo_farm(lambda _: None, some) as demo:
        yield Ci(
            demo.farm,
            folder,
            {
                **kept,
                "PATH": f"{program.parent}:{os.environ['PATH']}",
                "HOME": str(folder),
                "BORUTA_SERVER": demo.url,
                "BORUTA_TOKEN": "",
                "BORUTA_WANT": "rpi4",
                "BORUTA_RUN": "./test.sh",
                "BORUTA_IN": "build",
                "BORUTA_FETCH": "out/*.xml",
                "BORUTA_TO": "collected",
                "BORUTA_KEEP_ALIVE": f"{KEEP_ALIVE}s",
                "GITHUB_ACTION_PATH": str(INTEGRATIONS / "github"),
            },
        )


@pytest.mark.prove
async def test_each_borrows_runs_collects_and_gives_back(tmp_path: Path) -> None:
    async with prepared(tmp_path) as ci:
        for number, (system, told) in enumerate(SYSTEMS.items(), 1):
            own = {} if told else {"BORUTA_PIPELINE": "by hand", "BORUTA_COMMIT": "abc"}
            process = await ci.start(system, BORUTA_TO=f"collected-{system}", **own)
            output, _ = await asyncio.wait_for(process.communicate(), WITHIN)
            assert process.returncode == 7, output.decode()
            names = [path.name for path in (tmp_path / f"collected-{system}").iterdir()]
            assert names == ["report.xml"]
            request = await ci.until(over, number)
            assert request.state is RequestState.DONE
            assert request.context is not None
            pipeline = request.context["pipeline"]
            assert pipeline == own.get("BORUTA_PIPELINE", pipeline)
            assert "firmware" in pipeline or own


@pytest.mark.prove
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("step", HELD_AT)
async def test_ended_at_any_step_it_leaves_no_board_held(
    step: str, number: signal.Signals, tmp_path: Path
) -> None:
    """SIGKILL leaves it to KeepAlive, the others to the job itself; GitHub sends SIGINT first."""
    async with prepared(tmp_path, len(SYSTEMS)) as ci:
        farm, copying = ci.farm, Copying(tmp_path)
        mine = []
        if step == "waits":
            for _ in SYSTEMS:
                filed = await file_request(farm, NewRequest(caps={"board": "rpi4"}, priority=1))
                mine.append((await wait_for_board(farm, filed.id)).id)
        jobs = [await ci.start(system, **HELD_AT[step]) for system in SYSTEMS]
        await ci.until_all(waits if step == "waits" else runs, len(jobs), mine)
        async with asyncio.timeout(WITHIN):
            if step.startswith("runs"):
                for job in jobs:
                    assert job.stdout is not None
                    await job.stdout.readuntil(b"running\n")
            elif step != "waits":
                await copying.by(len(jobs))
        began = asyncio.get_running_loop().time()
        for job in jobs:
            os.killpg(job.pid, number)
        ends = {await asyncio.wait_for(job.wait(), WITHIN) for job in jobs}
        assert ends == ({-number} if number is signal.SIGKILL else {128 + number})
        if number is not signal.SIGKILL:
            await ci.until_all(over, len(jobs), mine)
        for one in mine:
            # What waited gets a board now, for as long as nobody renews it.
            await farm.requests.close_request(farm.caller, one)
        ended = await ci.until_all(over, len(jobs), mine)
        took = asyncio.get_running_loop().time() - began
        assert took < KEEP_ALIVE + 20
        states = {RequestState.CANCELLED if step == "waits" else RequestState.DONE}
        assert {each.state for each in ended} == (
            {RequestState.DONE} if number is signal.SIGKILL else states
        )
        copying.close()


class Copying:
    """Put a command in the place of scp that tells that it was called, and never ends."""

    def __init__(self, folder: Path) -> None:
        pipe = folder / "called"
        os.mkfifo(pipe)
        program = folder / "bin" / "scp"
        program.write_text(f"#!/bin/sh\necho >{pipe}\nexec sleep 600\n")
        program.chmod(0o755)
        # Open for both, so that it never ends for want of a writer.
        self._pipe = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        self._called = 0
        self._news = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pipe, self._note)

    def _note(self) -> None:
        self._called += len(os.read(self._pipe, 100))
        self._news.set()

    async def by(self, many: int) -> None:
        """Wait until so many have called it."""
        while self._called < many:
            self._news.clear()
            await self._news.wait()

    def close(self) -> None:
        """Let go of the pipe."""
        asyncio.get_running_loop().remove_reader(self._pipe)
        os.close(self._pipe)
