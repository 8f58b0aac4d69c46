"""Certificates of boards' host keys, for those who come to a board by a name of their own."""

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from boruta_farm.boards.runner import answer
from boruta_farm.clock import Clock
from boruta_farm.contracts import HostSigner
from boruta_farm.fleet import Fleet, Link
from boruta_farm.model.errors import BorutaError, ProtocolError
from boruta_farm.model.front_door import DOMAIN
from boruta_farm.model.job import Job
from boruta_farm.model.request import Request
from boruta_farm.model.worker import Fence, Worker

logger = logging.getLogger(__name__)

MARGIN: Final = timedelta(minutes=5)
"""How long a certificate outlives its job: clocks may be ahead, and who comes last is let in."""
TOLD_WITHIN: Final = timedelta(seconds=2)
"""For a board to take it: who comes waits for that, and gets in without."""
LONGEST_NAME: Final = 255
MOST_CALLED: Final = 100
"""Names of people's own, for one job; the oldest goes."""


class HostCertificates:
    """Have each board show a certificate for the names by which people come to it.

    It is made for one job, when somebody comes: which name he types is not known before. Boards
    that cannot show one go without. Machines with several boards have one host key, so what one
    certificate names is all that is lent there.
    """

    def __init__(
        self, fleet: Fleet, signer: HostSigner, clock: Clock, kinds: Sequence[str]
    ) -> None:
        """``kinds`` are the capabilities whose values say what kind a board is."""
        self._fleet = fleet
        self._signer = signer
        self._clock = clock
        self._kinds = kinds
        self._called: dict[str, tuple[int, list[str]]] = {}
        """By which other names each board was called, in which epoch."""
        self._shown: dict[str, tuple[Link, frozenset[str], datetime]] = {}
        """What each machine shows at present, by its host key, and over which link it was told."""
        self._without: dict[str, Link] = {}
        """Boards whose agents, at the end of these links, know no certificates."""

    async def vouch(self, request_id: int, name: str) -> bool:
        """Have the board of a running request show a certificate for a name.

        Tells whether it does: False where it cannot, which keeps nobody out.
        """
        found = self._lent(request_id)
        if found is None or not _is_name(name):
            return False
        request, worker, job, link = found
        assert worker.host_key is not None
        self._note(worker, job, name.lower())
        names, until = self._all_of(worker.host_key)
        shown = self._shown.get(worker.host_key)
        current = shown is not None and shown[0] == link and names <= shown[1] and until <= shown[2]
        # What another server of the farm had the board show lacks people's own names.
        if current and name.lower() in usual_names(worker, request, self._kinds):
            return True
        identity = f"{worker.name} r{request_id}"
        try:
            signed = self._signer.sign(worker.host_key, names, identity, self._clock.now(), until)
            await answer(link.board.certify(job.epoch, signed), TOLD_WITHIN)
        except ProtocolError as error:
            self._without[worker.uuid] = link
            logger.info("worker %s goes without a certificate: %s", worker.name, error.message)
            return False
        except BorutaError as error:
            logger.info("worker %s shows no certificate now: %s", worker.name, error.message)
            return False
        self._shown[worker.host_key] = (link, names, until)
        self._forget()
        return True

    def _forget(self) -> None:
        """Keep nothing of boards that are gone."""
        there = self._fleet.workers
        keys = {worker.host_key for worker in there.values()}
        self._called = {uuid: one for uuid, one in self._called.items() if uuid in there}
        self._without = {uuid: one for uuid, one in self._without.items() if uuid in there}
        self._shown = {key: one for key, one in self._shown.items() if key in keys}

    def _lent(self, request_id: int) -> tuple[Request, Worker, Job, Link] | None:
        for uuid, request in self._fleet.holders.items():
            if request.id != request_id:
                continue
            worker = self._fleet.workers.get(uuid)
            job = None if worker is None else self._fleet.job(worker)
            link = self._fleet.link(uuid)
            if worker is None or job is None or link is None or worker.host_key is None:
                return None
            fit = worker.fence is Fence.AGENT and self._without.get(uuid) != link
            return (request, worker, job, link) if fit else None
        return None

    def _note(self, worker: Worker, job: Job, name: str) -> None:
        epoch, called = self._called.get(worker.uuid, (job.epoch, []))
        if epoch != job.epoch:
            called = []
        if name not in called:
            called = [*called, name][-MOST_CALLED:]
        self._called[worker.uuid] = (job.epoch, called)

    def _all_of(self, host_key: str) -> tuple[frozenset[str], datetime]:
        """Return the names of all that is lent at a machine, and until when."""
        names: set[str] = set()
        ends: list[datetime] = []
        for uuid, request in self._fleet.holders.items():
            worker = self._fleet.workers.get(uuid)
            if worker is None or worker.host_key != host_key:
                continue
            job = self._fleet.job(worker)
            if job is None:
                continue
            names |= usual_names(worker, request, self._kinds)
            epoch, called = self._called.get(uuid, (job.epoch, []))
            names |= set(called) if epoch == job.epoch else set()
            ends.append(job.timeout)
        return frozenset(names), max(ends) + MARGIN


def usual_names(worker: Worker, request: Request, kinds: Sequence[str]) -> frozenset[str]:
    """Return the names by which a lent board can be called, with and without the farm's ending."""
    named = [worker.name, f"r{request.id}", *(worker.matched.get(kind, "") for kind in kinds)]
    fit = {name.lower() for name in named if _is_name(name)}
    return frozenset((*fit, *(f"{name}{DOMAIN}" for name in fit)))


def _is_name(name: str) -> bool:
    """Tell whether a text can be the name of a host for ssh, and one word of a certificate's."""
    return (
        0 < len(name) <= LONGEST_NAME
        and all("!" <= sign <= "~" for sign in name)
        and "," not in name
    )
