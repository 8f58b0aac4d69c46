"""Being a service's account for a moment."""

import os
import pwd
from pathlib import Path

import pytest

from boruta_farm.model.errors import BorutaError, ConfigError
from boruta_farm.model.service import as_account, is_hidden, service_account

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")


def nobody() -> pwd.struct_passwd:
    account = service_account("nobody")
    assert account is not None
    return account


def test_work_is_done_by_the_account_and_its_result_comes_back(tmp_path: Path) -> None:
    assert as_account(nobody(), lambda: (os.getuid(), os.getgid(), os.getgroups())) == (
        nobody().pw_uid,
        nobody().pw_gid,
        [nobody().pw_gid],
    )
    assert os.geteuid() == 0
    secret = tmp_path / "secret"
    secret.write_text("x")
    secret.chmod(0o600)
    with pytest.raises(PermissionError):
        as_account(nobody(), secret.read_text)
    assert as_account(None, secret.read_text) == "x"


def test_errors_of_ours_come_back_and_others_are_told() -> None:
    def fail() -> None:
        raise ConfigError("no good")

    with pytest.raises(ConfigError, match="no good"):
        as_account(nobody(), fail)
    with pytest.raises(BorutaError, match="as the user nobody"):
        as_account(nobody(), lambda: [][1])


def test_accounts_that_are_not_there_and_homes_that_are_hidden() -> None:
    assert service_account("no-such-account") is None
    assert is_hidden(Path("/root/ca.pem"))
    assert not is_hidden(Path("/etc/boruta/ca.pem"))
