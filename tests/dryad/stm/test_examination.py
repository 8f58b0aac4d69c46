from pathlib import Path

import pytest

from boruta_farm.dryad.findings import Finding, Verdict
from boruta_farm.dryad.stm import examination
from boruta_farm.dryad.stm.examination import GROUPS, examine_controller
from boruta_farm.dryad.stm.settings import MuxPiSettings


async def examine(*groups: str, **fields: Path | None) -> tuple[Finding, ...]:
    settings = MuxPiSettings(**fields)  # type: ignore[arg-type]  # a test names the fields
    return await examine_controller(settings, groups or GROUPS)


async def test_a_service_that_is_down_is_told(tmp_path: Path) -> None:
    first, *_ = await examine(stm_path=tmp_path / "stm.socket")
    assert first.verdict is Verdict.WRONG
    assert "systemctl enable --now dryad-stm.socket" in first.remedy


async def test_a_serial_line_of_ones_own_must_be_open(tmp_path: Path) -> None:
    device = tmp_path / "ttyS2"
    first, *_ = await examine(stm_path=None, tty=device)
    assert (first.verdict, "uart2" in first.remedy) == (Verdict.WRONG, True)
    device.touch()
    first, *_ = await examine(stm_path=None, tty=device)
    assert first.verdict is Verdict.GOOD


async def test_what_sessions_need_is_advised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "TOOL", tmp_path / "stm")
    sockets = {"stm_path": tmp_path / "stm.socket", "user_socket": tmp_path / "user.socket"}
    _, *rest = await examine("stm", **sockets)
    assert {finding.verdict for finding in rest} == {Verdict.ADVICE}
    groups, tool, socket = rest
    assert "without dialout" in groups.fact
    assert (str(tmp_path / "stm") in tool.fact, "user.socket" in socket.fact) == (True, True)
