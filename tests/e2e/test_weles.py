"""Whole jobs of Weles and Testflinger on our agent, with nothing else installed."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from boruta_farm.testing.room import CANNOT
from tests.dryad.loops import loop_device
from tests.e2e.played import played

WITHIN = 240.0
PROGRAMS = {"useradd": "passwd", "sshd": "openssh-server"}
MORE = {
    "weles": {"sshfs": "sshfs"},
    "testflinger": {"sudo": "sudo", "hdparm": "hdparm", "zstdcat": "zstd"},
}


@pytest.mark.prove
@pytest.mark.parametrize(
    ("system", "isolation"), [("weles", "system user"), ("testflinger", "not isolated: disk, sudo")]
)
async def test_a_whole_job(system: str, isolation: str, tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can make the namespaces of this test")
    for program, package in {**PROGRAMS, **MORE[system]}.items():
        if shutil.which(program, path="/usr/bin:/usr/sbin:/sbin") is None:
            pytest.skip(f"{program} is not installed (Debian: {package})")
    with loop_device(tmp_path, 8 << 20, "-P") as card:
        status, words = await played(
            "boruta_farm.testing.room",
            *(sys.executable, "-m", "tests.e2e.weles", str(card), system),
            within=WITHIN,
        )
    if status == CANNOT:
        pytest.skip(f"the kernel makes no namespaces here: {words.strip()}")
    assert status == 0, words
    assert f"done: a whole job of {system}" in words
    assert f"isolation: {isolation}" in words
