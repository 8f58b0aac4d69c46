"""What was decoded once is what the database holds, whoever wrote it last."""

import pytest

from boruta_farm.model.listing import Paginator, RequestFilter, Sorter
from boruta_farm.model.request import Request
from boruta_farm.store.database import DatabaseStore
from boruta_farm.store.decoded import Decoded
from tests.store.farms import Farm, SqliteKind
from tests.store.making import (
    changing,
    creating,
    granting,
    make_request,
    make_worker,
    registering,
)


async def listed(store: DatabaseStore) -> tuple[Request, ...]:
    return (await store.list_requests(RequestFilter(), Sorter(), Paginator())).items


def test_another_revision_is_not_known() -> None:
    decoded, request = Decoded(), make_request(1, revision=3)
    decoded.keep(request)
    assert decoded.get(1, 3) is request
    assert decoded.get(1, 2) is None
    assert decoded.get(1, 4) is None
    assert decoded.get(2, 3) is None


def test_only_so_many_are_kept() -> None:
    decoded = Decoded(kept=2)
    for number in (1, 2, 3):
        decoded.keep(make_request(number))
    assert [decoded.get(number, 1) is not None for number in (1, 2, 3)] == [False, True, True]


async def test_a_row_is_decoded_once_for_reads_and_lists(store: DatabaseStore) -> None:
    number = await store.run(creating())
    first = await store.get_request(number)
    assert first is not None
    assert await store.get_request(number) is first
    assert (await listed(store))[0] is first


async def test_a_change_is_seen_at_once(store: DatabaseStore) -> None:
    number = await store.run(creating())
    await store.get_request(number)
    changed = await store.run(changing(number, priority=1))
    assert await store.get_request(number) == changed
    assert await listed(store) == (changed,)


async def test_a_job_is_seen_at_once(store: DatabaseStore) -> None:
    number = await store.run(creating())
    worker = make_worker()
    await store.run(registering(worker))
    await listed(store)
    job = await store.run(granting(number, worker.uuid))
    found = await store.get_request(number)
    assert found is not None
    assert found.job == job
    assert await listed(store) == (found,)


async def test_a_list_reads_what_is_new_and_keeps_its_order(store: DatabaseStore) -> None:
    for _ in range(5):
        await store.run(creating())
    for number in (4, 2):
        await store.get_request(number)
    changed = await store.run(changing(2, priority=1))
    items = await listed(store)
    assert [request.id for request in items] == [1, 2, 3, 4, 5]
    assert items[1] == changed


def test_what_was_read_is_current_until_a_commit_begins() -> None:
    decoded, request = Decoded(alone=True), make_request(1)
    decoded.keep(request, decoded.now())
    assert decoded.current(1) is request
    decoded.commit_begins()
    assert decoded.current(1) is None
    assert decoded.get(1, 1) is request
    decoded.commit_is_over()
    assert decoded.current(1) is None


def test_what_is_read_during_a_commit_is_not_current() -> None:
    decoded = Decoded(alone=True)
    decoded.commit_begins()
    decoded.keep(make_request(1), decoded.now())
    decoded.commit_is_over()
    assert decoded.current(1) is None


def test_what_was_read_before_a_commit_and_kept_after_it_is_not_current() -> None:
    decoded = Decoded(alone=True)
    mark = decoded.now()
    decoded.commit_begins()
    decoded.commit_is_over()
    decoded.keep(make_request(1), mark)
    assert decoded.current(1) is None


def test_nothing_is_current_where_other_servers_write() -> None:
    decoded = Decoded()
    decoded.keep(make_request(1), decoded.now())
    assert decoded.current(1) is None


async def test_reads_between_commits_leave_the_database_alone(farm: Farm) -> None:
    if not isinstance(farm.kind, SqliteKind):
        pytest.skip("other servers may write to PostgreSQL at any time")
    store = await farm.open()
    first, second = await store.run(creating()), await store.run(creating())
    known = await store.get_request(first)
    farm.fetch("DELETE FROM requests")
    assert await store.get_request(first) is known
    assert await store.get_request(second) is None


async def test_a_commit_of_anything_has_requests_looked_at_again(store: DatabaseStore) -> None:
    first, second = await store.run(creating()), await store.run(creating())
    known = await store.get_request(first)
    await store.run(changing(second, priority=1))
    assert await store.get_request(first) is known
    changed = await store.run(changing(first, priority=1))
    assert await store.get_request(first) == changed


async def test_a_change_by_another_server_is_seen_at_once(farm: Farm) -> None:
    if isinstance(farm.kind, SqliteKind):
        pytest.skip("a data folder has one server, which holds its lock")
    store = await farm.open()
    number = await store.run(creating())
    await store.get_request(number)
    other = await farm.open()
    changed = await other.run(changing(number, priority=1))
    assert await store.get_request(number) == changed
    assert await listed(store) == (changed,)
