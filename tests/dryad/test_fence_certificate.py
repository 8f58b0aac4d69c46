"""The certificate that a board's SSH server shows while a job runs."""

import pytest

from boruta_farm.model.errors import BoardError, StaleEpochError
from tests.dryad.boards import NEW, Lab, play

CERTIFICATE = "ssh-ed25519-cert-v01@openssh.com AAAA"


def test_the_driver_is_told_of_it_while_the_job_runs() -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(2)
        await fence.certify(2, CERTIFICATE)
        assert lab.board.certificate == CERTIFICATE
        with pytest.raises(StaleEpochError):
            await fence.certify(1, CERTIFICATE)
        await fence.end(2)
        with pytest.raises(StaleEpochError):
            await fence.certify(2, CERTIFICATE)

    play(scene)


@pytest.mark.parametrize("line", ["", " ", f"{CERTIFICATE}\n{CERTIFICATE}"])
def test_what_is_not_one_line_is_refused(line: str) -> None:
    async def scene(lab: Lab) -> None:
        fence = await lab.lend(1)
        with pytest.raises(BoardError, match="one line"):
            await fence.certify(1, line)

    play(scene)


def test_a_board_that_nobody_has_shows_none() -> None:
    async def scene(lab: Lab) -> None:
        await lab.fence.clean(1)
        await lab.fence.prepare(NEW, epoch=1)
        with pytest.raises(StaleEpochError):
            await lab.fence.certify(1, CERTIFICATE)

    play(scene)
