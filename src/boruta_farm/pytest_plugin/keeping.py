"""Boards that tests share for as long as their markers say."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TypeAlias

import pytest

from boruta_farm.model.errors import BorutaError, ConfigError, SelectorError, WantError
from boruta_farm.pytest_plugin.board import LentBoard
from boruta_farm.pytest_plugin.demand import BoardDemand, DemandError, Keep
from boruta_farm.pytest_plugin.lending import Boruta, KeptByThisRunError

Boards: TypeAlias = Mapping[str, LentBoard]
WRONG = (ConfigError, SelectorError, WantError, DemandError)
"""What no other time and no other farm would make right: it is never skipped."""


class MissingBoardError(BorutaError):
    """a test has no board

    ``skips`` tells that it may be left out for that.
    """

    code = "no-board-for-test"

    def __init__(self, message: str, *, skips: bool) -> None:
        super().__init__(message)
        self.skips = skips


class KeptBoards:
    """Borrow boards for nodes of the run, and give them back when these are torn down."""

    def __init__(self, boruta: Boruta) -> None:
        self._boruta = boruta
        self._kept: dict[tuple[str, tuple[BoardDemand, ...]], Boards] = {}
        self._missed: dict[tuple[BoardDemand, ...], MissingBoardError] = {}

    def lend(self, item: pytest.Item, demands: tuple[BoardDemand, ...], usual: Keep) -> Boards:
        """Return the boards of a test, under their names. Raises MissingBoardError.

        What was not had in time once is not waited for again in this run.
        """
        node = _node(item, max((each.keep or usual for each in demands), key=list(Keep).index))
        key = (node.nodeid, demands)
        kept = self._kept.get(key)
        if kept is not None and all(board.over is None for board in kept.values()):
            return kept
        if demands in self._missed:
            words = f"{self._missed[demands].message} (not tried again in this run)"
            raise MissingBoardError(words, skips=self._missed[demands].skips)
        try:
            return self._take(node, key, demands)
        except WRONG as error:
            raise MissingBoardError(error.message, skips=False) from error
        except KeptByThisRunError as error:
            # Not remembered: the next module may have it.
            raise MissingBoardError(error.message, skips=True) from error
        except BorutaError as error:
            self._missed[demands] = MissingBoardError(error.message, skips=True)
            raise self._missed[demands] from error

    def _take(
        self,
        node: pytest.Item | pytest.Collector,
        key: tuple[str, tuple[BoardDemand, ...]],
        demands: tuple[BoardDemand, ...],
    ) -> Boards:
        stack = ExitStack()
        with stack:
            wants = {each.name: each for each in demands}
            boards = stack.enter_context(self._boruta.borrow_all(wants, kept=self._in_hand()))
            self._kept[key] = boards
            node.addfinalizer(self._giving_back(key, boards, stack.pop_all()))
        return boards

    def _in_hand(self) -> frozenset[str]:
        """Return the UUIDs of the boards that are given back only after the next test."""
        lent = (board for boards in self._kept.values() for board in boards.values())
        return frozenset(board.worker for board in lent if board.over is None)

    def _giving_back(
        self, key: tuple[str, tuple[BoardDemand, ...]], boards: Boards, stack: ExitStack
    ) -> Callable[[], None]:
        def give_back() -> None:
            if self._kept.get(key) is boards:
                del self._kept[key]
            stack.close()

        return give_back


def _node(item: pytest.Item, keep: Keep) -> pytest.Item | pytest.Collector:
    if keep is Keep.SESSION:
        return item.session
    if keep is Keep.MODULE:
        return item.getparent(pytest.Module) or item
    return item
