import pytest

from boruta_farm.model.site import SITE_NAME


@pytest.mark.parametrize("name", ["lab-b", "b2", "7"])
def test_names_that_stand_in_addresses(name: str) -> None:
    assert SITE_NAME.fullmatch(name)


@pytest.mark.parametrize("name", ["", "-b", "lab/b", "lab b", "Lab", "b" * 33, "lab\n"])
def test_others(name: str) -> None:
    assert not SITE_NAME.fullmatch(name)
