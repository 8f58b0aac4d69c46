"""Invitations travel, credentials are renewed, agents are sent away."""

import asyncio
import hashlib
import logging
from datetime import timedelta

import pytest

from boruta_farm.link.conversation import Conversation
from boruta_farm.link.frames import JsonObject
from boruta_farm.link.messages import Method
from boruta_farm.link.peer import Peer
from boruta_farm.model.errors import CredentialError, EnrolmentError, WorkerNotFoundError
from boruta_farm.model.worker import Registration
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires

SECRET = hashlib.sha256(b"secret").hexdigest()


def test_the_invitation_and_where_it_came_from_reach_the_farm() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser(join_token="boruta_j_1_abc")
        wires.agent(user)
        await wires.ready()
        registration = wires.farm.registrations[0]
        assert registration.join_token == "boruta_j_1_abc"
        assert (registration.source, registration.local) == ("10.0.0.7", False)
        assert "boruta_j" not in repr(registration)
        await wires.close()

    run_virtual(scene())


def test_an_agent_of_this_machine_is_known_as_such() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = Conversation(await wires.dial(local=True), user.board, wires.clock)
        wires.spawn(conversation.serve())
        await conversation.register(await user.registration())
        assert wires.farm.registrations[0].local
        await wires.close()

    run_virtual(scene())


def test_a_credential_is_renewed_when_its_time_has_come() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.farm.renew_at = wires.clock.now() + timedelta(seconds=60)
        wires.agent(user)
        await wires.ready()
        await asyncio.sleep(50)
        assert (wires.farm.renewals, len(wires.dials)) == ([], 1)
        await asyncio.sleep(20)
        assert wires.farm.renewals == [(UUID, SECRET, "c" * 64)]
        await wires.ready()
        fresh = hashlib.sha256(b"fresh").hexdigest()
        assert [r.credential for r in wires.farm.registrations] == [SECRET, fresh]
        await asyncio.sleep(300)
        assert len(wires.farm.renewals) == 1
        await wires.close()

    run_virtual(scene())


def test_a_board_is_not_asked_while_it_gets_ready() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.farm.renew_at = wires.clock.now()
        wires.agent(user)
        user.adopting.clear()
        await asyncio.sleep(60)
        assert wires.farm.renewals == []
        user.adopting.set()
        await asyncio.sleep(10)
        assert len(wires.farm.renewals) == 1
        await wires.close()

    run_virtual(scene())


def test_a_refused_renewal_keeps_the_old_credential() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.farm.renew_at = wires.clock.now() + timedelta(seconds=20)
        wires.agent(user)
        await wires.ready()
        wires.farm.refuse = CredentialError()
        await asyncio.sleep(40)
        assert user.credential == "secret"
        await wires.close()

    run_virtual(scene())


def test_who_dialled_with_what_another_link_has_renewed_comes_again_at_once() -> None:
    """Else a board of several servers would be out of reach for a minute, for no person's fault."""
    wires = Wires()

    class Overtaken(FakeUser):
        async def registration(self) -> Registration:
            overtaken, self.credential = self.credential == "secret", "fresh"
            wires.farm.refuse = CredentialError() if overtaken else None
            return await super().registration()

    async def scene() -> None:
        wires.agent(Overtaken())
        await wires.ready()
        assert len(wires.dials) == 2
        assert wires.dials[1] - wires.dials[0] <= 1.0
        await wires.close()

    run_virtual(scene())


def test_renewal_before_the_hello_is_refused() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        conversation = Conversation(await wires.dial(), user.board, wires.clock)
        wires.spawn(conversation.serve())
        with pytest.raises(WorkerNotFoundError):
            await conversation.renew(UUID, "", "c" * 64)
        assert wires.farm.renewals == []
        await wires.close()

    run_virtual(scene())


@pytest.mark.parametrize("error", [CredentialError(), EnrolmentError()])
def test_a_refusal_is_told_with_board_and_source(
    error: CredentialError | EnrolmentError, caplog: pytest.LogCaptureFixture
) -> None:
    async def scene() -> None:
        wires = Wires()
        wires.farm.refuse = error
        wires.agent(FakeUser())
        await asyncio.sleep(1)
        await wires.close()

    with caplog.at_level(logging.WARNING):
        run_virtual(scene())
    assert f"refused the agent of {UUID} from 10.0.0.7: {error.message}" in caplog.text


def test_a_dismissed_agent_goes_and_comes_back_later() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.agent(user)
        await wires.ready()
        wires.hub.dismiss(UUID, "revoked")
        wires.hub.dismiss("another", "revoked")
        await asyncio.sleep(30)
        assert wires.hub.fenced(UUID) is None
        assert len(wires.dials) == 1
        await asyncio.sleep(60)
        assert len(wires.dials) == 2
        await wires.close()

    run_virtual(scene())


def test_an_agent_that_knows_no_renewal_is_served_on() -> None:
    """One of an earlier version takes any answer to its heartbeats."""

    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        wires.farm.renew_at = wires.clock.now()
        peer = Peer(await wires.dial(), {})
        wires.spawn(peer.serve())
        registration = await user.registration()
        hello: JsonObject = {
            "version": 2,
            "oldest": 2,
            "caps": dict(registration.caps),
            "dryad_address": ":7175",
            "ssh_address": ":22",
            "epoch": 0,
            "boot_id": "boot",
        }
        await peer.call(Method.REGISTER, hello, 5)
        for sequence in (1, 2, 3):
            answer = await peer.call(Method.HEARTBEAT, {"sequence": sequence, "ready": True}, 5)
            assert answer == {"renew": True}
        assert wires.hub.fenced(UUID) is not None
        await wires.close()

    run_virtual(scene())
