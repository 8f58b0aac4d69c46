"""What people name a board by, in a farm with certain boards."""

from datetime import UTC, datetime

import pytest

from boruta_farm.model.errors import AmbiguousWorkerError, WorkerNotFoundError
from boruta_farm.model.worker import Fence, Worker, WorkerState
from boruta_farm.selectors.want import parse
from boruta_farm.selectors.wanted import Meant, wanted


def board(number: int, name: str, **caps: str) -> Worker:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    return Worker(
        uuid=f"{number:08}-0000-4000-8000-000000000000",
        state=WorkerState.IDLE,
        groups=(),
        caps={name.replace("tool_", "tool."): value for name, value in caps.items()},
        name=name,
        fence=Fence.AGENT,
        since=now,
        epoch=1,
        port=20000 + number,
        dryad_address="",
        ssh_address="",
        registered=now,
    )


FIRST = board(1, "lab-rpi4", board="RPi4", arch="arm64", ram="4", tool_power="yes")
SECOND = board(2, "lab-rpi4-2", board="rpi4", arch="arm64", ram="8", serial="9600, 115200")
THIRD = board(3, "desk", device_type="qemu", BOARD="odd", gpu="yes")
FARM = (FIRST, SECOND, THIRD)


def asked(text: str) -> tuple[dict[str, str], str | None]:
    found = wanted(parse(text), FARM)
    return found.caps, found.selector


@pytest.mark.parametrize("text", ["desk", "DESK", THIRD.uuid, "des"])
def test_a_board_by_its_name(text: str) -> None:
    assert wanted(parse(text), FARM) == Meant(caps={"UUID": THIRD.uuid}, worker=THIRD)


def test_a_name_with_the_signs_of_a_want_is_that_board() -> None:
    odd = board(4, "a+b=c (old)")
    assert wanted(parse("A+b=c (old)"), (*FARM, odd)).worker == odd
    assert wanted(parse("r7"), (board(5, "r7"),)).request == 7
    assert wanted(parse("name=r7"), (board(5, "r7"),)).caps == {"name": "r7"}


def test_a_kind_of_board_however_boards_spell_it() -> None:
    assert asked("rpi4") == ({}, "board in (RPi4, rpi4)")
    assert asked("qemu") == ({"device_type": "qemu"}, None)
    assert wanted(parse("arm64"), FARM, ("arch",)).caps == {"arch": "arm64"}


def test_a_capability_by_its_name_alone() -> None:
    assert asked("gpu") == ({}, "gpu")
    assert asked("qemu+TOOL.POWER") == ({"device_type": "qemu"}, "tool.power")


def test_conditions_are_spelt_as_boards_spell_them() -> None:
    assert asked("ARCH=ARM64+RAM.ge.4+!BROKEN+arch!=X86") == (
        {"arch": "arm64"},
        "ram >= 4, !BROKEN, arch != X86",
    )
    assert asked("Board=odd") == ({"BOARD": "odd"}, None)
    assert asked("board=odd") == ({"board": "odd"}, None), "exactly as one is spelt is that one"
    assert asked("serial.has.9600") == ({}, "serial has 9600")


def test_what_no_board_has_is_asked_for_as_it_was_written() -> None:
    assert asked("board=rpi5+Disk.lt.2") == ({"board": "rpi5"}, "Disk < 2")


def test_two_values_of_one_name_are_left_for_the_farm_to_refuse() -> None:
    assert asked("ram=4+ram=8+ram=4") == ({"ram": "4"}, "ram = 8")
    caps, selector = asked("desk+lab-rpi4-2")
    assert (caps["UUID"], selector) == (THIRD.uuid, f"UUID = {SECOND.uuid}")


def test_others_are_handed_on() -> None:
    assert wanted(parse("r42"), FARM) == Meant(request=42)
    assert wanted(parse("any"), FARM) == Meant()
    assert wanted(parse("ram >= 2"), FARM) == Meant(selector="ram >= 2")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("lab-rpi5", "no kind of board 'lab-rpi5'; did you mean lab-rpi4 or lab-rpi4-2"),
        ("rpi5", r"did you mean RPi4 or rpi4\?"),
        ("zzz+gpu", "no kind of board 'zzz'; see: boruta workers"),
    ],
)
def test_what_may_have_been_meant(text: str, told: str) -> None:
    with pytest.raises(WorkerNotFoundError, match=told):
        wanted(parse(text), FARM)


def test_a_beginning_of_several() -> None:
    with pytest.raises(AmbiguousWorkerError, match="'lab' could be lab-rpi4, lab-rpi4-2"):
        wanted(parse("lab"), FARM)
