"""The plugin as pytest finds it: options, the marker, fixtures and what reports tell.

Nothing of ours is imported before a test asks for a board: the plugin is there in every run of
whoever has Boruta installed.
"""

from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Final, NoReturn

import pytest

if TYPE_CHECKING:
    from boruta_farm.pytest_plugin.board import LentBoard
    from boruta_farm.pytest_plugin.demand import BoardDemand
    from boruta_farm.pytest_plugin.keeping import KeptBoards
    from boruta_farm.pytest_plugin.lending import Boruta

NAME: Final = "board"
MARKER: Final = (
    'board(want="any", *, tools="", name="", scope=None, wait=None, length=None, priority=8, '
    "caps=None, **capabilities): the board that a test gets by the fixture board; several with "
    "names by the fixture boards"
)
OPTIONS: Final = {
    "board": ("any", "WANT", "the board of tests whose marker names none"),
    "wait": ("10m", "DURATION", "how long to wait for boards"),
    "missing": ("fail", "fail|skip", "what becomes of tests whose board is not had in time"),
    "keep": ("test", "test|module|session", "for how long a board is kept, unless markers say"),
    "keep-alive": ("1m", "DURATION", "after how long boards of a run that was killed are free"),
    "logs": ("", "DIR", "keep there what boards and consoles of failed tests said"),
}
MISSING: Final = ("fail", "skip")
_lent = pytest.StashKey["Mapping[str, LentBoard]"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer each option on the command line and in the settings."""
    group = parser.getgroup("boruta", "boards of a Boruta farm")
    for name, (usual, form, words) in OPTIONS.items():
        help_ = f"{words} (default: {usual or 'nowhere'})"
        group.addoption(f"--boruta-{name}", metavar=form, default=None, help=help_)
        parser.addini(_key(name), words, default=usual)


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse what no option can be."""
    config.addinivalue_line("markers", MARKER)
    if _option(config, "missing") not in MISSING:
        raise pytest.UsageError(
            f"--boruta-missing={_option(config, 'missing')}: write one of {', '.join(MISSING)}"
        )


@pytest.fixture(scope="session")
def boruta(pytestconfig: pytest.Config) -> "Iterator[Boruta]":
    """Return the farm to borrow boards from: ``with boruta.borrow("rpi4") as board``."""
    from boruta_farm.model.errors import BorutaError
    from boruta_farm.pytest_plugin.demand import read_span
    from boruta_farm.pytest_plugin.lending import Terms, lending

    try:
        terms = Terms(
            wait=read_span("--boruta-wait", _option(pytestconfig, "wait")),
            keep_alive=read_span("--boruta-keep-alive", _option(pytestconfig, "keep-alive")),
        )
        opening = lending(terms)
        farm = opening.__enter__()
    except BorutaError as error:
        pytest.fail(error.message, pytrace=False)
    try:
        yield farm
    finally:
        opening.__exit__(None, None, None)


@pytest.fixture(scope="session")
def _kept_boards(boruta: "Boruta") -> "KeptBoards":
    from boruta_farm.pytest_plugin.keeping import KeptBoards

    return KeptBoards(boruta)


@pytest.fixture
def boards(request: pytest.FixtureRequest, _kept_boards: "KeptBoards") -> "Mapping[str, LentBoard]":
    """Return the boards of the test, under the names that its markers give them."""
    from boruta_farm.model.errors import BorutaError
    from boruta_farm.pytest_plugin.demand import read_keep
    from boruta_farm.pytest_plugin.keeping import MissingBoardError
    from boruta_farm.pytest_plugin.reporting import properties

    item: pytest.Item = request.node
    words, skips = "", False
    try:
        usual = read_keep(_option(request.config, "keep"))
        lent = _kept_boards.lend(item, _demands(item), usual)
    except MissingBoardError as missing:
        words, skips = missing.message, missing.skips and _skips(request.config)
    except BorutaError as error:
        words = error.message
    if words:
        # Not in the handler: a report shows every error that came before.
        _give_up(words, skip=skips)
    item.stash[_lent] = lent
    item.user_properties.extend(properties(lent))
    return lent


@pytest.fixture
def board(boards: "Mapping[str, LentBoard]") -> "LentBoard":
    """Return the board of the test, as its marker ``board`` asks for it."""
    if len(boards) != 1:
        names = ", ".join(boards)
        _give_up(f"this test has several boards ({names}); use the fixture boards", skip=False)
    return next(iter(boards.values()))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of the boards of a test that failed, while they are still ours."""
    report = yield
    lent = item.stash.get(_lent, None)
    if lent is not None and report.failed and report.when != "teardown":
        from boruta_farm.pytest_plugin.reporting import failure_report

        folder = _option(item.config, "logs")
        place = item.config.invocation_params.dir / folder if folder else None
        told = failure_report(lent, place, item.nodeid)
        report.sections.extend(told.sections)
        item.user_properties.extend(told.properties)
    return report


def _demands(item: pytest.Item) -> "tuple[BoardDemand, ...]":
    """Return what the closest markers ask for; without any, what the option does.

    Raises DemandError.
    """
    from boruta_farm.pytest_plugin.demand import DemandError, demand

    marked = list(item.iter_markers_with_node(NAME))
    if not marked:
        return (demand(_option(item.config, "board")),)
    closest = [mark for node, mark in marked if node is marked[0][0]]
    found: dict[str, BoardDemand] = {}
    for mark in reversed(closest):
        try:
            asked = demand(*(mark.args or (_option(item.config, "board"),)), **mark.kwargs)
        except TypeError as error:
            raise DemandError(f"the marker board: {error}; it is {MARKER}") from None
        if asked.name in found:
            called = f"called {asked.name!r}" if asked.name else "without a name"
            raise DemandError(f"two markers ask for a board {called}; give each its name=")
        found[asked.name] = asked
    return tuple(found.values())


def _give_up(words: str, *, skip: bool) -> NoReturn:
    if skip:
        pytest.skip(words)
    pytest.fail(words, pytrace=False)


def _skips(config: pytest.Config) -> bool:
    return _option(config, "missing") == "skip"


def _option(config: pytest.Config, name: str) -> str:
    given = config.getoption(_key(name))
    return str(config.getini(_key(name)) if given is None else given)


def _key(name: str) -> str:
    return f"boruta_{name.replace('-', '_')}"
