"""A world with one idle board, ready for each test."""

import pytest

from boruta_farm.core import registration as core
from boruta_farm.core import requests, workers
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.request import NewRequest
from boruta_farm.model.worker import SessionKey, WorkerState
from tests.core.world import NOW, UUID, DictWorld, registration


@pytest.fixture
def world() -> DictWorld:
    """Return an empty world."""
    return DictWorld()


class Stage:
    """Bring a world to where a test wants to begin."""

    def __init__(self, world: DictWorld) -> None:
        self.world = world

    def idle(self, number: int = 1) -> str:
        """Register a board and make it IDLE."""
        uuid = UUID.format(number)
        world = self.world
        world.apply(core.register(world, registration(number), NOW))
        world.apply(workers.set_state(world, uuid, WorkerState.IDLE, NOW))
        epoch = world.workers[uuid].epoch
        key = SessionKey(worker=uuid, epoch=epoch, public="ssh-rsa A", sealed=b"sealed")
        world.apply(workers.prepared(world, uuid, epoch, key, "boruta-user", "ssh-ed25519 H", NOW))
        return uuid

    def waiting(self, new: NewRequest | None = None) -> int:
        """File a request."""
        filed = new or NewRequest(caps={}, priority=8)
        return self.world.apply(requests.create(self.world, LOCAL_ADMIN, filed, NOW)).id


@pytest.fixture
def stage(world: DictWorld) -> Stage:
    """Return the world's stage."""
    return Stage(world)
