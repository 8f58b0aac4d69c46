"""Whoever is refused leaves a trace, and learns no more than that."""

import logging
from pathlib import Path

import pytest

from tests.web.peopled import peopled_web


async def test_a_call_without_the_right_is_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "boruta_farm.web")
    async with peopled_web(tmp_path) as web:
        bob = await web.secret("bob")
        await web.call("GET", "audit", bob, source="192.0.2.66")
    lines = [record.getMessage() for record in caplog.records]
    assert [
        line for line in lines if "GET audit" in line and "192.0.2.66" in line and "bob" in line
    ]
    assert bob not in caplog.text


async def test_a_wrong_token_is_answered_like_an_unknown_one(tmp_path: Path) -> None:
    async with peopled_web(tmp_path) as web:
        ann = await web.secret("ann")
        near = ann[:-1] + ("A" if ann[-1] != "A" else "B")
        far = "boruta_s_0000000000_" + "x" * 43
        answers = [await web.call("GET", "me", secret) for secret in (near, far, "nonsense")]
    assert len({(answer.status, answer.body) for answer in answers}) == 1
