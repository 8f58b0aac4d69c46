import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.hooked import CLEAN_HOOK, HookedDriver
from boruta_farm.dryad.hooks import Hook, Hooks, HookSettings, distrust
from boruta_farm.model.errors import BoardError, ConfigError
from boruta_farm.settings.declaration import read
from boruta_farm.settings.table import Table
from tests.dryad.boards import NEW, OLD, Board, FakeDriver

Write = Callable[[str], Path]


@pytest.fixture
def script(tmp_path: Path) -> Write:
    """Return a way to make a hook of a shell script."""

    def write(body: str) -> Path:
        path = tmp_path / "hook"
        path.write_text(f"#!/bin/sh\n{body}\n")
        path.chmod(0o755)
        return path

    return write


def hooks(path: Path, timeout: float = 60.0, **environment: str) -> Hooks:
    settings = HookSettings(
        prepare=path,
        clean=path,
        maintenance=path,
        healthcheck=path,
        timeout=timeout,
        environment=environment,
    )
    return Hooks(settings, {"board": "uuid-1"})


async def test_a_hook_knows_its_board_and_what_it_is_for(script: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = script(f'echo "$BORUTA_HOOK $BORUTA_BOARD $BORUTA_USER $PDU ${{HOME-no home}}" > {out}')
    await hooks(path, PDU="10.0.0.5").run(Hook.PREPARE, user="bob")
    assert out.read_text() == "prepare uuid-1 bob 10.0.0.5 no home\n"


async def test_a_hook_that_fails_is_told_with_its_last_words(script: Write) -> None:
    path = script("echo first; echo relay 3 does not answer >&2; exit 4")
    with pytest.raises(BoardError, match=r"hook clean: .* status 4: relay 3 does not answer"):
        await hooks(path).run(Hook.CLEAN)


async def test_a_late_hook_is_ended_with_its_children(script: Write, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    path = script(f"sleep 86400 > {fifo} & wait")
    reading = asyncio.create_task(asyncio.to_thread(fifo.read_bytes))
    with pytest.raises(BoardError, match="not done within 1 s"):
        await hooks(path, timeout=1.0).run(Hook.CLEAN)
    # The pipe ends when the child, which holds its other end, has ended.
    assert await asyncio.wait_for(reading, 20) == b""


async def test_a_daemon_that_a_hook_leaves_holds_up_nobody(script: Write, tmp_path: Path) -> None:
    note = tmp_path / "pid"
    path = script(f"sleep 86400 & echo $! > {note}; echo done")
    await asyncio.wait_for(hooks(path).run(Hook.PREPARE), 20)
    os.kill(int(note.read_text()), 9)


async def test_much_output_is_read_and_forgotten(script: Write) -> None:
    path = script("head -c 1000000 /dev/zero | tr '\\0' 'x'; exit 1")
    with pytest.raises(BoardError) as failed:
        await hooks(path).run(Hook.HEALTHCHECK)
    assert len(failed.value.message) < 500


async def test_a_hook_that_vanished_is_told(script: Write) -> None:
    path = script("true")
    chosen = hooks(path)
    path.unlink()
    with pytest.raises(BoardError, match="No such file"):
        await chosen.run(Hook.CLEAN)


def test_an_executable_that_others_may_replace_is_refused(script: Write) -> None:
    path = script("true")
    assert distrust(path) == ""
    path.chmod(0o777)
    assert "others may write" in distrust(path)
    path.chmod(0o755)
    path.parent.chmod(0o777)
    assert "others may write" in distrust(path)


def test_what_cannot_be_run_is_refused(script: Write, tmp_path: Path) -> None:
    path = script("true")
    path.chmod(0o644)
    assert "chmod +x" in distrust(path)
    assert "No such file" in distrust(tmp_path / "none")
    assert "cannot be executed" in distrust(tmp_path)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"claen": "/x"}, r"hooks.claen: there is no such setting; did you mean clean\?"),
        ({"clean": "x"}, "hooks.clean: 'x' must be a path that begins with /"),
        ({"timeout": 0}, "hooks.timeout: 0 must lie between 1 and 280"),
        ({"timeout": True}, "hooks.timeout: True must be a number"),
        ({"environment": {"A B": "x"}}, "hooks.environment.A B: must be a variable's name"),
        ({"environment": {"A": 7}}, "hooks.environment.A: 7 must be a text"),
    ],
)
def test_wrong_settings_name_their_key(content: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        read(HookSettings, Table(place="/d.conf", path="hooks", content=content))


def test_settings_are_read(script: Write) -> None:
    path = script("true")
    content = {"clean": str(path), "timeout": 90, "environment": {"PDU": "3"}}
    settings = read(HookSettings, Table(place="/d.conf", path="hooks", content=content))
    assert settings == HookSettings(clean=path, timeout=90, environment={"PDU": "3"})


async def test_each_operation_runs_its_hook_after_the_driver(script: Write, tmp_path: Path) -> None:
    out = tmp_path / "out"
    path = script(f'echo "$BORUTA_HOOK $BORUTA_USER$BORUTA_MESSAGE" >> {out}')
    inner = FakeDriver(Board())
    driver = HookedDriver(inner, hooks(path))
    await driver.clean()
    await driver.prepare(OLD)
    await driver.authorize(NEW)
    await driver.expire_in(10)
    await driver.healthcheck()
    await driver.test()
    await driver.put_in_maintenance("rewired")
    assert out.read_text().splitlines() == [
        *("clean ", "prepare boruta-user", "healthcheck ", "maintenance rewired"),
    ]
    assert inner.calls[-3:] == ["healthcheck", "test", "put_in_maintenance"]
    assert inner.board.key_ends_in == 10
    assert (await driver.facts())[CLEAN_HOOK] == str(path)


async def test_a_board_whose_clean_hook_fails_is_not_clean(script: Write) -> None:
    driver = HookedDriver(FakeDriver(Board()), hooks(script("exit 1")))
    with pytest.raises(BoardError, match="hook clean"):
        await driver.clean()


async def test_no_hook_is_no_trouble() -> None:
    driver = HookedDriver(FakeDriver(Board()), Hooks(HookSettings(), {}))
    await driver.clean()
    assert CLEAN_HOOK not in await driver.facts()
