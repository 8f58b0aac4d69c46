"""What the server does where the machine tells less than usual."""

from pathlib import Path

import pytest

from boruta_farm.dryad.proc import machine
from boruta_farm.server.assembly import this_boot


def test_a_boot_has_one_name() -> None:
    assert this_boot() == this_boot() == machine.read_boot_id()


def test_a_boot_that_cannot_be_named_is_another_at_every_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A unit that hid /proc/sys made the server end, and start again, for ever."""

    def hidden() -> str:
        return (tmp_path / "boot_id").read_text()

    monkeypatch.setattr("boruta_farm.server.assembly.read_boot_id", hidden)
    assert this_boot() != this_boot()
    assert "let the service read /proc/sys" in caplog.text
