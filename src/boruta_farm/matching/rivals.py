"""Demands that compete for the same workers, remembered for those who ask again and again."""

from boruta_farm.matching.classes import Demand

RIVALS_KEPT = 64


class Rivals:
    """Remember rivals until any link between a demand and an offer changes."""

    def __init__(self) -> None:
        self._known: dict[Demand, tuple[int, frozenset[Demand]]] = {}

    def of(self, demand: Demand, links: int) -> frozenset[Demand]:
        """Return the rivals of a demand, itself among them, as of so many changes of links."""
        known = self._known.pop(demand, None)
        if known is None or known[0] != links:
            rivals = frozenset({demand}.union(*(offer.eligible for offer in demand.eligible)))
            known = links, rivals
        self._known[demand] = known
        if len(self._known) > RIVALS_KEPT:
            del self._known[next(iter(self._known))]
        return known[1]
