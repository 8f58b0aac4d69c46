"""A private key serves again only when nobody can have seen it."""

from pathlib import Path

from boruta_farm.model.caller import LOCAL_ADMIN
from tests.boards.lab import IDLE, Lab, play

OWN = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"


async def next_key(lab: Lab, request_id: int) -> str | None:
    """Close a request and return the key that the board is prepared with afterwards."""
    (board,) = lab.boards.values()
    await lab.farm.requests.close_request(LOCAL_ADMIN, request_id)
    await lab.settle()
    assert await lab.state(board) is IDLE
    return board.key


def test_a_key_that_nobody_acquired_serves_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        first = board.key
        request = await lab.lend()
        assert await next_key(lab, request.id) == first

    play(tmp_path, script)


def test_a_key_that_was_acquired_never_serves_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        seen = set()
        for _ in range(3):
            request = await lab.lend()
            access = await lab.farm.requests.acquire_worker(LOCAL_ADMIN, request.id)
            again = await lab.farm.requests.acquire_worker(LOCAL_ADMIN, request.id)
            assert access == again
            assert board.key is not None
            assert board.key not in seen
            seen.add(board.key)
            assert await next_key(lab, request.id) not in seen

    play(tmp_path, script)


def test_the_prepared_key_of_a_job_with_a_key_of_its_own_serves_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        first = board.key
        request_id = await lab.file(ssh_key=OWN)
        await lab.settle()
        assert board.key == OWN
        assert await next_key(lab, request_id) == first

    play(tmp_path, script)


def test_after_a_restart_no_key_serves_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board = await lab.ready()
        first = board.key
        request = await lab.lend()
        await lab.crash()
        await lab.start()
        await lab.settle()
        assert await next_key(lab, request.id) != first

    play(tmp_path, script)
