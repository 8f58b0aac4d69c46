import pytest
from tests.web.serving import NewWorld, World, noted, raw_call, served

from boruta_farm.model.worker import WorkerState

UUID = "00000000-0000-4000-8000-000000000001"
OTHER = "00000000-0000-4000-8000-000000000002"


@pytest.fixture
async def world(new_world: NewWorld) -> World:
    world = await new_world()
    await world.register(UUID, "lab/board 1", {"type": "t1"})
    await world.register(OTHER, "board-2", {"type": "t2"})
    return world


@pytest.mark.parametrize("name", [UUID, "lab%2Fboard%201", "lab%2fboard%201"])
async def test_a_worker_answers_to_id_and_name(world: World, name: str) -> None:
    async with served(world.app) as port:
        answer = await raw_call(port, "GET", f"/api/v1/workers/{name}")
        assert (answer.status, answer.headers["boruta-worker-state"]) == (200, "MAINTENANCE")
        answer = await raw_call(
            port, "POST", f"/api/v1//workers/{name}/setstate", body=b'{"WorkerState":"IDLE"}'
        )
    assert answer.status == 204
    assert (await world.worker(UUID)).state is WorkerState.PREPARE


@pytest.mark.parametrize("name", ["abc", "x", UUID.upper().replace("0", "A"), "a%00b", "%FF"])
async def test_an_unknown_name_is_no_valid_id(world: World, name: str) -> None:
    async with world.client() as client:
        answer = await client.get(f"/api/v1/workers/{name}")
    assert answer.status_code == 400
    assert answer.json()["message"] == "invalid request: ID provided in URL isn't valid UUID"


async def test_set_state_takes_a_reason_and_after_job(world: World) -> None:
    with noted(world.workers, "set_state") as calls:
        async with world.client() as client:
            body = {"WorkerState": "MAINTENANCE", "Reason": "new card", "AfterJob": True}
            answer = await client.post(f"/api/v1/workers/{UUID}/setstate", json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    assert calls == [(UUID, WorkerState.MAINTENANCE, "new card", True)]


@pytest.mark.parametrize(
    ("body", "groups"),
    [(b'["b","a","b"]', ("a", "b")), (b"[]", ()), (b"null", ())],
)
async def test_groups_are_sorted_and_single(
    world: World, body: bytes, groups: tuple[str, ...]
) -> None:
    async with world.client() as client:
        answer = await client.post(f"/api/v1/workers/{UUID}/setgroups", content=body)
        assert answer.status_code == 204
        shown = (await client.get(f"/api/v1/workers/{UUID}")).json()
    assert (await world.worker(UUID)).groups == groups
    assert shown["Groups"] == (list(groups) or None)


async def test_what_admins_tell_is_set_key_by_key_and_shown(world: World) -> None:
    place = f"/api/v1/workers/{UUID}"
    async with world.client() as client:
        both = {"Labels": {"rack": "2", "camera": "yes"}, "Notes": "HDMI is shared"}
        assert (await client.post(f"{place}/describe", json=both)).status_code == 204
        photo = {"Photo": "https://wiki.example/a.jpg", "Notes": None}
        assert (await client.post(f"{place}/describe", json=photo)).status_code == 204
        shown = (await client.get(place)).json()
        assert {key: shown[key] for key in ("Labels", "Notes", "Photo")} == both | {
            "Photo": "https://wiki.example/a.jpg"
        }
        assert list(shown["Labels"]) == ["camera", "rack"]
        bodies: list[object] = [{"Label": {}}, {"Labels": {"a": 1}}, {"Labels": ["a"]}]
        for body in (*bodies, {"Notes": 5}):
            refused = await client.post(f"{place}/describe", json=body)
            assert refused.status_code == 400, body


@pytest.mark.parametrize("labels", ["", "{", "[]", '{"a":1}'])
async def test_labels_of_a_question_must_be_json(world: World, labels: str) -> None:
    async with world.client() as client:
        place = f"/api/v1/workers/{UUID}/orphans"
        answer = await client.get(place, params={"labels": labels})
        assert answer.status_code == 400
        assert "labels is no JSON object of texts" in answer.json()["message"]
        assert (await client.get(place, params={"labels": '{"a":"1"}'})).json() == {"Count": 0}


@pytest.mark.parametrize(
    ("query", "groups"), [("", None), ("?groups=b,a", ("a", "b")), ("?groups=", ())]
)
async def test_orphans_are_counted(
    world: World, query: str, groups: tuple[str, ...] | None
) -> None:
    with noted(world.workers, "count_orphans") as calls:
        async with world.client() as client:
            for caps in ({"type": "t1"}, {"type": "t1"}, {"type": "t2"}):
                await client.post("/api/v1/reqs/", json={"Priority": 8, "Caps": caps})
            await world.rest()
            answer = await client.get(f"/api/v1/workers/{UUID}/orphans{query}")
    assert calls == [(UUID, groups, None)]
    # Who files here may use every board, whatever its groups.
    assert answer.json() == {"Count": 2 if groups is None else 0}


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", [UUID, OTHER]),
        (b"null", [UUID, OTHER]),
        (b'{"Filter":{"States":["MAINTENANCE"]}}', [UUID, OTHER]),
        (b'{"Filter":{"States":["IDLE"]}}', []),
        (b'{"Filter":{"Capabilities":{"type":"t2"}}}', [OTHER]),
        (b'{"Groups":[],"Capabilities":{"type":"t2"}}', [OTHER]),
        (b'{"Groups":["g"],"Capabilities":{}}', []),
        (b'{"Groups":null,"Capabilities":null}', [UUID, OTHER]),
        (b'{"Groups":{"g":1},"Capabilities":["type"]}', [UUID, OTHER]),
        (b'{"groups":"g","capabilities":{"type":"t2"}}', [OTHER]),
        (b'{"Filter":{"States":["Maintenance"]}}', [UUID, OTHER]),
        (b'{"Sorter":{"Order":"Descending"}}', [OTHER, UUID]),
        (b'{"Paginator":{"Direction":"BACKWARD","Limit":1}}', [OTHER]),
        (b'{"Paginator":{"ID":"%s"}}' % UUID.encode(), [OTHER]),
    ],
)
async def test_lists_filter_by_both_forms(world: World, body: bytes, found: list[str]) -> None:
    async with world.client() as client:
        answer = await client.post("/api/v1/workers/list", content=body)
    assert [item["WorkerUUID"] for item in answer.json()] == found
    assert answer.headers["boruta-list-batch-size"] == str(len(found))


async def test_states_are_taken_in_any_letter_case(world: World) -> None:
    async with world.client() as client:
        answer = await client.post(f"/api/v1/workers/{UUID}/setstate", json={"WorkerState": "Idle"})
        shown = await client.get(f"/api/v1/workers/{UUID}")
    assert answer.status_code == 204
    assert shown.json()["State"] in ("PREPARE", "IDLE")


@pytest.mark.parametrize("verb", ["setstate", "setgroups", "describe"])
async def test_a_name_is_looked_at_before_the_body(world: World, verb: str) -> None:
    async with world.client() as client:
        answer = await client.post(f"/api/v1/workers/abc/{verb}", content=b"{")
    assert answer.json()["Code"] == "bad-worker-id"


async def test_a_list_of_some_fields_is_packed_for_who_takes_it(new_world: NewWorld) -> None:
    world = await new_world()
    await world.register("00000000-0000-4000-8000-000000000001", "rpi4", {"board": "rpi4"})
    async with world.client() as client:
        answer = await client.get("/api/v1/workers/?fields=Name,State,Nothing")
        listed = await client.post("/api/v1/workers/list?fields=Name", json={})
        plain = await client.get(
            "/api/v1/workers/?fields=Name", headers={"accept-encoding": "identity"}
        )
        whole = await client.get("/api/v1/workers/")
        await client.post("/api/v1/reqs/", json={"Priority": 8})
        queue = await client.post("/api/v1/reqs/list?fields=ID,State", json={})
    assert answer.json() == [{"Name": "rpi4", "State": "MAINTENANCE"}]
    assert answer.headers["content-encoding"] == "gzip"
    assert listed.json() == plain.json() == [{"Name": "rpi4"}]
    assert "content-encoding" not in plain.headers
    assert "content-encoding" not in whole.headers, "programs beside the server pay for nothing"
    assert queue.json() == [{"ID": 1, "State": "WAITING"}]
