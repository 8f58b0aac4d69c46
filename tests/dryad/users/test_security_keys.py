"""Security keys open a session behind the system's sshd, by OpenSSH on both ends."""

import pytest

from boruta_farm.dryad.users.remote import RemoteHost
from tests.dryad.rooms import PORT, QUIET, Result, Room
from tests.security_keys import KINDS, SecurityKey, agent_of

USER = "boruta-user"


@pytest.mark.prove
@pytest.mark.parametrize("kind", KINDS)
async def test_sshd_takes_a_token_that_is_touched(kind: str, host: RemoteHost, room: Room) -> None:
    token, lazy, stranger = SecurityKey(kind), SecurityKey(kind, flags=0), SecurityKey(kind)

    def come(key: SecurityKey, name: str) -> Result:
        public = room.folder / f"{name}.pub"
        public.write_text(key.line)
        with agent_of(key, room.folder / name) as agent:
            return room.run(
                *("ssh", "-F", "none", "-p", str(PORT), "-o", f"IdentityAgent={agent}"),
                *("-i", str(public), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", *QUIET),
                *(f"{USER}@127.0.0.1", "echo in"),
            )

    await host.create(token.line, 3600)
    await host.authorize((token.line, lazy.line), 3600)
    try:
        assert come(token, f"t{len(kind)}").out == "in\n"
        assert come(stranger, f"s{len(kind)}").status == 255
        assert come(lazy, f"l{len(kind)}").status == 255, "nobody has touched it"
        assert (token.signed, lazy.signed, stranger.signed) == (1, 1, 0)
    finally:
        await host.clean()
