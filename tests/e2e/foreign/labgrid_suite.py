"""A labgrid suite as anybody's: it knows nothing of Boruta, and is run by labgrid's own pytest."""

import re
from pathlib import Path
from typing import Any


def test_the_console_after_a_power_cycle(target: Any) -> None:
    power = target.get_driver("PowerProtocol")
    console = target.get_driver("ConsoleProtocol")
    power.cycle()
    console.expect("=> ", timeout=20)
    console.sendline("version")
    console.expect(re.compile("simulated boot loader of (.*)'s agent"), timeout=20)
    console.expect("=> ", timeout=20)
    power.off()
    power.on()
    console.expect("=> ", timeout=20)


def test_commands_and_files(target: Any, tmp_path: Path) -> None:
    ssh = target.get_driver("SSHDriver")
    assert ssh.run_check("echo hello") == ["hello"]
    assert ssh.run("exit 7")[2] == 7
    (tmp_path / "there").write_text("content")
    ssh.put(str(tmp_path / "there"), "file")
    ssh.get("file", str(tmp_path / "back"))
    assert (tmp_path / "back").read_text() == "content"
