"""The contracts about people for the web's tests."""

from boruta_farm.farm.assembly import Farm
from boruta_farm.web.auth import People


def people_of(farm: Farm) -> People:
    """Return those of a farm."""
    return People(gate=farm.directory, accounts=farm.accounts, tokens=farm.tokens, audit=farm.audit)
