"""Verbs for the device are one line for the board's shell, over the path of boruta ssh."""

import hashlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from boruta_farm.cli import device
from boruta_farm.cli.ssh import SshRun
from boruta_farm.client.device import device_line
from boruta_farm.model.request import RequestState
from boruta_farm.selectors.want import parse
from tests.cli.stage import Boruta, Stage
from tests.client.serving import Served


@pytest.fixture
def stage(served: Served, tmp_path: Path) -> Iterator[Stage]:
    """Return a stage with a free board."""
    served.board(1, "lab-rpi4", caps={"board": "rpi4"})
    stage = Stage(tmp_path, served.address)
    yield stage
    stage.close()


@pytest.fixture
def wishes(monkeypatch: pytest.MonkeyPatch) -> list[SshRun]:
    """Return the wishes that verbs make; in place of each, two bytes come, and status 3."""
    made: list[SshRun] = []

    def carry_out(_: typer.Context, make: Callable[[], SshRun]) -> None:
        made.append(make())
        if made[-1].output is not None:
            made[-1].output.write(b"ok")
        raise typer.Exit(0 if made[-1].output is not None and len(made) == 1 else 3)

    monkeypatch.setattr(device, "carry_out", carry_out)
    return made


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("power", "42"), ("power", "state")),
        (("power", "42", "cycle", "5s"), ("power", "cycle", "5s")),
        (("press", "42", "reset", "1s"), ("press", "reset", "1s")),
        (("press", "42"), ("press",)),
        (("do", "42", "greet", "--all", "a b"), ("do", "greet", "--all", "a b")),
        (("screen", "42"), ("screen", "snap", "-")),
        (("screen", "42", "--watch", "--name", "hdmi"), ("screen", "watch", "hdmi")),
    ],
)
def test_verbs(
    boruta: Boruta, wishes: list[SshRun], words: tuple[str, ...], line: tuple[str, ...]
) -> None:
    boruta(*words, status=3)
    [wish] = wishes
    assert wish.command == (device_line(*line),)
    assert (wish.request_id, wish.new, wish.want) == (42, None, None)


@pytest.mark.parametrize(
    "target", ["board=rpi4+!broken", "board in (rpi3, rpi4), !broken", "lab-rpi4"]
)
def test_a_board_is_borrowed_for_the_command(
    boruta: Boruta, wishes: list[SshRun], target: str
) -> None:
    boruta("power", target, "on", status=3)
    [wish] = wishes
    assert wish.new is not None
    assert (wish.want, wish.request_id) == (parse(target), None)
    assert wish.new.strict


def test_a_picture_goes_into_a_file_whole_or_not_at_all(
    boruta: Boruta, wishes: list[SshRun], tmp_path: Path
) -> None:
    shot = tmp_path / "shot.png"
    boruta("screen", "42", str(shot))
    assert shot.read_bytes() == b"ok"
    shot.write_bytes(b"the last one")
    boruta("screen", "42", str(shot), status=3)
    assert shot.read_bytes() == b"the last one"
    assert list(tmp_path.iterdir()) == [shot]
    nowhere = boruta("screen", "42", str(tmp_path / "none" / "shot.png"), status=2)
    assert "cannot be written: No such file or directory" in nowhere.err


def test_over_ssh_from_end_to_end(stage: Stage, served: Served, tmp_path: Path) -> None:
    stage.environment["STATUS"] = "3"
    outcome = stage.run("power", "lab-rpi4", "on")
    assert outcome.status == 3, outcome.err
    assert stage.arguments[-2:] == ["boruta-user@127.0.0.1", device_line("power", "on")]
    assert served.request(1).state is RequestState.DONE
    stage.assert_nothing_left()


def test_an_image_of_ours_is_the_commands_input(
    boruta: Boruta, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image, fed = tmp_path / "a.img", []

    def carry_out(_: typer.Context, make: Callable[[], SshRun]) -> None:
        wish = make()
        assert wish.source is not None
        with os.fdopen(os.dup(wish.source), "rb") as source:
            fed.append((wish.command, source.read()))
        raise typer.Exit(0)

    monkeypatch.setattr(device, "carry_out", carry_out)
    image.write_bytes(b"picture")
    digest = hashlib.sha256(b"picture").hexdigest()
    boruta("flash", "42", "sd", str(image), "--keep")
    (tmp_path / "a.bmap").write_bytes(b"map")
    boruta("flash", "42", str(image), "--bmap", str(tmp_path / "a.bmap"), "--sha256", digest)
    size = ("--size", "7", "--sha256")
    assert fed == [
        (
            (device_line("flash", "--keep", *size, "follows", "sd", "-"),),
            b"picture" + digest.encode(),
        ),
        ((device_line("flash", *size, digest, "--bmap-size", "3", "-"),), b"mappicture"),
    ]


@pytest.mark.parametrize("image", ["-", "https://images.example/a.img"])
def test_an_image_that_is_not_ours_to_read(
    boruta: Boruta, wishes: list[SshRun], image: str
) -> None:
    boruta("flash", "42", "--no-verify", "--sha256", "ab", image, status=3)
    line = device_line("flash", "--no-verify", "--sha256", "ab", image)
    assert (wishes[0].command, wishes[0].source) == ((line,), None)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (("none.img",), "none.img cannot be read: No such file"),
        (("/",), "/ is no file; pipe what it holds"),
        (("a", "b", "c"), "at most a medium's name and an image"),
        (("--bmap", "x", "-"), "--bmap goes with a file of yours"),
    ],
)
def test_images_that_cannot_be_meant(
    boruta: Boruta, wishes: list[SshRun], words: tuple[str, ...], complaint: str
) -> None:
    assert complaint in boruta("flash", "42", *words, status=2).err
    assert not wishes


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (("board=rpi4", "on"), 0, True),
        (("board=rpi4", "on"), 255, False),
        (("42", "on"), 0, False),
        (("lab-rpi4", "off"), 0, False),
        (("lab-rpi4",), 0, False),
    ],
)
def test_power_for_a_borrowed_board_is_told_not_to_last(
    boruta: Boruta,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    status: int,
    *,
    told: bool,
) -> None:
    def carry_out(_: typer.Context, __: Callable[[], SshRun]) -> None:
        raise typer.Exit(status)

    monkeypatch.setattr(device, "carry_out", carry_out)
    err = boruta("power", *words, status=status).err
    assert ("to keep it on: boruta new" in err) is told
