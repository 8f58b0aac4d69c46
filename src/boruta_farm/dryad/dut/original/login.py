"""``dut_login.sh [USER [PASSWORD]]``: who the other commands are on the device."""

from boruta_farm.dryad.dut.call import UsageError
from boruta_farm.dryad.dut.frames import Status
from boruta_farm.dryad.dut.original.device import USUAL_USER, Login, port_user, run_there


def operate(_name: str, words: list[str]) -> int:
    """Remember it for this session, and see that it opens the device."""
    if len(words) > 2:
        raise UsageError("dut_login.sh takes a user and a password")
    usual = port_user()
    user, password, *_ = (*words, "", "")
    return (
        Status.DONE
        if run_there("true", Login.remember(user or usual or USUAL_USER, password)) == 0
        else 1
    )
