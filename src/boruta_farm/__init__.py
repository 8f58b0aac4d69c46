"""Boruta lends boards: request, match, prove clean, open SSH, take back on time.

``from boruta_farm import borrow`` borrows one from Python.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from boruta_farm.client.blocking import PlainLease as PlainLease
    from boruta_farm.client.job import JobOverError as JobOverError
    from boruta_farm.client.lease import Lease as Lease
    from boruta_farm.client.session import NotStartedError as NotStartedError
    from boruta_farm.client.session import borrow as borrow
    from boruta_farm.model.errors import BorutaError as BorutaError

__version__ = "0.3.0"

_PLACES = {
    "BorutaError": "boruta_farm.model.errors",
    "JobOverError": "boruta_farm.client.job",
    "Lease": "boruta_farm.client.lease",
    "NotStartedError": "boruta_farm.client.session",
    "PlainLease": "boruta_farm.client.blocking",
    "borrow": "boruta_farm.client.session",
}
"""Where that lies which is looked up only when it is used: agents and servers need no client."""


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_PLACES})
