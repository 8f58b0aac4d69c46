"""``boruta config check`` tries what it reads, as the service's user would."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from boruta_farm.model.errors import ConfigError
from boruta_farm.server import checking
from boruta_farm.server.authority import CertificateFiles, make_certificate
from boruta_farm.server.checking import check

NOBODY = 65534


@pytest.fixture
def files(tmp_path: Path) -> CertificateFiles:
    for place in tmp_path.parents:
        if place.is_relative_to("/tmp/"):
            place.chmod(place.stat().st_mode | 0o011)
    tmp_path.chmod(0o755)
    return make_certificate(tmp_path, ("farm.example",), datetime.now(UTC))


@pytest.fixture
def conf(tmp_path: Path, files: CertificateFiles) -> Path:
    path = tmp_path / "boruta.toml"
    path.write_text(
        f'data = "{tmp_path}/data"\ntls_certificate = "{files.certificate}"\n'
        f'tls_key = "{files.key}"\n'
    )
    path.chmod(0o644)
    return path


def test_files_that_do_not_fit_are_found(conf: Path, files: CertificateFiles) -> None:
    assert check(conf, "no-such-account") is None
    files.key.write_text("no key")
    with pytest.raises(ConfigError, match="cannot be used"):
        check(conf, "no-such-account")
    files.key.unlink()
    with pytest.raises(ConfigError, match=f"tls_key: {files.key} cannot be read"):
        check(conf, "no-such-account")


def test_authorities_of_people_are_read(conf: Path, tmp_path: Path) -> None:
    authority = tmp_path / "ca.pub"
    conf.write_text(f'{conf.read_text()}ssh_user_ca = "{authority}"\n')
    with pytest.raises(ConfigError, match=f"{authority}: cannot be read"):
        check(conf, "no-such-account")
    authority.write_text("no key\n")
    with pytest.raises(ConfigError, match="'no key' is not understood"):
        check(conf, "no-such-account")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be somebody else")
def test_the_file_that_the_service_cannot_read_is_the_one_that_is_named(
    conf: Path, files: CertificateFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigError, match=f"tls_key: {files.key} cannot be read .*chgrp"):
        check(conf, "nobody")
    os.chown(files.key, 0, NOBODY)
    files.key.chmod(0o640)
    with pytest.raises(ConfigError, match=f"data: {tmp_path}/data cannot be used"):
        check(conf, "nobody")
    monkeypatch.setattr(checking, "STATE", tmp_path / "data")
    assert check(conf, "nobody") == "nobody"
    files.certificate.chmod(0o600)
    with pytest.raises(ConfigError, match=f"tls_certificate: {files.certificate} cannot be read"):
        check(conf, "nobody")
    files.certificate.chmod(0o644)
    (tmp_path / "data").mkdir(mode=0o700)
    with pytest.raises(ConfigError, match=f"data: {tmp_path}/data cannot be used"):
        check(conf, "nobody")
    os.chown(tmp_path / "data", NOBODY, NOBODY)
    conf.chmod(0o600)
    with pytest.raises(ConfigError, match=f"{conf}: cannot be read"):
        check(conf, "nobody")
