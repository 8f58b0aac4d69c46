"""Under every policy the index decides what adding everything up anew would decide."""

from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis.stateful import run_state_machine_as_test

from boruta_farm.core.jobs import Grant
from boruta_farm.matching.index import Index
from boruta_farm.matching.learning import Memory
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request
from boruta_farm.model.settings import FarmSettings
from boruta_farm.model.worker import Worker
from tests.matching.index_machine import IndexMachine
from tests.matching.naive import best_use
from tests.matching.policies.naive import Books, finished_jobs

HOUR = timedelta(hours=1)

POLICIES = {
    "ageing": Policies(ageing=timedelta(minutes=10)),
    "shares of owners": Policies(fair_share=FairShare.OWNERS, half_life=2 * HOUR),
    "shares of groups": Policies(fair_share=FairShare.GROUPS),
    "shares of both, ageing": Policies(
        fair_share=FairShare.BOTH, ageing=timedelta(minutes=10), half_life=2 * HOUR
    ),
    "limits": Policies(owner_limit=2, group_limit=1, owner_limits={"bob": 1}),
    "shares and limits": Policies(
        fair_share=FairShare.OWNERS, owner_limit=2, group_limits={"ci": 1}
    ),
}


class PolicyMachine(IndexMachine):
    """Play the same random farm under a policy."""

    policies = Policies()

    def __init__(self) -> None:
        self.proposed: dict[int, datetime] = {}
        self.requests = {}
        self.by_owner = self.policies.by_owner
        super().__init__()

    def make_index(self) -> Index:
        """Return an empty index that knows what ended jobs have used."""
        settings = FarmSettings(policies=self.policies)
        index = Index(settings=settings)
        memory = Memory(settings)
        for request in finished_jobs(self.requests.values()):
            memory.note(request)
        index.begin(memory.summaries())
        return index

    def books(self) -> Books:
        """Return what the policies go by, as of now."""
        return Books(
            policies=self.policies,
            now=self.now,
            job_timeout=FarmSettings().job_timeout,
            requests=list(self.requests.values()),
            proposed={i: at for i, at in self.proposed.items() if i in self.busy_requests},
        )

    def key(self, request: Request) -> tuple[int, ...]:
        """Return what the request is sorted by now."""
        return self.books().key(request)

    def expected(self, requests: list[Request], workers: list[Worker]) -> list[Grant]:
        """Return what one pass decides, and remember since when it is decided."""
        grants = best_use(requests, workers, self.books().next)
        self.proposed.update(dict.fromkeys((grant.request_id for grant in grants), self.now))
        return grants


@pytest.mark.parametrize("policies", POLICIES.values(), ids=POLICIES)
def test_every_decision_and_position_is_that_of_the_plain_rules(policies: Policies) -> None:
    machine = type("Machine", (PolicyMachine,), {"policies": policies})
    few = settings(max_examples=25, stateful_step_count=40, deadline=None)
    run_state_machine_as_test(machine, settings=few)
