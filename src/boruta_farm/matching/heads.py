"""Whose front comes first: bounds on the heads of many ordered queues, put right only on top.

A worker that becomes idle asks which of thousands of demands has the most important request; a
request asks which of thousands of offers has the least capable idle worker. Both are the same
question. Every demand and every offer owns a *front*, an ordered set with a head; the other
side keeps *heads*, bounds on those heads in their order. A bound is never above its front's
head, so only the lowest is ever compared with the truth. A rising head therefore costs nothing,
and a falling one is told only to those who have let go of a low enough bound since.

What is asked for lies where nobody has looked for long, so what counts is how many objects a
question touches: bounds in a sorted list touch far fewer than a heap of pairs does, and the front
itself knows who holds which.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Generator, Iterable
from typing import Generic, TypeVar

from boruta_farm.core.ranks import Key, Ranks

Owner = TypeVar("Owner")


class Front(Ranks[Key], Generic[Key, Owner]):
    """Keep the keys that can be handed out now, and know who must hear of a lower head.

    ``floor`` is the lowest head ever told, and every listener holds it as its bound but for those
    in ``unheard``, who hold what stands there: a higher one, or None. ``taken`` counts keys at
    the front that a matching pass has given away but not yet removed.
    """

    __slots__ = ("floor", "owner", "taken", "unheard")

    def __init__(self, owner: Owner) -> None:
        super().__init__()
        self.owner = owner
        self.taken = 0
        self.floor: Key | None = None
        self.unheard: dict[Heads[Key, Owner], Key | None] = {}

    @property
    def head(self) -> Key | None:
        """Return the lowest key that no pass has taken."""
        return self.at(self.taken) if self.taken else self.lowest

    def greet(self, listener: "Heads[Key, Owner]") -> None:
        """Make a newcomer's heads complete."""
        if self.floor is not None and self.head is not None:
            listener.tell(self, self.floor)
        else:
            self.unheard[listener] = None

    def announce(self, everybody: Iterable["Heads[Key, Owner]"]) -> None:
        """Tell those who need to know that the head may have fallen."""
        head, told = self.head, self.floor
        if head is None:
            return
        unheard, self.unheard = self.unheard, {}
        if told is None or head < told:
            self.floor = head
            for listener in everybody:
                listener.tell(self, head, unheard.get(listener, told))
        else:
            for listener, held in unheard.items():
                listener.tell(self, told, held)

    def dismiss(self, listener: "Heads[Key, Owner]") -> None:
        """Forget a listener and make it forget us."""
        held = self.unheard.pop(listener, self.floor)
        if held is not None:
            listener.forget(self, held)


class Heads(Generic[Key, Owner]):
    """Find the front with the lowest head among those heard of."""

    # The front whose head is not below a bound stands at the same place as the bound.
    __slots__ = ("_bounds", "_fronts")

    def __init__(self) -> None:
        self._bounds: list[Key] = []
        self._fronts: list[Front[Key, Owner]] = []

    def tell(self, front: Front[Key, Owner], bound: Key, held: Key | None = None) -> None:
        """Hear that a front's head is not below ``bound``, in place of what was held so far."""
        if held is not None:
            self.forget(front, held)
        at = bisect_right(self._bounds, bound)
        self._bounds.insert(at, bound)
        self._fronts.insert(at, front)

    def forget(self, front: Front[Key, Owner], held: Key) -> None:
        """Drop the bound held on a front."""
        at = bisect_left(self._bounds, held)
        # A worker that moved makes two fronts equal until the bound on the old one is put right.
        while self._fronts[at] is not front:
            at += 1
        del self._bounds[at], self._fronts[at]

    def first(self) -> Owner | None:
        """Return the owner of the front with the lowest head, None when all are empty."""
        bounds, fronts = self._bounds, self._fronts
        while bounds:
            front = fronts[0]
            head = front.head
            if head == bounds[0]:
                return front.owner
            del bounds[0], fronts[0]
            front.unheard[self] = head
            if head is not None:
                at = bisect_right(bounds, head)
                bounds.insert(at, head)
                fronts.insert(at, front)
                if not at:
                    return front.owner
        return None

    def in_order(self) -> Generator[Owner, None, None]:
        """Yield owners by their heads; the heads are complete again when the caller stops."""
        bounds: list[Key] = []
        fronts: list[Front[Key, Owner]] = []
        try:
            while (owner := self.first()) is not None:
                bounds.append(self._bounds.pop(0))
                fronts.append(self._fronts.pop(0))
                yield owner
        finally:
            for front, bound in zip(fronts, bounds, strict=True):
                self.tell(front, bound)
