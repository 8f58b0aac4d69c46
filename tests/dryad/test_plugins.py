"""What a package brings is found by its name, and what is wrong with it is told in one sentence."""

from collections.abc import Callable
from pathlib import Path

import pytest

from boruta_farm.dryad.plugins import DRIVERS, find, installed
from boruta_farm.model.errors import ConfigError

Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Return a way to install a package of one module that brings one thing."""
    monkeypatch.syspath_prepend(tmp_path)

    def add(package: str, entry: str, source: str = "", extra: str = "") -> None:
        folder = tmp_path / f"{package.replace('-', '_')}-1.5.dist-info"
        folder.mkdir()
        extras = f"Provides-Extra: {extra}\n" if extra else ""
        (folder / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.5\n{extras}"
        )
        (folder / "entry_points.txt").write_text(f"[lab.drivers]\n{entry}\n")
        if source:
            (tmp_path / f"{entry.partition('= ')[2].partition(':')[0]}.py").write_text(source)

    return add


def refused(name: str) -> str:
    with pytest.raises(ConfigError) as wrong:
        find("lab.drivers", name, str)
    return wrong.value.message


def test_ours_are_registered_as_any_other() -> None:
    assert set(installed(DRIVERS)) >= {"linux", "muxpi", "sandbox"}


def test_what_is_registered_is_found(install: Install) -> None:
    install("lab-one", "one = plugin_one:KIND", "KIND = 'one'")
    install("lab-two", "two = plugin_two:KIND", "raise AssertionError('nobody asked for it')")
    assert installed("lab.drivers") == ("one", "two")
    assert find("lab.drivers", "one", str) == "one"


def test_what_nobody_brings_is_told_with_what_is_there(install: Install) -> None:
    install("lab-relay", "relay = plugin_relay:KIND")
    assert refused("rely") == (
        "no installed package brings the driver 'rely', only relay; did you mean 'relay'?"
    )
    assert refused("x").endswith("only relay; install the package that brings it")


def test_two_packages_cannot_bring_one_name(install: Install) -> None:
    install("lab-a", "relay = plugin_a:KIND")
    install("lab-b", "relay = plugin_b:KIND")
    assert refused("relay") == (
        "the driver 'relay' is brought by lab-a 1.5 and lab-b 1.5; remove all but one"
    )


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("1 / 0", "cannot be loaded: ZeroDivisionError: division by zero"),
        ("import no_such_library", "needs no_such_library, which is not installed"),
        ("", "needs plugin_broken, which is not installed"),
        ("OTHER = 1", "cannot be loaded: AttributeError: "),
        ("KIND = 1", "names plugin_broken:KIND, which is no str"),
    ],
)
def test_a_broken_package_is_named(
    source: str, words: str, install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(__import__("sys").modules, "plugin_broken", raising=False)
    install("lab-broken", "broken = plugin_broken:KIND", source)
    told = refused("broken")
    assert told.startswith(f"the driver 'broken' of the package lab-broken 1.5 {words}")
    assert "; " in told


def test_a_library_that_only_one_driver_needs_is_an_extra_of_its_name(install: Install) -> None:
    install("lab-extra", "gpio = plugin_gpio:KIND", "import no_such_library", extra="gpio")
    assert refused("gpio").endswith("; run: pip install 'lab-extra[gpio]'")
