"""The index decides what a scan of everything would decide."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis.stateful import (
    run_state_machine_as_test,
)

from boruta_farm.matching.index import Index
from boruta_farm.model.worker import Fence
from tests.matching.index_machine import IndexMachine
from tests.matching.naive import (
    START,
    make_request,
    make_worker,
)

TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=80, stateful_step_count=60, deadline=None)


@pytest.mark.prove
def test_the_index_decides_as_the_scan_in_hundreds_of_histories() -> None:
    long = settings(max_examples=300, stateful_step_count=80, derandomize=False, deadline=None)
    run_state_machine_as_test(IndexMachine, settings=long)


def test_a_key_that_cannot_travel_needs_a_board_with_an_agent() -> None:
    index = Index()
    index.put_worker(make_worker("a", fence=Fence.NONE))
    request = make_request(1, ssh_key="ecdsa-sha2-nistp256 A")
    index.put_request(request)
    index.put_request(make_request(2, ssh_key="ssh-ed25519 A", priority=9))
    assert [grant.request_id for grant in index.proposals(START)] == [2]
    (wanted,) = index.explain(request, START).wanted
    assert "takes only RSA and Ed25519 keys" in wanted
    index.put_worker(make_worker("b", {"more": "1"}))
    (grant,) = index.proposals(START)
    assert (grant.request_id, grant.worker) == (1, "b")


def test_a_request_that_is_changed_is_granted_what_it_asks_for_now() -> None:
    index = Index()
    index.put_worker(make_worker("a", {"board": "x"}))
    index.put_request(make_request(1, {"board": "y"}))
    assert index.proposals(START) == ()
    index.put_request(replace(make_request(1, {"board": "x"}), revision=2))
    (grant,) = index.proposals(START)
    assert (grant.request_id, grant.worker) == (1, "a")
    index.put_request(replace(make_request(1, {"board": "y"}), revision=3))
    assert index.proposals(START) == ()
