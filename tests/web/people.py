"""The contracts about people for the web's tests."""

from tests.store.making import HandClock

from boruta_farm.farm.accounts import FarmAccounts
from boruta_farm.farm.assembly import Farm
from boruta_farm.farm.audit import FarmAudit
from boruta_farm.farm.directory import Directory
from boruta_farm.farm.engine import Engine
from boruta_farm.farm.tokens import FarmTokens
from boruta_farm.store.base import Store
from boruta_farm.web.auth import People


def people_of(farm: Farm) -> People:
    """Return those of a farm."""
    return People(gate=farm.directory, accounts=farm.accounts, tokens=farm.tokens, audit=farm.audit)


def people_in(store: Store) -> People:
    """Return those of a store without a farm."""
    engine = Engine(store)
    directory = Directory(store, HandClock())
    return People(
        gate=directory,
        accounts=FarmAccounts(engine, directory),
        tokens=FarmTokens(engine, directory),
        audit=FarmAudit(engine, store),
    )
