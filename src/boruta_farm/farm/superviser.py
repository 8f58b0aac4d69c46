"""The contract Superviser in process."""

from boruta_farm.contracts import Registered
from boruta_farm.core import registration as core
from boruta_farm.core import workers
from boruta_farm.farm.engine import Engine
from boruta_farm.model.worker import Registration
from boruta_farm.store.base import Store


class FarmSuperviser:
    """Take in what boards tell of themselves."""

    def __init__(self, engine: Engine, store: Store) -> None:
        self._engine = engine
        self._store = store

    async def register(self, registration: Registration) -> Registered:
        """Make a board known, or known again."""
        worker = await self._engine.run(lambda world, now: core.register(world, registration, now))
        return Registered(uuid=worker.uuid, farm_id=self._store.farm_id, epoch=worker.epoch)

    async def set_fail(self, uuid: str, reason: str) -> None:
        """Fail a worker as its board reports."""
        await self._engine.run(lambda world, now: workers.set_fail(world, uuid, reason, now))
