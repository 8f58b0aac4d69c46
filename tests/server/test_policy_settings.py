"""Policies are read from the configuration, with words for what is wrong."""

from datetime import timedelta

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.server.config import load


def policies(**settings: object) -> Policies:
    """Return the policies of these settings."""
    return load(environment={}, overrides=settings).farm_settings().policies


def test_without_settings_the_order_is_the_original_s() -> None:
    assert policies() == Policies()


def test_all_of_them_are_read() -> None:
    found = policies(
        ageing="on",
        fair_share="groups and owners",
        half_life="2d",
        owner_limit=3,
        group_limit="10",
        owner_limits="ci=20, ann=2",
        group_limits="qa = 5",
    )
    assert found == Policies(
        ageing=timedelta(hours=4),
        fair_share=FairShare.BOTH,
        half_life=timedelta(days=2),
        owner_limit=3,
        group_limit=10,
        owner_limits={"ci": 20, "ann": 2},
        group_limits={"qa": 5},
    )
    assert policies(ageing="90m").ageing == timedelta(minutes=90)
    assert policies(ageing=False, owner_limit="none", owner_limits="") == Policies()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"ageing": "soon"}, "ageing: 'soon' is no duration"),
        ({"ageing": "0s"}, "no time at all"),
        ({"fair_share": "all"}, "none of none, owners, groups, groups and owners"),
        ({"half_life": "1m"}, "half_life: '1m' must be at least 10m"),
        ({"owner_limit": 0}, "owner_limit: 0 must lie between 1 and"),
        ({"owner_limits": "ci"}, "'ci' names nobody"),
        ({"owner_limits": "ci=2, ci=3"}, "'ci' stands there twice"),
        ({"group_limits": "qa=many"}, "group_limits.qa: 'many' must be a whole number"),
    ],
)
def test_what_is_wrong_is_said(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        policies(**settings)
