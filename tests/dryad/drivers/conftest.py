"""Prepared sandboxes, once with each isolation."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from boruta_farm.dryad.drivers.sandbox import SandboxConfig, SandboxDriver
from boruta_farm.dryad.drivers.sandbox_isolation import Isolation
from tests.dryad.drivers.sandboxes import Visitor, make_config


@pytest.fixture
def visitor(tmp_path: Path) -> Visitor:
    """Return one who has a key."""
    return Visitor(tmp_path)


@pytest.fixture(params=list(Isolation))
async def config(request: pytest.FixtureRequest, tmp_path: Path) -> SandboxConfig:
    """Return a configuration for each isolation that can be had."""
    return await make_config(tmp_path / "sandbox", request.param)


@pytest.fixture
async def driver(config: SandboxConfig) -> AsyncIterator[SandboxDriver]:
    """Return a started driver; whatever runs in it ends with the test."""
    driver = SandboxDriver(config)
    await driver.start()
    try:
        yield driver
    finally:
        await driver.clean()
        await driver.close()


@pytest.fixture
async def board(driver: SandboxDriver, visitor: Visitor) -> SandboxDriver:
    """Return a driver that lets the visitor in."""
    await driver.prepare(visitor.public)
    return driver
