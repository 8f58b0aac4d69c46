"""The page about the Python client: what it shows of the device does what it says.

Its other examples are run by ``tests/client/test_remote.py``.
"""

import base64
import lzma
import re
import shutil
from pathlib import Path
from textwrap import dedent

import pytest

from boruta_farm import borrow
from boruta_farm.testing import LocalBoard, farm
from boruta_farm.testing.device import SIMULATED

PAGE = Path(__file__).parents[2] / "docs" / "python.md"
PICTURE = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
"""A picture of one point (PNG)."""


@pytest.mark.prove
@pytest.mark.skipif(not all(map(shutil.which, ("ssh", "scp"))), reason="openssh-client is missing")
def test_the_device_is_operated_as_the_page_shows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    device = PAGE.read_text().split("## The device")[1]
    (example,) = re.findall(r"^    with borrow\(.*\n(?:        .*\n)+", device, re.MULTILINE)
    (tmp_path / "image.img.xz").write_bytes(lzma.compress(b"image" * 1000))
    (tmp_path / "picture").write_bytes(PICTURE)
    (tmp_path / "picture").chmod(0o644)
    camera = {"driver": "exec", "kind": "video", "snapshot": f"cat {tmp_path / 'picture'}"}
    monkeypatch.chdir(tmp_path)
    with farm(LocalBoard(tools={**SIMULATED, "camera": camera})) as local:
        for name, value in local.environment.items():
            monkeypatch.setenv(name, value)
        exec(compile(dedent(example), str(PAGE), "exec"), {"borrow": borrow})
    told = capsys.readouterr().out
    assert told.startswith("('1',) a simulated device: ")
    assert (tmp_path / "screen.jpg").read_bytes() == PICTURE
