"""Recovery tools as storage: commands that take an image as input or as a file."""

import hashlib
from pathlib import Path

import pytest

from boruta_farm.dryad.images.work import ImageOrder
from boruta_farm.dryad.tools.acts.storage import flash
from boruta_farm.dryad.tools.drivers.exec import DRIVER
from boruta_farm.dryad.tools.drivers.exec_storage import ExecStorage
from boruta_farm.dryad.tools.kinds.storage import Holder, Storage
from boruta_farm.model.errors import BoardError
from tests.dryad.images.pictures import noise
from tests.dryad.tools.drivers.stages import opened

DATA = noise(300_000)


def storage(folder: Path, **content: object) -> ExecStorage:
    """Return the tool of a table."""
    tool = opened(DRIVER, folder, kind="storage", **content)
    assert isinstance(tool, ExecStorage)
    assert isinstance(tool, Storage)
    return tool


async def written(tool: ExecStorage, folder: Path, sha256: str = "") -> dict[str, object]:
    """Flash ``DATA`` by the tool, and return what is told."""
    image = folder / "given"
    image.write_bytes(DATA)
    file = image.open("rb")

    async def note(_: object) -> None:
        return

    try:
        return await flash(tool, ImageOrder(medium=-1, sha256=sha256), file.fileno(), note)
    finally:
        file.close()


async def test_the_image_is_the_commands_input_and_is_read_back(tmp_path: Path) -> None:
    chip = tmp_path / "chip"
    tool = storage(tmp_path, write=["/usr/bin/tee", str(chip)], read=["/bin/cat", str(chip)])
    told = await written(tool, tmp_path)
    assert chip.read_bytes() == DATA
    assert told["verified"] is True
    assert told["content_sha256"] == hashlib.sha256(DATA).hexdigest()


async def test_what_is_read_back_is_something_else(tmp_path: Path) -> None:
    tool = storage(tmp_path, write=["/usr/bin/wc"], read=["/usr/bin/head", "-c400000", "/dev/zero"])
    with pytest.raises(BoardError, match="what was read back is not what was written"):
        await written(tool, tmp_path)


async def test_the_image_is_a_file_that_goes_afterwards(tmp_path: Path) -> None:
    chip = tmp_path / "chip"
    tool = storage(tmp_path, write=["/bin/cp", "{image}", str(chip)])
    told = await written(tool, tmp_path)
    assert told["verified"] is False
    assert chip.read_bytes() == DATA
    assert [path.name for path in tool.folder.iterdir() if path.name == "image"] == []


@pytest.mark.parametrize(
    "write",
    [
        ["/bin/sh", "-c", "head -c 1000 >/dev/null; echo no such device >&2; exit 74"],
        ["/bin/sh", "-c", "echo no such device >&2; exit 74", "{image}"],
    ],
)
async def test_a_command_that_fails_is_heard(write: list[str], tmp_path: Path) -> None:
    with pytest.raises(BoardError, match="the command ended with status 74: no such device"):
        await written(storage(tmp_path, write=write), tmp_path)


async def test_a_wrong_image_does_not_become_the_commands_success(tmp_path: Path) -> None:
    tool = storage(tmp_path, write=["/usr/bin/wc", "-c"])
    with pytest.raises(BoardError, match="the image has the sha256"):
        await written(tool, tmp_path, sha256="0" * 64)


async def test_commands_switch_it(tmp_path: Path) -> None:
    tool = storage(
        tmp_path,
        write="true",
        to_supervisor=["/usr/bin/touch", str(tmp_path / "recovery")],
        to_dut=["/bin/rm", str(tmp_path / "recovery")],
    )
    assert await tool.holder() is Holder.UNKNOWN
    await tool.give(Holder.SUPERVISOR)
    assert (tmp_path / "recovery").exists()
    await tool.give(Holder.DUT)
    assert not (tmp_path / "recovery").exists()
    assert await tool.holder() is Holder.DUT
