"""The server as a process: what a hang-up does."""

import asyncio
import logging
import os
import signal
import sys

import pytest

from boruta_farm.server.main import _take_hang_ups


async def test_a_hang_up_ends_no_server_without_a_terminal(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """`systemctl reload` sends SIGHUP, whether there is a certificate or not."""
    monkeypatch.setattr(sys, "stdin", None)
    caplog.set_level(logging.INFO, "boruta_farm.server.main")
    told = asyncio.Event()

    class Watch(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            told.set()

    watch = Watch()
    logger = logging.getLogger("boruta_farm.server.main")
    logger.addHandler(watch)
    _take_hang_ups(None)
    try:
        os.kill(os.getpid(), signal.SIGHUP)
        async with asyncio.timeout(30):
            await told.wait()
    finally:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGHUP)
        logger.removeHandler(watch)
    assert "there is no certificate" in caplog.text
