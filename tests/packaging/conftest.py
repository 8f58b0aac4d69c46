"""The Debian packages, built once for all who look into them or install them."""

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WITHIN = 540
NO_NETWORK = ("Could not find a version", "Temporary failure", "NewConnectionError", "Max retries")


@pytest.fixture(scope="package")
def packages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build both packages once."""
    missing = [t for t in ("dh", "dpkg-buildpackage", "dpkg-deb") if shutil.which(t) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)} (debhelper, dpkg-dev)")
    if not Path("/usr/bin/python3").exists():
        pytest.skip("the system has no python3 of its own, for which packages are built")
    folder = tmp_path_factory.mktemp("packages")
    done = subprocess.run(
        [ROOT / "packaging" / "build-deb", str(folder)],
        capture_output=True,
        text=True,
        timeout=WITHIN,
        check=False,
    )
    words = done.stdout + done.stderr
    if done.returncode and any(reason in words for reason in NO_NETWORK):
        pytest.skip("the registry that pip is set to has not all libraries")
    assert done.returncode == 0, words[-4000:]
    return folder
