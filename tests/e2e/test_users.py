"""The demo of users does what it says: everything refused that must be, and nothing left."""

from pathlib import Path

import pytest

from tests.e2e.stage import run_demo

STEPS = (
    "TLS is on: TLSv1.",
    "a call without a token is refused (401)",
    "bob is refused (403)",
    "bob of radio waited",
    "which is in no group",
    "revoked: dead, open events included, within 0.",
    "another credential is refused",
    "audit's chain of",
    "none of 9 tokens and keys stands in",
)


@pytest.mark.prove
async def test_demo_of_users_refuses_what_must_be_refused(tmp_path: Path) -> None:
    text = await run_demo(tmp_path, "--users")
    for step in STEPS:
        assert step in text, text
