"""Who holds how many boards and has used how much: the accounts of owners and groups."""

from collections.abc import Mapping
from typing import Generic, TypeVar

from boruta_farm.core.moments import micros
from boruta_farm.matching.policies.order import ID_BITS, SHARE_BITS
from boruta_farm.matching.policies.shares import Use
from boruta_farm.model.policies import FairShare, Policies
from boruta_farm.model.request import Request
from boruta_farm.model.waiting import Asked

Member = TypeVar("Member")
Groups = frozenset[str] | None

OWNER, GROUP = "owner", "group"

_SECOND = 1_000_000


class UsageAccount(Generic[Member]):
    """Keep one owner's or group's jobs and use.

    ``jobs`` are the requests that hold a board or are proposed one, with their start and length
    in microseconds. ``parties`` are those who draw on the account.
    """

    __slots__ = ("jobs", "kind", "limit", "name", "parties", "share", "use")

    def __init__(self, kind: str, name: str, limit: int | None) -> None:
        self.kind = kind
        self.name = name
        self.limit = limit
        self.use = Use()
        self.share = 0
        self.jobs: dict[int, tuple[int, int]] = {}
        self.parties: list[Party[Member]] = []

    @property
    def full(self) -> bool:
        """Tell whether no further job may be held."""
        return self.limit is not None and len(self.jobs) >= self.limit


class Party(Generic[Member]):
    """Join the accounts that decide about the same requests: one owner's, or some groups'.

    ``members`` are what waits on the party's behalf; whoever keeps them adds and removes them.
    """

    __slots__ = ("_ledger", "groups", "members", "owner")

    def __init__(
        self,
        ledger: "Ledger[Member]",
        owner: UsageAccount[Member] | None,
        groups: tuple[UsageAccount[Member], ...],
    ) -> None:
        self._ledger = ledger
        self.owner = owner
        self.groups = groups
        self.members: set[Member] = set()

    @property
    def shift(self) -> int:
        """Return what the party's use adds to the numbers of its requests.

        Someone in several groups counts for the one that has used least.
        """
        shift = self.owner.share << ID_BITS if self.owner is not None else 0
        if self.groups:
            shift += min(account.share for account in self.groups) << (ID_BITS + SHARE_BITS)
        return shift

    @property
    def accounts(self) -> tuple[UsageAccount[Member], ...]:
        """Return every account."""
        return self.groups if self.owner is None else (self.owner, *self.groups)

    def charge(self, request_id: int) -> None:
        """Charge a job that is about to be granted."""
        self._ledger.propose(self, request_id)

    @property
    def full(self) -> "UsageAccount[Member] | None":
        """Return an account that allows no further job, if there is one."""
        if self.owner is not None and self.owner.full:
            return self.owner
        return next((account for account in self.groups if account.full), None)


class Ledger(Generic[Member]):
    """Keep the accounts that the farm's policies need; none under the default.

    A job is charged in full when it is proposed, corrected when its end moves, and settled at
    what it really took; so whoever has just got a board stands behind at once. ``stirred`` are
    members that may have come forward since somebody last cleared it.
    """

    def __init__(self, policies: Policies, job_length: int) -> None:
        self.now = 0
        self.half_life = round(policies.half_life.total_seconds() * _SECOND)
        self.stirred: dict[Member, None] = {}
        self._policies = policies
        self._job_length = job_length
        self._owners_share = policies.fair_share in (FairShare.OWNERS, FairShare.BOTH)
        self._groups_share = policies.fair_share in (FairShare.GROUPS, FairShare.BOTH)
        self._by_owner = policies.by_owner
        self._by_group = policies.by_group
        self._owners: dict[str, UsageAccount[Member]] = {}
        self._groups: dict[str, UsageAccount[Member]] = {}
        self._parties: dict[tuple[str | None, Groups], Party[Member]] = {}
        self._charged: dict[int, tuple[UsageAccount[Member], ...]] = {}

    def key(self, request: Request | Asked) -> str | None:
        """Return what tells requests of one demand apart: the owner's id, where owners matter."""
        return request.owner if self._by_owner else None

    def party(self, owner: str | None, groups: Groups) -> Party[Member] | None:
        """Return the party of ``key`` and groups, None where nothing depends on it."""
        if not (self._by_owner or self._by_group):
            return None
        known = self._parties.get((owner, groups))
        if known is None:
            own = None if owner is None else self._owner(owner)
            theirs = self._accounts_of(groups)
            known = self._parties[owner, groups] = Party(self, own, theirs)
            for account in (own, *theirs):
                if account is not None:
                    account.parties.append(known)
        return known

    def begin(self, uses: Mapping[tuple[str, str], Use]) -> None:
        """Take over what ended jobs have used, by kind of account and name."""
        for (kind, name), use in uses.items():
            if kind == OWNER and self._by_owner:
                self._set_use(self._owner(name), use)
            elif kind == GROUP and self._by_group:
                self._set_use(self._group(name), use)

    def propose(self, party: Party[Member], request_id: int) -> None:
        """Charge a job that is about to be granted."""
        self._charge(request_id, party.accounts, self.now, self._job_length)

    def note(self, request: Request) -> None:
        """Take in what a request holds now, or what its job took in the end."""
        if not (self._by_owner or self._by_group):
            return
        job = request.job
        if job is None or (not job.holds and not request.state.finished):
            self.release(request.id)
            return
        start = micros(job.granted)
        end = job.timeout if job.holds else (job.ended or job.timeout)
        own = (self._owner(request.owner),) if self._by_owner else ()
        accounts = (*own, *self._accounts_of(request.owner_groups))
        self._charge(request.id, accounts, start, micros(end) - start)
        if not job.holds:
            for account in self._charged.pop(request.id):
                self._drop(account, request.id)

    def release(self, request_id: int) -> None:
        """Take a charge back: the request holds nothing after all."""
        for account in self._charged.pop(request_id, ()):
            start, length = account.jobs[request_id]
            self._drop(account, request_id)
            self._set_use(account, account.use.plus(start, -length, self.half_life))

    def _charge(
        self, request_id: int, accounts: tuple[UsageAccount[Member], ...], start: int, length: int
    ) -> None:
        for account in accounts:
            known = account.jobs.get(request_id)
            if known == (start, length):
                continue
            use = account.use
            if known is not None:
                use = use.plus(known[0], -known[1], self.half_life)
            account.jobs[request_id] = start, length
            self._set_use(account, use.plus(start, length, self.half_life))
        self._charged[request_id] = accounts

    def _drop(self, account: UsageAccount[Member], request_id: int) -> None:
        full = account.full
        del account.jobs[request_id]
        if full and not account.full:
            self._stir(account)

    def _set_use(self, account: UsageAccount[Member], use: Use) -> None:
        account.use = use
        shared = self._owners_share if account.kind == OWNER else self._groups_share
        if shared:
            before, account.share = account.share, use.share(self.half_life)
            if account.share < before:
                self._stir(account)

    def _stir(self, account: UsageAccount[Member]) -> None:
        for party in account.parties:
            self.stirred.update(dict.fromkeys(party.members))

    def _owner(self, name: str) -> UsageAccount[Member]:
        account = self._owners.get(name)
        if account is None:
            limit = self._policies.owner_limits.get(name, self._policies.owner_limit)
            account = self._owners[name] = UsageAccount(OWNER, name, limit)
        return account

    def _group(self, name: str) -> UsageAccount[Member]:
        account = self._groups.get(name)
        if account is None:
            limit = self._policies.group_limits.get(name, self._policies.group_limit)
            account = self._groups[name] = UsageAccount(GROUP, name, limit)
        return account

    def _accounts_of(self, groups: Groups) -> tuple[UsageAccount[Member], ...]:
        if not self._by_group:
            return ()
        return tuple(self._group(name) for name in sorted(groups or ()))
