"""A farm that knows people, some of whom a provider in this process vouches for."""

import secrets
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from boruta_farm.access.cipher import AesGcmCipher
from boruta_farm.model.caller import Caller
from boruta_farm.oidc.settings import ProviderSettings, WorkloadSettings
from boruta_farm.oidc.sign_ins import FarmSignIns, open_sign_ins
from tests.farm.people import PeopledFarm, peopled_farm
from tests.oidc.issuing import CLIENT, FARM, ISSUER, Issuing

LAB = ProviderSettings(issuer=ISSUER, client_id=CLIENT, groups={"embedded": "kernel"})
JOBS = WorkloadSettings(
    issuer=ISSUER,
    account="ci",
    claims={"repository": "acme/kernel", "ref": "refs/heads/*"},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Carry the farm, who signs in there, and who vouches for them."""

    people: PeopledFarm
    root: Caller
    sign_ins: FarmSignIns
    issuing: Issuing
    cipher: AesGcmCipher

    def another_server(self, provider: ProviderSettings = LAB) -> FarmSignIns:
        """Return what another server of the farm has, which remembers nothing of this one's."""
        return opened(self, {"lab": provider}, {"jobs": JOBS})

    def called(self, secret: str) -> Caller:
        return self.people.farm.directory.admit(secret, "192.0.2.7")


def opened(
    signing: Signing,
    providers: Mapping[str, ProviderSettings],
    workloads: Mapping[str, WorkloadSettings],
) -> FarmSignIns:
    """Return what signs in by these settings; every issuer is the same transport."""
    return open_sign_ins(
        providers,
        workloads,
        signing.people.farm.tokens,
        signing.cipher,
        signing.people.clock,
        FARM,
        lambda _ca: signing.issuing,
    )


@asynccontextmanager
async def signing_in(
    path: Path,
    providers: Mapping[str, ProviderSettings] | None = None,
    workloads: Mapping[str, WorkloadSettings] | None = None,
) -> AsyncIterator[Signing]:
    """Run a farm for the block, with an admin, and a provider and CI system unless told others."""
    async with peopled_farm(path) as people:
        root = await people.admin()
        issuing, cipher = Issuing(people.clock), AesGcmCipher(secrets.token_bytes(32))
        sign_ins = open_sign_ins(
            {"lab": LAB} if providers is None else providers,
            {"jobs": JOBS} if workloads is None else workloads,
            people.farm.tokens,
            cipher,
            people.clock,
            FARM,
            lambda _ca: issuing,
        )
        yield Signing(people=people, root=root, sign_ins=sign_ins, issuing=issuing, cipher=cipher)
        await sign_ins.close()
