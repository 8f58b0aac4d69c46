"""A board handed over flashed and booted by a real server and a real agent, killed on the way."""

import asyncio
import gzip
import hashlib
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from boruta_farm.client.session import NotStartedError, file_request, wait_for_board
from boruta_farm.demo.boards import DemoBoard, Value
from boruta_farm.demo.device import EMULATED
from boruta_farm.model.errors import ConsoleLogNotFoundError
from boruta_farm.model.job import JobPhase
from boruta_farm.model.request import NewRequest, Request, RequestState
from boruta_farm.model.worker import WorkerState
from boruta_farm.testing.bootable import bootable_card
from boruta_farm.testing.device import SIMULATED
from boruta_farm.testing.emulator import missing_emulator
from tests.dryad.images.pictures import MIB, noise
from tests.dryad.images.servers import ImageServer, serving
from tests.e2e.stage import CAPS, WITHIN, Stage, stage

IMAGE = noise(5 * MIB)
DIGEST = hashlib.sha256(IMAGE).hexdigest()
PROMPT = "=> $"


@pytest.fixture(scope="module")
def images() -> Iterator[ImageServer]:
    with serving() as server:
        server.put("/a.img", IMAGE)
        yield server


@dataclass(slots=True)
class Bench:
    """One farm with a board whose device is simulated."""

    stage: Stage
    images: ImageServer
    card: Path

    def url(self, path: str = "/a.img") -> str:
        """Return an image's address."""
        return f"{self.images.url}{path}"

    async def file(self, **wishes: str) -> int:
        """File a request that asks for these."""
        new = NewRequest(caps=CAPS, priority=8, **wishes)  # type: ignore[arg-type]  # texts alone
        return (await file_request(self.stage.farm, new)).id

    async def request(self, number: int) -> Request:
        """Return a request."""
        return await self.stage.farm.requests.get_request_info(self.stage.farm.caller, number)

    async def running(self, number: int) -> Request:
        """Return a request once it has its board."""
        async with asyncio.timeout(WITHIN):
            return await wait_for_board(self.stage.farm, number)

    async def writing(self, number: int) -> None:
        """Wait until an image is being fetched for a request."""
        async with asyncio.timeout(WITHIN), self.stage.farm.watch(request_id=number) as events:
            async for _ in events:
                readying = (await self.request(number)).readying
                if readying is not None and "writing" in readying.progress:
                    return


@asynccontextmanager
async def benched(
    folder: Path,
    images: ImageServer,
    device: Mapping[str, Mapping[str, Value]] = SIMULATED,
    **settings: str,
) -> AsyncIterator[Bench]:
    """Run such a farm for the block."""
    tools = {**device, "card": {**device["card"], "image_urls": (images.url,)}}
    board = DemoBoard(name="test", caps=CAPS, driver="sandbox", tools=tools)
    async with stage(folder, board, **settings) as found:
        (path,) = await asyncio.to_thread(lambda: list(folder.rglob("card.img")))
        yield Bench(found, images, path)


@pytest.mark.prove
async def test_a_board_is_lent_with_its_image_booted_to_the_prompt_or_not_at_all(
    tmp_path: Path, images: ImageServer
) -> None:
    async with benched(tmp_path, images) as bench:
        number = await bench.file(
            image=f"{bench.url()}#sha256={DIGEST}", storage="card", boot_until=PROMPT
        )
        request = await bench.running(number)
        assert bench.card.read_bytes()[: len(IMAGE)] == IMAGE
        assert request.job is not None
        assert (request.job.phase, request.job.progress) == (JobPhase.LIVE, None)
        await bench.stage.close(request)
        await bench.stage.until(WorkerState.IDLE, above=request.job.epoch)

        failing = await bench.file(image=bench.url("/gone.img"))
        with pytest.raises(NotStartedError, match=r"card: .*answers 404") as told:
            await bench.running(failing)
        assert told.value.unready
        never = await bench.file(image=bench.url(), boot_until="login:")
        await bench.stage.farm.requests.close_request(bench.stage.farm.caller, never)
        assert (await bench.request(never)).state is RequestState.CANCELLED
        worker = await bench.stage.until(WorkerState.IDLE, above=request.job.epoch + 1)
        assert worker.reason is None


@pytest.mark.prove
async def test_a_boot_that_fails_leaves_its_console_with_the_request(
    tmp_path: Path, images: ImageServer
) -> None:
    async with benched(tmp_path, images, ready_timeout="4s") as bench:
        number = await bench.file(boot_until="login:")
        with pytest.raises(NotStartedError, match="did not show 'login:' within 4 s") as told:
            await bench.running(number)
        assert "Simulated boot loader (no real device)" in told.value.message
        await bench.stage.until(WorkerState.IDLE, above=1)
        async with asyncio.timeout(WITHIN):
            while True:
                try:
                    lines = await bench.stage.farm.consoles.tail(number, 20)
                    break
                except ConsoleLogNotFoundError:
                    # It comes when the board has been cleaned; no event tells of it.
                    await asyncio.sleep(0.1)
        assert "DRAM: 1 GiB, imagined" in "\n".join(lines)


@pytest.mark.prove
@pytest.mark.skipif(bool(missing_emulator()), reason="QEMU or its U-Boot is not installed")
async def test_a_real_boot_loader_starts_what_was_flashed(
    tmp_path: Path, images: ImageServer
) -> None:
    for said in ("alpha", "beta"):
        images.put(f"/{said}.img.gz", gzip.compress(bootable_card(f"echo booted-{said}")))
    async with benched(tmp_path, images, EMULATED) as bench:
        for epoch, said in enumerate(("alpha", "beta"), 1):
            number = await bench.file(
                image=bench.url(f"/{said}.img.gz"), boot_until=f"^booted-{said}"
            )
            request = await bench.running(number)
            assert request.job is not None
            assert request.job.epoch == epoch
            await bench.stage.close(request)
            await bench.stage.until(WorkerState.IDLE, above=epoch)


@pytest.mark.prove
@pytest.mark.parametrize("killed", ["server", "test"])
async def test_whoever_is_killed_on_the_way_it_goes_on(
    killed: str, tmp_path: Path, images: ImageServer
) -> None:
    path = f"/stalled-{killed}.img"
    go_on = images.stall(path, IMAGE)
    async with benched(tmp_path, images) as bench:
        yard = bench.stage.yard
        number = await bench.file(image=bench.url(path), boot_until=PROMPT)
        await bench.writing(number)
        await yard.kill(killed)
        if killed == "server":
            await yard.begin()
        else:
            await yard.restart_agent("test")
        go_on.set()
        request = await bench.running(number)
        assert bench.card.read_bytes()[: len(IMAGE)] == IMAGE
        assert images.asked.count(path) == (1 if killed == "server" else 2)
        assert request.job is not None
        assert request.job.epoch == 1
        await bench.stage.close(request)
        await bench.stage.until(WorkerState.IDLE, above=1)


@pytest.mark.prove
async def test_one_that_is_closed_while_the_agent_is_dead_leaves_nothing_under_way(
    tmp_path: Path, images: ImageServer
) -> None:
    images.stall("/closed.img", IMAGE)
    async with benched(tmp_path, images) as bench:
        yard, farm = bench.stage.yard, bench.stage.farm
        number = await bench.file(image=bench.url("/closed.img"), boot_until=PROMPT)
        await bench.writing(number)
        await yard.kill("test")
        await farm.requests.close_request(farm.caller, number)
        await yard.restart_agent("test")
        await bench.stage.until(WorkerState.IDLE, above=1)
        again = await bench.running(await bench.file(image=bench.url(), boot_until=PROMPT))
        assert again.job is not None
        assert again.job.epoch == 2
        await bench.stage.close(again)
        await bench.stage.until(WorkerState.IDLE, above=2)
