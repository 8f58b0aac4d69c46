"""A hello outside of an agent's link: asked, or said once, over the same wire."""

import pytest

from boruta_farm.link import question
from boruta_farm.model.errors import CredentialError
from boruta_farm.testing.loop import run_virtual
from tests.link.links import UUID, FakeUser, Wires


def test_a_board_is_asked_about_and_registered_without_its_agent() -> None:
    async def scene() -> None:
        wires, user = Wires(), FakeUser()
        registration = await user.registration()
        assert await question.recognise(await wires.dial(), registration) is False
        assert wires.farm.registrations == []
        answer = await question.register(await wires.dial(), registration)
        assert answer.uuid == UUID
        assert len(wires.farm.registrations) == 1
        wires.farm.refuse = CredentialError("revoked")
        with pytest.raises(CredentialError, match="revoked"):
            await question.recognise(await wires.dial(), registration)
        with pytest.raises(CredentialError, match="revoked"):
            await question.register(await wires.dial(), registration)
        await wires.close()

    run_virtual(scene())
