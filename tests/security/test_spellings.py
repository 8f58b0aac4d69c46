"""Threat: one thing passes for two, or for another, by how its id or name is spelt."""

from dataclasses import replace
from pathlib import Path

import pytest

from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.caller import LOCAL_ADMIN
from boruta_farm.model.errors import AccountError, CredentialError, LimitError, WorkerNameError
from boruta_farm.model.events import EventKind
from boruta_farm.model.permission import Role
from boruta_farm.model.request import RequestState
from boruta_farm.model.spelling import alike
from boruta_farm.model.worker import Fence, Registration
from boruta_farm.web.services import WebOptions
from tests.farm.lab import PLAIN, UUID, Lab, play
from tests.farm.people import peopled_farm
from tests.store.making import make_worker
from tests.web.peopled import peopled_web

TOLD = "AbCdEf00-0000-4000-8000-00000000000a"
KEPT = TOLD.lower()


def registration(uuid: str, credential: str = "hash") -> Registration:
    return Registration(
        caps={"UUID": uuid},
        dryad_address="192.0.2.9:7175",
        ssh_address="192.0.2.9:22",
        fence=Fence.AGENT,
        credential=credential,
    )


@pytest.mark.parametrize("again", [TOLD, TOLD.upper(), f" {TOLD}\n", f"{KEPT}\t"])
async def test_a_board_is_one_however_its_uuid_is_spelt(again: str, tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        farm, root = people.farm, await people.admin()
        assert (await farm.superviser.register(registration(KEPT))).uuid == KEPT
        assert (await farm.superviser.register(registration(again))).uuid == KEPT
        with pytest.raises(CredentialError):
            await farm.superviser.register(registration(again, "of somebody else"))
        (worker,) = (await farm.workers.list_workers(root)).items
        assert worker.caps["UUID"] == KEPT
        assert (await farm.workers.get_worker_info(root, TOLD.upper())).uuid == KEPT


@pytest.mark.parametrize("unseen", ["\u3164", "\u2800", "\ufe0f", "\u034f", "\U000e0101"])
async def test_signs_that_show_nothing_make_no_other_name(unseen: str, tmp_path: Path) -> None:
    assert unseen.isprintable()
    async with peopled_farm(tmp_path) as people:
        root, farm = await people.admin(), people.farm
        await farm.superviser.register(replace(registration(KEPT), name="rpi4"))
        impostor = replace(registration(KEPT[:-1] + "b"), name=f"rp{unseen}i4{unseen}")
        await farm.superviser.register(impostor)
        names = [board.name for board in (await farm.workers.list_workers(root)).items]
        assert sorted(name.replace(unseen, "") for name in names) == ["rpi4", "rpi4-2"]
        with pytest.raises(WorkerNameError):
            await farm.workers.set_name(root, impostor.caps["UUID"], f"rpi4{unseen}")


async def test_ids_of_another_form_are_one_too(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root = await people.admin()
        for told in ("Board A", "board a", " BOARD A "):
            assert (await people.farm.superviser.register(registration(told))).uuid == "Board A"
        assert (await people.farm.workers.list_workers(root)).total == 1


async def test_two_boards_of_an_earlier_version_go_on_and_are_told(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        for number, uuid in enumerate((KEPT, KEPT.upper()), 1):
            old = replace(make_worker(number), uuid=uuid, caps={"UUID": uuid}, credential="hash")
            await people.store.execute(
                lambda tx, _now, old=old: tx.save_worker(  # type: ignore[misc]  # bound here
                    old, EventKind.WORKER_REGISTERED
                )
            )
        assert await people.farm.alike() == [(KEPT.upper(), KEPT)]
        for uuid in (KEPT, KEPT.upper()):
            assert (await people.farm.superviser.register(registration(uuid))).uuid == uuid


@pytest.mark.parametrize("name", ["Ann", "ANN", "aNN"])
async def test_accounts_and_groups_differ_in_more_than_case(name: str, tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        root, accounts = await people.admin(), people.farm.accounts
        await accounts.save_account(root, "ann", AccountChange())
        await accounts.save_group(root, "ann", GroupChange())
        with pytest.raises(AccountError, match="there is the account ann already"):
            await accounts.save_account(root, name, AccountChange())
        with pytest.raises(AccountError, match="there is the group ann already"):
            await accounts.save_group(root, name, GroupChange())
        with pytest.raises(AccountError, match="the server itself"):
            await accounts.save_account(root, "FARM", AccountChange())
        with pytest.raises(AccountError, match="without a good token"):
            await accounts.save_account(root, "Nobody", AccountChange())


async def test_a_worker_s_group_is_the_one_there_is(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        farm, root = people.farm, await people.admin()
        await farm.accounts.save_group(root, "kernel", GroupChange())
        await farm.superviser.register(registration(KEPT))
        await farm.workers.set_groups(root, KEPT, ("Kernel ", "KERNEL", "radio", " Radio"))
        worker = await farm.workers.get_worker_info(root, KEPT)
        assert worker.groups == ("kernel", "radio")
        with pytest.raises(LimitError):
            await farm.workers.set_groups(root, KEPT, (" ",))


def test_a_name_is_never_another_board_s_uuid_nor_nearly_its_name(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        workers = lab.farm.workers
        first, second = await lab.board(1), await lab.board(2)
        for name in (first, first.upper(), UUID.format(99), "BOARD-1", "board-1 "):
            with pytest.raises(WorkerNameError):
                await workers.set_name(LOCAL_ADMIN, second, name)
        await workers.set_name(LOCAL_ADMIN, second, second)
        await workers.set_name(LOCAL_ADMIN, second, "Board-2")
        assert (await workers.get_worker_info(LOCAL_ADMIN, "Board-2")).uuid == second

    play(tmp_path, script)


def test_a_board_can_be_asked_for_by_its_name(tmp_path: Path) -> None:
    async def script(lab: Lab) -> None:
        ann = await lab.account("ann", Role.USER)
        boards = [await lab.board(number) for number in (1, 2, 3)]
        wishes = (
            replace(PLAIN, caps={"name": "board-2"}),
            replace(PLAIN, selector="name = board-3"),
        )
        for place, new in enumerate(wishes, 1):
            number = await lab.filed(ann, new)
            request = await lab.farm.requests.get_request_info(LOCAL_ADMIN, number)
            assert request.job is not None
            assert request.job.worker == boards[place]
        await lab.farm.workers.set_name(LOCAL_ADMIN, boards[0], "rpi4-7")
        old = await lab.filed(ann, replace(PLAIN, caps={"name": "board-1"}))
        assert await lab.state(old) is RequestState.WAITING
        new_name = await lab.filed(ann, replace(PLAIN, caps={"name": "rpi4-7"}))
        assert await lab.state(new_name) is RequestState.IN_PROGRESS

    play(tmp_path, script)


async def test_failures_and_floods_of_others_do_not_keep_a_good_one_time_token_out(
    tmp_path: Path,
) -> None:
    options = WebOptions(calls_per_source=2, calls_per_account=100)
    async with peopled_web(tmp_path, options, signed_in=False) as web:
        wrong = [await web.call("POST", "login", f"boruta_o_{n}_wrong") for n in range(40)]
        assert wrong[-1].status == 429
        assert (await web.call("GET", "me", None)).status == 429
        signed = await web.call("POST", "login", web.first)
        assert signed.status == 201
        assert (await web.call("GET", "me", signed.json["Secret"])).status == 200
        assert (await web.call("POST", "login", web.first)).status == 429, "it is used up"


def test_what_people_take_for_the_same() -> None:
    assert alike(["é", "e\u0301", "E\u0301", "x", " X", "y"]) == [
        ("E\u0301", "e\u0301", "é"),
        (" X", "x"),
    ]
