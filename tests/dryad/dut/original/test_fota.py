"""``fota``: archives written to partitions of a card that an emulated controller switches."""

import gzip
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.dryad.dut.original.archives import packed
from tests.dryad.dut.original.muxpi import FIRST, SECOND, MuxPi
from tests.dryad.images.pictures import noise
from tests.dryad.images.servers import ImageServer, serving

BOOT, ROOT = noise(300_001), gzip.compress(noise(500_000, seed=2))
FILES = {"readme.txt": b"hello", "./boot.img": BOOT, "rootfs.img": ROOT}
MAP = {"boot.img": "1", "rootfs.img": "p2"}


@pytest.fixture(scope="module")
def server() -> Iterator[ImageServer]:
    with serving() as found:
        yield found


def mapped(board: MuxPi, mapping: object = MAP) -> str:
    """Write a mapping, and return the beginning of a command line."""
    (board.folder / "map.json").write_text(json.dumps(mapping))
    return f"fota -card {board.card} -map {board.folder}/map.json"


@pytest.mark.parametrize("form", ["gz", "plain"])
async def test_files_go_to_their_partitions(form: str, board: MuxPi) -> None:
    archive = board.folder / "image.tar"
    archive.write_bytes(packed(FILES, form))
    before = board.card.read_bytes()
    status, output, said = await board.run(f"{mapped(board)} {archive}")
    assert (status, output) == (0, "")
    assert board.partition(FIRST, len(BOOT)) == BOOT
    assert board.partition(SECOND, len(ROOT)) == ROOT
    assert board.card.read_bytes()[: 1 << 20] == before[: 1 << 20]
    assert "readme.txt is not in the mapping; skipped" in said
    assert "flashed ./boot.img, " in said
    assert (board.chip.card, board.chip.relay) == ("ts", False)


async def test_from_the_web_with_sums(board: MuxPi, server: ImageServer) -> None:
    data = packed(FILES)
    url = server.put("/build/7/image.tar.gz", data)
    digest = hashlib.md5(data).hexdigest()
    sums = server.put("/build/7/MD5SUMS", f"{digest}  image.tar.gz\n{'0' * 32}  b\n".encode())
    assert await board.run(f"{mapped(board)} -q -md5 {sums} {url}") == (0, "", "")
    assert board.partition(FIRST, len(BOOT)) == BOOT
    wrong = server.put("/build/7/WRONG", f"{'0' * 32} *image.tar.gz\n".encode())
    status, _, said = await board.run(f"{mapped(board)} -q -md5={wrong} {url}")
    assert status == 1
    assert f"MD5 checksum mismatch: {digest} != {'0' * 32}; what was written is not" in said


async def test_sums_of_files_are_told_by_their_full_names(board: MuxPi) -> None:
    archive = board.folder / "image.tar.gz"
    archive.write_bytes(packed(FILES))
    for digest, status in ((hashlib.md5(archive.read_bytes()).hexdigest(), 0), ("f" * 32, 1)):
        (board.folder / "sums").write_text(f"{digest}  {archive}\n")
        line = f"{mapped(board)} -q --md5 {board.folder}/sums {archive}"
        assert (await board.run(line))[0] == status


async def test_the_whole_card(board: MuxPi) -> None:
    archive = board.folder / "image.tar"
    archive.write_bytes(packed({"disk.img": BOOT}))
    assert (await board.run(f"{mapped(board, {'disk.img': ''})} -q {archive}"))[0] == 0
    assert board.card.read_bytes()[: len(BOOT)] == BOOT


async def test_without_archives_the_card_is_waited_for(board: MuxPi) -> None:
    board.chip.card = "dut"
    assert await board.run(f"{mapped(board)} -remote /run/stm-user.socket") == (
        *(0, ""),
        "fota: SDcard detected\nfota: nothing to do\n",
    )
    assert board.chip.card == "ts"
    assert (await board.run(f"{mapped(board, {})} nothing.tar.gz"))[0] == 0


WRONG = (
    ("fota", 1, "missing mapping argument"),
    ("fota -map MAP", 1, "missing sdcard argument"),
    ("fota -fast", 2, "flag provided but not defined: -fast"),
    ("fota -map", 2, "flag needs an argument: -map"),
    ("fota -card /dev/sdz -map MAP", 1, "/dev/sdz is no card of this board's tools, only "),
    ("fota -card CARD -map none.json", 1, "none.json: No such file or directory"),
    ("fota -card CARD -map CARD", 1, "failed to decode the mapping"),
    ("fota -card CARD -map MAP image.tar.gz", 1, "image.tar.gz is neither a file nor an http"),
    ("fota -card CARD -map MAP CARD", 1, "no tar archive that can be read"),
    ("fota -card CARD -map MAP CUT", 1, "the archive cannot be read"),
    ("fota -card CARD -map MAP http://127.0.0.1:1/a.tar.gz", 1, "Connection refused"),
    ("fota -card CARD -map FAR BIG", 1, "the medium has no partition 3, only 1, 2"),
    ("fota -card CARD -map MAP BIG", 1, "nothing was written"),
    ("fota -card CARD -map BAD BIG", 1, "'one' is no partition"),
)


async def test_what_cannot_be_done(board: MuxPi) -> None:
    folder = board.folder
    (folder / "BIG").write_bytes(packed({"boot.img": bytes(2 << 20)}))
    (folder / "CUT").write_bytes(packed({"boot.img": noise(1 << 19)}, "plain")[: 1 << 18])
    for name, partition in (("MAP", "1"), ("FAR", "3"), ("BAD", "one")):
        (folder / name).write_text(json.dumps({"boot.img": partition}))
    names = {name: str(folder / name) for name in ("MAP", "FAR", "BAD", "BIG", "CUT")}
    names["CARD"] = str(board.card)
    for line, status, words in WRONG:
        spelt = " ".join(names.get(word, word) for word in line.split(" "))
        found, _, said = await board.run(spelt)
        assert words in said
        assert found == status


async def test_help(board: MuxPi) -> None:
    status, output, _ = await board.run("fota -help")
    assert status == 0
    assert output.startswith("usage: fota -card DEVICE -map FILE")


async def test_nothing_is_written_for_a_job_that_has_ended(board: MuxPi) -> None:
    line = mapped(board)
    await board.service.close()
    status, _, said = await board.run(f"{line} {Path('/dev/null')}")
    assert status == 1
    assert "fota: " in said


async def test_dut_itself_writes_a_partition(board: MuxPi) -> None:
    (board.folder / "home" / "image.gz").write_bytes(ROOT)
    line = "dut flash sd image.gz --keep --partition"
    assert (await board.run(f"{line} 1"))[0] == 0
    assert board.partition(FIRST, 500_000) == gzip.decompress(ROOT)
    assert (await board.run(f"{line} 2 --as-it-is"))[0] == 0
    assert board.partition(SECOND, len(ROOT)) == ROOT
    status, _, said = await board.run(f"{line} 3")
    assert (status, "has no partition 3" in said) == (1, True)
