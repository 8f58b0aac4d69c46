"""Whose front comes first: lazy heaps over many ordered queues.

A worker that becomes idle asks which of thousands of demands has the most important request; a
request asks which of thousands of offers has the least capable idle worker. Both are the same
question. Every demand and every offer owns a *front*, an ordered set with a head; the other
side keeps *heads*, a heap of bounds on those heads. A bound is never above its front's head, so
only the top of the heap is ever compared with the truth. A rising head therefore costs nothing,
and a falling one is told only to those who have let go of a low enough bound since.
"""

from collections.abc import Generator, Iterable
from heapq import heapify, heappop, heappush, heapreplace
from typing import Generic, TypeVar

from boruta_farm.core.ranks import Key, Ranks

Owner = TypeVar("Owner")


class Front(Generic[Key, Owner]):
    """Keep the keys that can be handed out now, and know who must hear of a lower head.

    ``floor`` is the lowest head ever told: whoever is not in ``unheard`` holds a bound of at
    most ``floor``. ``taken`` counts keys at the front that a matching pass has given away but
    not yet removed.
    """

    __slots__ = ("floor", "keys", "number", "owner", "taken", "unheard")

    def __init__(self, owner: Owner, number: int) -> None:
        self.owner = owner
        self.number = number
        self.keys: Ranks[Key] = Ranks()
        self.taken = 0
        self.floor: Key | None = None
        # A dictionary, since empty it takes a third of what a set does, and most are empty.
        self.unheard: dict[Heads[Key, Owner], None] = {}

    @property
    def head(self) -> Key | None:
        """Return the lowest key that no pass has taken."""
        return self.keys.at(self.taken) if self.taken else self.keys.lowest

    def greet(self, listener: "Heads[Key, Owner]") -> None:
        """Make a newcomer's heads complete."""
        if self.floor is not None and self.head is not None:
            listener.tell(self, self.floor)
        else:
            self.unheard[listener] = None

    def announce(self, everybody: Iterable["Heads[Key, Owner]"]) -> None:
        """Tell those who need to know that the head may have fallen."""
        head = self.head
        if head is None:
            return
        if self.floor is None or head < self.floor:
            self.floor = head
            for listener in everybody:
                listener.tell(self, head)
        else:
            for listener in self.unheard:
                listener.tell(self, self.floor)
        self.unheard.clear()

    def dismiss(self, listener: "Heads[Key, Owner]") -> None:
        """Forget a listener and make it forget us."""
        listener.forget(self)
        self.unheard.pop(listener, None)


class Heads(Generic[Key, Owner]):
    """Find the front with the lowest head among those heard of."""

    __slots__ = ("_bounds", "_heap")

    def __init__(self) -> None:
        self._heap: list[tuple[Key, int, Front[Key, Owner]]] = []
        self._bounds: dict[Front[Key, Owner], Key] = {}

    def tell(self, front: Front[Key, Owner], bound: Key) -> None:
        """Hear that a front's head is not below ``bound``."""
        self._bounds[front] = bound
        heap = self._heap
        heappush(heap, (bound, front.number, front))
        # Outdated entries leave when they reach the top; under a long-lived top they would pile up.
        if len(heap) > 2 * len(self._bounds) + 16:
            heap[:] = [(told, known.number, known) for known, told in self._bounds.items()]
            heapify(heap)

    def forget(self, front: Front[Key, Owner]) -> None:
        """Drop a front that is gone."""
        self._bounds.pop(front, None)

    def first(self) -> Owner | None:
        """Return the owner of the front with the lowest head, None when all are empty."""
        heap, bounds = self._heap, self._bounds
        while heap:
            bound, number, front = heap[0]
            if bounds.get(front) != bound:
                heappop(heap)
                continue
            head = front.head
            if head == bound:
                return front.owner
            front.unheard[self] = None
            if head is None:
                heappop(heap)
                del bounds[front]
            else:
                bounds[front] = head
                heapreplace(heap, (head, number, front))
        return None

    def in_order(self) -> Generator[Owner, None, None]:
        """Yield owners by their heads; the heads stay complete when the caller stops early."""
        popped: dict[Front[Key, Owner], Key] = {}
        try:
            while (owner := self.first()) is not None:
                bound, _, front = heappop(self._heap)
                if front not in popped:
                    popped[front] = bound
                    yield owner
        finally:
            for front, bound in popped.items():
                if self._bounds.get(front) == bound:
                    heappush(self._heap, (bound, front.number, front))
