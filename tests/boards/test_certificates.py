"""Certificates that boards show while they are lent."""

from datetime import UTC, datetime
from pathlib import Path

import asyncssh
import pytest
from cryptography.hazmat.primitives.serialization import SSHCertificate, load_ssh_public_identity

from boruta_farm.access.host_authority import HostAuthority
from boruta_farm.boards.certificates import MARGIN, MOST_CALLED, HostCertificates, usual_names
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import ProtocolError
from boruta_farm.model.request import Request
from boruta_farm.testing.boards import Manner, SimulatedBoard, SimulatedConnection
from boruta_farm.testing.simulation import PlainCipher
from tests.boards.lab import Lab, play
from tests.store.making import make_request, make_worker

KINDS = ("board", "n")
HOST_KEY = asyncssh.generate_private_key("ssh-ed25519").export_public_key().decode().strip()


def desk(lab: Lab) -> HostCertificates:
    return HostCertificates(lab.farm.fleet, HostAuthority(PlainCipher()), lab.clock, KINDS)


async def lent(lab: Lab, number: int = 1) -> tuple[SimulatedBoard, Request]:
    """Lend a board whose host key can be read."""
    board = await lab.add(number)
    board.host_key = HOST_KEY
    await lab.settle()
    return board, await lab.lend()


def shown(board: SimulatedBoard) -> tuple[list[str], datetime]:
    assert board.certificate is not None
    made = load_ssh_public_identity(board.certificate.encode())
    assert isinstance(made, SSHCertificate)
    names = sorted(name.decode() for name in made.valid_principals)
    return names, datetime.fromtimestamp(made.valid_before, UTC)


def test_a_board_is_vouched_for_by_the_name_that_was_typed_until_its_job_ends(
    tmp_path: Path,
) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        assert await desk(lab).vouch(request.id, "n=1+RAM.ge.0")
        usual = ["1", "1.farm", "n1", "n1.farm", "r1", "r1.farm"]
        names, until = shown(board)
        assert names == sorted([*usual, "n=1+ram.ge.0"])
        assert request.live_job is not None
        assert abs(until - request.live_job.timeout - MARGIN).total_seconds() < 1

    play(tmp_path, script)


def test_it_is_told_again_only_when_it_says_more(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        vouching = desk(lab)
        await vouching.vouch(request.id, "n1.farm")
        first, board.certificate = board.certificate, None
        assert first is not None
        assert await vouching.vouch(request.id, "n1")
        assert board.certificate is None
        await vouching.vouch(request.id, "any")
        assert "any" in shown(board)[0]
        await lab.settle(60)
        board.certificate = None
        await lab.farm.requests.prolong_access(LOCAL_ADMIN, request.id)
        await lab.settle()
        assert await vouching.vouch(request.id, "n1")
        names, until = shown(board)
        job = (await lab.request(request.id)).live_job
        assert job is not None
        assert abs(until - job.timeout - MARGIN).total_seconds() < 1
        assert "any" in names, "what it was called before still counts"

    play(tmp_path, script)


def test_the_next_job_is_not_called_as_the_last_one_was(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        vouching = desk(lab)
        await vouching.vouch(request.id, "any")
        await lab.farm.requests.close_request(LOCAL_ADMIN, request.id)
        await lab.settle()
        assert not await vouching.vouch(request.id, "any"), "its job is over"
        again = await lab.lend()
        assert await vouching.vouch(again.id, "n1")
        assert not {"any", "r1"} & set(shown(board)[0])

    play(tmp_path, script)


def test_an_agent_that_was_started_anew_is_told_again(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        vouching = desk(lab)
        await vouching.vouch(request.id, "n1")
        board.certificate = None
        await lab.connect(board)
        await lab.settle()
        assert await vouching.vouch(request.id, "n1")
        assert board.certificate is not None

    play(tmp_path, script)


def test_one_machine_with_two_boards_shows_the_names_of_both(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        one, first = await lent(lab)
        two, second = await lent(lab, 2)
        vouching = desk(lab)
        await vouching.vouch(first.id, "first.farm")
        await vouching.vouch(second.id, "n2.farm")
        assert {"first.farm", "n1.farm", "n2.farm"} <= set(shown(two)[0])
        assert "n2.farm" in shown(one)[0], "as was clear from the beginning"

    play(tmp_path, script)


def test_what_can_be_no_hosts_name_is_not_vouched_for(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        for name in ("", "a b", "a,b", "ä.farm", "x" * 256, "a\nb"):
            assert not await desk(lab).vouch(request.id, name)
        assert board.certificate is None

    play(tmp_path, script)


def test_who_cannot_goes_without_and_is_not_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    async def unknown(_: SimulatedConnection, epoch: int, certificate: str) -> None:
        asked.append(epoch)
        raise ProtocolError("no such call: certify")

    async def script(lab: Lab) -> None:
        _, request = await lent(lab)
        vouching = desk(lab)
        assert not await vouching.vouch(request.id, "n1")
        assert not await vouching.vouch(request.id, "n1")
        assert len(asked) == 1

    monkeypatch.setattr(SimulatedConnection, "certify", unknown)
    play(tmp_path, script)


def test_a_board_that_does_not_answer_holds_nobody_up_for_long(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        board.manner = Manner.NEVER
        began = lab.clock.monotonic()
        assert not await desk(lab).vouch(request.id, "n1")
        assert lab.clock.monotonic() - began <= 2.01

    play(tmp_path, script)


def test_a_job_has_so_many_names_of_peoples_own(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        board, request = await lent(lab)
        vouching = desk(lab)
        for number in range(MOST_CALLED + 2):
            await vouching.vouch(request.id, f"called-{number}")
        names = shown(board)[0]
        assert "called-1" not in names
        assert f"called-{MOST_CALLED + 1}" in names

    play(tmp_path, script)


def test_what_is_usual() -> None:
    worker = make_worker(caps={"board": "RPi4", "device_type": "has blank"}, name="Lab-1")
    found = usual_names(worker, make_request(7), ("board", "device_type", "missing"))
    assert sorted(found) == ["lab-1", "lab-1.farm", "r7", "r7.farm", "rpi4", "rpi4.farm"]
