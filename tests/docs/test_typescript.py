"""A client that a generator from npm makes of our description works: the page's, line by line."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from boruta_farm.testing import farm

PAGE = Path(__file__).parents[2] / "docs" / "typescript.md"
TYPED = re.compile(r"^    ((?:npm|npx|node) .*)$", re.MULTILINE)
PRINTED = ["rpi4 IDLE", "boruta-user at port", "DONE", "wrong-request-state"]


def test_the_page_has_what_the_proof_types() -> None:
    assert [line.split()[0] for line in TYPED.findall(PAGE.read_text())] == [
        *("npm", "npx", "npx", "node")
    ]


@pytest.mark.prove
@pytest.mark.skipif(
    not all(map(shutil.which, ("node", "npm", "npx"))), reason="Node.js is missing (node, npm)"
)
def test_a_generated_client_files_and_closes_a_request(tmp_path: Path) -> None:
    text = PAGE.read_text()
    (tmp_path / "program.ts").write_text(text.split("```typescript\n")[1].split("```")[0])
    install, *lines = TYPED.findall(text)
    with farm() as local:

        def typed(line: str) -> "subprocess.CompletedProcess[str]":
            return subprocess.run(
                ("bash", "-c", line),
                cwd=tmp_path,
                env={**os.environ, **local.environment, "npm_config_update_notifier": "false"},
                capture_output=True,
                text=True,
                timeout=300,
            )

        got = typed(install)
        if got.returncode:
            pytest.skip(f"npm gets no packages here: {got.stderr[-300:]}")
        for line in lines:
            done = typed(line)
            assert done.returncode == 0, (line, done.stdout, done.stderr)
    printed = done.stdout.splitlines()
    assert len(printed) == len(PRINTED), printed
    assert all(told.startswith(start) for told, start in zip(printed, PRINTED, strict=True)), (
        printed
    )
