"""Media flashed and saved by a session: from files, pipes and the web, to the job's end."""

import asyncio
import hashlib
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest

from boruta_farm.dryad.dut import call, main
from boruta_farm.dryad.dut.flash import HALF
from boruta_farm.dryad.dut.progress import ProgressLine
from boruta_farm.dryad.images.forms import Form
from boruta_farm.dryad.state import Phase
from boruta_farm.dryad.tools import media
from boruta_farm.dryad.tools.base import Tool
from boruta_farm.dryad.tools.drivers.block import DRIVER, BlockSettings
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.dryad.tools.moving import WORDS
from boruta_farm.dryad.tools.service import ToolService
from boruta_farm.dryad.tools.toolbox import Toolbox
from boruta_farm.model.errors import BoardError
from tests.dryad.images.pictures import MIB, bmap_of, card, noise, packed
from tests.dryad.images.servers import ImageServer, serving
from tests.dryad.tools.benches import OpenDoor, bench, fit, state

DATA = noise(MIB + 99)
DIGEST = hashlib.sha256(DATA).hexdigest()
EMPTY = b"\xee" * (3 * MIB)


@dataclass(slots=True)
class Desk:
    """A session with a card, and where its files lie."""

    service: ToolService
    tool: Storage
    folder: Path

    @property
    def card(self) -> bytes:
        """Return what is on the card."""
        return (self.folder / "card").read_bytes()

    def file(self, data: bytes, name: str = "image") -> str:
        """Return a file with these bytes."""
        path = self.folder / name
        path.write_bytes(data)
        return str(path)

    async def dut(self, *words: str) -> int:
        """Run ``dut`` in a thread and return its exit status."""
        return await asyncio.to_thread(main.main, words)


@asynccontextmanager
async def desk(
    folder: Path, monkeypatch: pytest.MonkeyPatch, **table: object
) -> AsyncIterator[Desk]:
    """Serve a card, a file, to a session."""
    door = OpenDoor(folder / "dut.sock")
    monkeypatch.setenv(call.VARIABLE, str(door.path))
    switch = ("/bin/true",)
    settings = BlockSettings(device=card(folder), to_supervisor=switch, to_dut=switch)
    tool = DRIVER.open(settings, bench(folder))
    service = ToolService(Toolbox([fit("sd", tool, **table)]))
    service.start(door)
    service.look(state())
    try:
        yield Desk(service, cast("Storage", tool), folder)
    finally:
        await service.close()


@pytest.fixture
async def plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    async with desk(tmp_path, monkeypatch) as found:
        yield found


@pytest.fixture(scope="module")
def server() -> Iterator[ImageServer]:
    with serving() as found:
        yield found


async def test_a_file_is_flashed_and_the_card_is_the_devices(
    plain: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    image = plain.file(packed(DATA, Form.GZIP))
    assert await plain.dut("flash", "sd", image) == 0
    assert plain.card == DATA + EMPTY[len(DATA) :]
    assert await plain.tool.holder() is Holder.DUT
    told = capfd.readouterr().err.splitlines()[-1]
    assert told.startswith("1.0 MB written in ")
    assert told.endswith("read back and compared; the medium is at the device now")
    assert await plain.dut("flash", "--keep", "--no-verify", f"--sha256={DIGEST}", image) == 1
    assert await plain.dut("storage", "state") == 0
    assert capfd.readouterr().out == "at the supervisor\n"


async def test_from_standard_input(
    plain: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for data, words, status in (
        (DATA, [], 0),
        (DATA + DIGEST.encode(), ["--size", str(len(DATA)), "--sha256", "follows"], 0),
        (DATA, ["--size", str(len(DATA) + 1)], 1),
    ):
        given = os.fdopen(os.open(plain.file(data), os.O_RDONLY))
        monkeypatch.setattr("sys.stdin", given)
        assert await plain.dut("flash", *words, "-") == status
        given.close()
    assert plain.card[: len(DATA)] == DATA
    assert "ended after 1.0 MB of the 1.0 MB that were told" in capfd.readouterr().err


async def test_only_what_a_bmap_names(plain: Desk) -> None:
    bmap = plain.file(bmap_of(DATA, [(0, 1)]), "image.bmap")
    assert await plain.dut("flash", "--bmap", bmap, plain.file(DATA)) == 0
    assert plain.card == DATA[:8192] + EMPTY[8192:]


@pytest.mark.parametrize(
    ("data", "words", "complaint", "half"),
    [
        (DATA[:-9], ["--sha256", DIGEST], "the image has the sha256", True),
        (noise(4 * MIB), [], "the medium only 3.1 MB; nothing was written", False),
        (packed(noise(4 * MIB), Form.GZIP), [], "the image is larger than the medium", True),
        (b"PK\x03\x04", [], "a zip archive", False),
    ],
    ids=["sum", "large", "large-packed", "zip"],
)
async def test_what_goes_wrong_is_said_with_what_the_card_is_now(
    data: bytes,
    words: list[str],
    complaint: str,
    half: bool,
    plain: Desk,
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert await plain.dut("flash", *words, plain.file(data)) == 1
    told = capfd.readouterr().err.splitlines()[-1]
    assert complaint in told
    assert told.startswith("dut: tool sd: ")
    assert told.endswith(HALF) is half
    assert half or plain.card == EMPTY
    assert await plain.tool.holder() is Holder.SUPERVISOR


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ([], "which image?"),
        (["a", "b", "c"], "which image?"),
        (["--sha256", "x", "FILE"], "sha256: 64 hexadecimal digits are wanted"),
        (["--size", "x", "FILE"], "--size: 'x' is no number of bytes"),
        (["--partition", "129", "FILE"], "partition: a number from 1 to 128 is wanted"),
        (["--size", "0", "FILE"], "length: a number of bytes is wanted"),
        (["--sha256", "follows", "FILE"], "a sum can follow only an image of a known length"),
        (["--sha256"], "--sha256 needs a value"),
        (["--fast", "FILE"], "there is no option --fast; known are --as-it-is, --bmap"),
        (["http://images.example/a"], "this board takes no images from addresses (image_urls)"),
        (["other", "FILE"], "this board has no tool 'other'"),
    ],
)
async def test_what_cannot_be_meant(
    words: list[str], complaint: str, plain: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    image = plain.file(DATA)
    assert await plain.dut("flash", *(image if word == "FILE" else word for word in words)) == 2
    assert complaint in capfd.readouterr().err
    assert plain.card == EMPTY


async def test_an_image_from_the_web_is_fetched_once(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: ImageServer,
    capfd: pytest.CaptureFixture[str],
) -> None:
    url = server.put("/ok/a.img", DATA)
    async with desk(tmp_path, monkeypatch, image_urls=(f"{server.url}/ok",)) as session:
        for times in (1, 1):
            (tmp_path / "card").write_bytes(EMPTY)
            assert await session.dut("flash", "--sha256", DIGEST, url) == 0
            assert session.card[: len(DATA)] == DATA
            assert server.asked.count("/ok/a.img") == times
        assert "from the supervisor's copy" in capfd.readouterr().err
        assert await session.dut("flash", url) == 0
        assert server.asked.count("/ok/a.img") == 2, "who names no sum gets what is there now"
        assert await session.dut("flash", f"{server.url}/private.img") == 2
        assert f"takes images from {server.url}/ok alone" in capfd.readouterr().err


async def test_a_copy_that_is_damaged_is_fetched_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ImageServer
) -> None:
    url = server.put("/ok/b.img", DATA)
    async with desk(tmp_path, monkeypatch, image_urls=(server.url,)) as session:
        assert await session.dut("flash", "--sha256", DIGEST, url) == 0
        kept = tmp_path / "images" / DIGEST
        kept.write_bytes(DATA[:-1] + b"?")
        assert await session.dut("flash", "--sha256", DIGEST, url) == 1
        assert await session.dut("flash", "--sha256", DIGEST, url) == 0
    assert [path.name for path in kept.parent.iterdir()] == [DIGEST]


async def test_a_wrong_sum_is_kept_for_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, server: ImageServer
) -> None:
    url = server.put("/ok/c.img", DATA)
    async with desk(tmp_path, monkeypatch, image_urls=(server.url,)) as session:
        assert await session.dut("flash", "--sha256", "0" * 64, url) == 1
    assert list((tmp_path / "images").iterdir()) == []


class Movers:
    """The processes that move images, as they are begun."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.begun: asyncio.Queue[asyncio.subprocess.Process] = asyncio.Queue()
        self._start = asyncio.create_subprocess_exec
        monkeypatch.setattr(asyncio, "create_subprocess_exec", self.start)

    async def start(self, *words: Any, **more: Any) -> asyncio.subprocess.Process:
        """Start a process, and remember it."""
        process = await self._start(*words, **more)
        if words[: len(WORDS)] == WORDS:
            self.begun.put_nowait(process)
        return process


async def test_the_jobs_end_ends_it_at_once(
    plain: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    movers = Movers(monkeypatch)
    with piped(monkeypatch) as writing:
        task = asyncio.create_task(plain.dut("flash", "-"))
        process = await movers.begun.get()
        os.write(writing, DATA[:60_000])
        plain.service.look(state(phase=Phase.ENDING))
        await plain.service.settle()
        assert process.returncode == -signal.SIGKILL
        assert await task == 3
        assert "the job has ended" in capfd.readouterr().err


async def test_a_caller_that_is_interrupted_ends_it(
    plain: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The first word of its progress is the moment at which Ctrl-C comes."""
    movers = Movers(monkeypatch)

    def interrupted(told: ProgressLine, note: dict[str, str]) -> None:
        told.phase = note["phase"]
        raise KeyboardInterrupt

    monkeypatch.setattr(ProgressLine, "show", interrupted)
    with piped(monkeypatch) as writing:
        task = asyncio.create_task(plain.dut("flash", "-"))
        process = await movers.begun.get()
        os.write(writing, DATA[:60_000])
        assert await task == 130
        assert await process.wait() == -signal.SIGKILL
    assert capfd.readouterr().err == f"dut: interrupted: {HALF}\n"


@contextmanager
def piped(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """Let standard input be a pipe, and return its other end."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as given:
        monkeypatch.setattr("sys.stdin", given)
        yield writing
    os.close(writing)


async def test_a_card_is_saved_and_given_back(
    plain: Desk, capfd: pytest.CaptureFixture[str]
) -> None:
    await plain.tool.give(Holder.DUT)
    path = plain.folder / "out.img"
    assert await plain.dut("save", str(path)) == 0
    assert path.read_bytes() == EMPTY
    assert await plain.tool.holder() is Holder.DUT
    digest = hashlib.sha256(EMPTY).hexdigest()
    assert capfd.readouterr().out == f"3.1 MB read; sha256 of the content {digest}\n"
    packed_path = plain.folder / "out.img.gz"
    assert await plain.dut("--json", "save", "sd", str(packed_path)) == 0
    assert packed_path.read_bytes()[:2] == b"\x1f\x8b"
    assert digest in capfd.readouterr().out


async def test_a_card_that_cannot_be_saved_leaves_what_was_there(
    plain: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(media, "THERE_WITHIN", 0.0)
    (plain.folder / "card").write_bytes(b"")
    path = plain.folder / "out.img"
    path.write_bytes(b"the last one")
    assert await plain.dut("save", str(path)) == 1
    assert path.read_bytes() == b"the last one"
    assert not path.with_name(".out.img.new").exists()
    assert await plain.dut("save", str(plain.folder / "none" / "out.img")) == 1
    assert await plain.dut("save") == 2


async def test_the_sides(plain: Desk, capfd: pytest.CaptureFixture[str]) -> None:
    assert await plain.dut("storage", "dut", "sd") == 0
    assert await plain.dut("storage") == 0
    assert capfd.readouterr().out == "at the device\n"
    assert await plain.dut("--json", "storage", "supervisor") == 0
    assert capfd.readouterr().out == '{"holder": "supervisor"}\n'
    assert await plain.dut("storage", "left") == 2


def resettable(folder: Path, **table: object) -> Toolbox:
    """Return the tools of a board with a card."""
    settings = BlockSettings(device=card(folder))
    tool: Tool = DRIVER.open(settings, bench(folder))
    return Toolbox([fit("sd", tool, **table)])


async def test_between_jobs_the_golden_image_is_on_the_card(tmp_path: Path) -> None:
    golden = tmp_path / "golden.xz"
    golden.write_bytes(packed(DATA, Form.XZ))
    digest = hashlib.sha256(golden.read_bytes()).hexdigest()
    toolbox = resettable(tmp_path, golden=golden, golden_sha256=digest)
    await toolbox.reset()
    assert toolbox.unproved == ()
    assert (tmp_path / "card").read_bytes() == DATA + EMPTY[len(DATA) :]


async def test_without_a_golden_image_the_card_is_not_reset(tmp_path: Path) -> None:
    toolbox = resettable(tmp_path)
    await toolbox.reset()
    assert toolbox.unproved == ("sd",)
    assert (tmp_path / "card").read_bytes() == EMPTY


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"golden": Path("/none.img")}, "the golden image /none.img: No such file"),
        ({"golden": Path(__file__), "golden_sha256": "0" * 64}, "has the sha256"),
    ],
)
async def test_a_golden_image_that_is_not_as_it_should_be(
    table: dict[str, object], words: str, tmp_path: Path
) -> None:
    toolbox = resettable(tmp_path, **table)
    with pytest.raises(BoardError, match=words):
        await toolbox.reset()
    assert toolbox.unproved == ("sd",)
