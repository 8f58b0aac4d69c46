import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.dryad.credential import load_credential
from boruta_farm.dryad.files import LockedFolder, write_durably
from boruta_farm.dryad.state import AgentState, Phase, StateFile
from boruta_farm.model.errors import ConfigError, StoreError

GRANTED = AgentState(
    boot_id="boot",
    epoch=7,
    phase=Phase.GRANTED,
    farm_id="farm",
    key="ssh-ed25519 A",
    wanted_key="ssh-ed25519 B",
    username="user",
    host_key="ssh-ed25519 H",
    end=1234.5,
    sequence=3,
    tell_ended=True,
    trouble="none",
    notice="maintenance",
)


def test_the_state_is_read_as_it_was_stored(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    assert file.load() is None
    for state in (GRANTED, AgentState(boot_id="boot")):
        file.save(state)
        assert StateFile(tmp_path / "state.json").load() == state


BEFORE_SHARING = """{
    "format": 1, "boot_id": "boot", "epoch": 7, "phase": "GRANTED", "farm_id": "farm",
    "key": "ssh-ed25519 A", "wanted_key": "ssh-ed25519 B", "username": "user",
    "host_key": "ssh-ed25519 H", "end": 1234.5, "sequence": 3, "tell_ended": true,
    "trouble": "none", "notice": "maintenance", "found": []
}"""
"""As an agent wrote it before sessions could be shared."""


def test_an_upgraded_agent_goes_on_from_the_state_it_finds(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text(BEFORE_SHARING)
    assert StateFile(path).load() == GRANTED
    assert path.exists()


def test_nobody_else_reads_the_state(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    StateFile(path).save(GRANTED)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["state.json"]
    assert "AAAA" not in repr(replace(GRANTED, key="ssh-ed25519 AAAA"))


def damaged() -> list[str]:
    good = {"format": 1, **json.loads(json.dumps({**_fields(GRANTED)}))}
    return [
        "",
        "{",
        "[]",
        "{}",
        "\0" * 100,
        json.dumps({**good, "epoch": "7"}),
        json.dumps({**good, "phase": "MISTY"}),
        json.dumps({**good, "key": None}),
        json.dumps({**good, "end": None}),
        json.dumps({name: value for name, value in good.items() if name != "boot_id"}),
        json.dumps({**good, "extra": 1}),
    ]


def _fields(state: AgentState) -> dict[str, object]:
    return {name: getattr(state, name) for name in AgentState.__dataclass_fields__}


@pytest.mark.parametrize("content", damaged())
def test_a_damaged_state_is_set_aside(
    content: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    assert StateFile(path).load() is None
    assert (tmp_path / "state.json.damaged").read_text() == content
    assert not path.exists()
    assert "damaged" in caplog.text


def test_a_newer_agents_state_stops_the_start(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text('{"format": 2}')
    with pytest.raises(ConfigError, match="newer agent"):
        StateFile(path).load()


def test_a_failed_write_leaves_the_old_state(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "state.json")
    file.save(GRANTED)
    (tmp_path / "state.json.new").mkdir()
    with pytest.raises(StoreError, match="cannot be written"):
        file.save(AgentState(boot_id="other"))
    assert file.load() == GRANTED


def test_a_torn_write_of_an_earlier_crash_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "file.new").write_bytes(b"half")
    write_durably(tmp_path / "file", b"whole")
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_second_agent_is_kept_out_of_the_folder(tmp_path: Path) -> None:
    first = LockedFolder(tmp_path / "state", "state_dir")
    first.open()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700
    with pytest.raises(ConfigError, match="another agent uses"):
        LockedFolder(tmp_path / "state", "state_dir").open()
    first.close()
    first.close()
    second = LockedFolder(tmp_path / "state", "state_dir")
    second.open()
    second.close()


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"state_dir: .*file/state cannot be used"):
        LockedFolder(tmp_path / "file" / "state", "state_dir").open()


def test_the_credential_is_made_once(tmp_path: Path) -> None:
    path = tmp_path / "credential"
    credential = load_credential(path)
    assert len(credential) >= 32
    assert load_credential(path) == credential
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert load_credential(tmp_path / "other") != credential


@pytest.mark.parametrize("content", [b"", b"short", b"a b" * 20, b"\xff" * 40])
def test_a_damaged_credential_is_not_replaced_silently(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "credential"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match="credential"):
        load_credential(path)
    assert path.read_bytes() == content
