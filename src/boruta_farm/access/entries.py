"""Routes as a relay is told of them."""

from datetime import datetime

from boruta_farm.access.link import Held
from boruta_farm.access.messages import RouteEntry
from boruta_farm.access.routes import TunnelRoute


def entry_of(route: TunnelRoute, now: datetime) -> RouteEntry:
    """Return a route's entry, whose end is told in seconds left."""
    left = None if route.cut is None else (route.cut - now).total_seconds()
    return RouteEntry(
        worker=route.worker,
        port=route.port,
        host=route.host,
        target=route.target,
        epoch=route.epoch,
        cut_in=left,
        reach=route.reach,
    )


def continues(held: Held, route: TunnelRoute) -> bool:
    """Tell whether a relay that holds this is right to go on with it."""
    return (held.port, held.epoch) == (route.port, route.epoch)
