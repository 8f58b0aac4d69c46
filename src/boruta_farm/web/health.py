"""Whether the farm moves on, for load balancers and service managers."""

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from boruta_farm.web.services import Health


class HealthAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """``ok``, or ``stalled`` and what stands still.

    Besides, what is to be known of the farm's time, and of what its database may lose.
    """

    status: str = msgspec.field(name="Status")
    message: str | None = None
    clock: str | None = msgspec.field(name="Clock", default=None)
    database: str | None = msgspec.field(name="Database", default=None)


class HealthCheck:
    """Answer ``/healthz``: 200, or 503 with what stands still."""

    def __init__(self, health: Health, time: Health, database: Health) -> None:
        self._health, self._time, self._database = health, time, database

    async def answer(self, _request: Request) -> Response:
        """Answer one call."""
        trouble = self._health()
        answer = HealthAnswer(
            "ok" if trouble is None else "stalled", trouble, self._time(), self._database()
        )
        return Response(
            msgspec.json.encode(answer),
            status_code=200 if trouble is None else 503,
            headers={"content-type": "application/json", "cache-control": "no-store"},
        )
