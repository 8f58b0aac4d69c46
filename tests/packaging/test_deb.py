"""The Debian packages, built by Debian's own tools and looked into."""

import subprocess
from pathlib import Path

import pytest

from boruta_farm import __version__

ROOT = Path(__file__).parents[2]


def unpacked(packages: Path, name: str, into: Path) -> Path:
    """Unpack a package and let its commands find their libraries there."""
    [package] = packages.glob(f"{name}_{__version__}_*.deb")
    subprocess.run(["dpkg-deb", "-x", str(package), str(into)], check=True, timeout=120)
    for command in (into / "usr/bin").iterdir():
        text = command.read_text()
        assert "@" not in text.replace("$@", ""), "a place was not filled in"
        command.write_text(text.replace("PYTHONPATH=/usr", f"PYTHONPATH={into}/usr"))
    return into


@pytest.mark.prove
def test_the_agents_package_runs_and_is_pure_python(packages: Path, tmp_path: Path) -> None:
    root = unpacked(packages, "dryad", tmp_path)
    assert not list(root.rglob("*.so")), "boards have no compiler, and any architecture"
    done = subprocess.run(
        [root / "usr/bin/dryad", "--version"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == f"dryad version {__version__}\n"
    example = tmp_path / "dryad.conf"
    done = subprocess.run(
        [root / "usr/bin/dryad", "--conf", str(example)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, example.exists()) == (1, True)
    for line in ("# helper = ", "# state_dir = "):
        assert line in example.read_text(), "the package's postinst fills these in"
    units = {unit.name for unit in (root / "lib/systemd/system").iterdir()}
    assert units == {unit.name for unit in (ROOT / "packaging/systemd").glob("dryad*")}
    assert (root / "usr/lib/sysusers.d/dryad.conf").exists()


@pytest.mark.prove
def test_the_servers_package_runs(packages: Path, tmp_path: Path) -> None:
    root = unpacked(packages, "boruta-server", tmp_path)
    for command in (["boruta", "config", "check", str(root / "etc/boruta/boruta.toml")],):
        done = subprocess.run(
            [root / "usr/bin" / command[0], *command[1:]],
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    done = subprocess.run(
        [root / "usr/bin/boruta-relay", "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout.startswith("usage: boruta-relay")


@pytest.mark.prove
def test_maintainer_scripts_are_whole_shell(packages: Path, tmp_path: Path) -> None:
    for package in packages.glob("*.deb"):
        folder = tmp_path / package.stem
        subprocess.run(["dpkg-deb", "-e", str(package), str(folder)], check=True, timeout=60)
        for script in ("postinst", "postrm"):
            text = (folder / script).read_text()
            assert "#DEBHELPER#" not in text
            subprocess.run(["sh", "-n", str(folder / script)], check=True, timeout=60)
