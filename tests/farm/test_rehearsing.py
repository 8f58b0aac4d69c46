"""Wishes are tried by whoever may have them, and leave nothing behind."""

from pathlib import Path

import pytest

from boruta_farm.model.account import AccountChange, GroupChange
from boruta_farm.model.errors import ForbiddenError, LimitError
from boruta_farm.model.permission import Role
from boruta_farm.model.wish import MOST_WISHES, Wish
from tests.farm.people import SOURCE, peopled_farm


async def test_each_wish_is_tried_after_those_before_it_and_none_is_kept(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        admin = await people.admin()
        accounts = people.farm.accounts
        before = (await accounts.list_accounts(admin), await accounts.list_groups(admin))
        audit = await people.farm.audit.verify(admin)
        wishes = (
            Wish(account="ann", account_change=AccountChange(groups=("lab",))),
            Wish(group="lab", group_change=GroupChange()),
            Wish(account="ann", account_change=AccountChange(groups=("lab",))),
            Wish(group="lab"),
            Wish(account=admin.name),
            Wish(account="ann"),
            Wish(group="lab"),
            Wish(worker="nobody", worker_name="x"),
        )
        refused = await accounts.rehearse(admin, wishes)
        assert [refusal.place for refusal in refused] == [0, 3, 4, 7]
        assert [refusal.code for refusal in refused] == [
            "group-not-found",
            "bad-account",
            "bad-account",
            "worker-not-found",
        ]
        assert (await accounts.list_accounts(admin), await accounts.list_groups(admin)) == before
        assert await people.farm.audit.verify(admin) == audit


async def test_who_may_not_do_it_may_not_try_it(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        admin = await people.admin()
        issued = {
            role: await people.account(admin, role.value, "lab", role=role)
            for role in (Role.USER, Role.GROUP_ADMIN)
        }
        callers = {
            role: people.farm.directory.admit(token.secret, SOURCE)
            for role, token in issued.items()
        }
        wish = Wish(group="lab", group_change=GroupChange(keys_for_admins=True))
        with pytest.raises(ForbiddenError):
            await people.farm.accounts.rehearse(callers[Role.USER], (wish,))
        refused = await people.farm.accounts.rehearse(callers[Role.GROUP_ADMIN], (wish,))
        assert [refusal.code for refusal in refused] == ["forbidden"]
        assert await people.farm.accounts.rehearse(admin, (wish,)) == ()


async def test_wishes_of_one_call_are_bounded(tmp_path: Path) -> None:
    async with peopled_farm(tmp_path) as people:
        admin = await people.admin()
        with pytest.raises(LimitError, match="500"):
            await people.farm.accounts.rehearse(admin, (Wish(group="g"),) * (MOST_WISHES + 1))
