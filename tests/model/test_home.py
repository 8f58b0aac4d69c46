"""A uid that has no account, and a process without HOME: what is done where there is no home."""

import pwd
from pathlib import Path

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.model.home import expand, home_of, lend_home


@pytest.fixture
def homeless(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take HOME and the account away."""

    def unknown(uid: int) -> pwd.struct_passwd:
        raise KeyError(uid)

    monkeypatch.delenv("HOME", raising=False)
    monkeypatch.setattr(pwd, "getpwuid", unknown)


@pytest.mark.usefixtures("homeless")
def test_without_a_home_a_path_in_it_has_no_meaning() -> None:
    assert home_of({}) is None
    with pytest.raises(ConfigError, match=r"--write: '~/.ssh' has no meaning here: .*set HOME"):
        expand("~/.ssh", "--write")


@pytest.mark.usefixtures("homeless")
def test_libraries_are_lent_one() -> None:
    environment: dict[str, str] = {}
    lend_home(environment)
    assert home_of(environment) == Path("/")
    told = {"HOME": "/srv/me"}
    lend_home(told)
    assert told == {"HOME": "/srv/me"}


def test_who_has_an_account_is_lent_nothing() -> None:
    environment: dict[str, str] = {}
    lend_home(environment)
    assert environment == {}
