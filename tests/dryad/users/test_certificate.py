"""The system's sshd shows what the farm vouches for: OpenSSH on both ends, in namespaces."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from boruta_farm.access.cipher import AesGcmCipher
from boruta_farm.access.host_authority import HostAuthority
from boruta_farm.client.ssh_config import authority_line
from boruta_farm.dryad.users.remote import RemoteHost
from tests.dryad.rooms import Result, Room, Visitor

SHIPPED = Path(__file__).parents[3] / "packaging" / "sshd" / "boruta.conf"
USER = "boruta-user"


@pytest.mark.prove
async def test_sshd_is_known_by_the_authoritys_line_alone(
    host: RemoteHost, visitor: Visitor, room: Room
) -> None:
    there = "/etc/ssh/sshd_config.d/boruta.conf"
    room.run("tee", there, data=SHIPPED.read_text())
    # Its log tells when it listens again: what comes before that gets the settings of before.
    log = room.folder / "sshd.log"
    room.sh(
        f"n=$(grep -c listening {log}); kill -HUP $(cat /run/sshd.pid); "
        f"until [ $(grep -c listening {log}) -gt $n ]; do sleep 0.02; done"
    )
    known = room.folder / "known"
    authority = HostAuthority(AesGcmCipher(bytes(32)))
    known.write_text(f"{authority_line(authority.public)}\n")

    def come(name: str) -> Result:
        words = visitor.command(USER, "echo in")
        strict = ("-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes")
        return room.run(words[0], *strict, "-o", f"HostKeyAlias={name}", *words[1:])

    def refused(name: str) -> bool:
        result = come(name)
        return result.status == 255 and "Host key verification failed" in result.err

    try:
        await host.create(visitor.public, 3600)
        host_key = (await host.inspect()).host_key
        assert host_key is not None
        assert refused("rpi4.farm"), "nobody vouches for it yet"
        now = datetime.now(UTC)
        hour = timedelta(hours=1)
        await host.certify(authority.sign(host_key, {"rpi4.farm"}, "one r1", now, now + hour))
        assert come("rpi4.farm").out == "in\n", "sshd reads it for each connection"
        assert refused("rpi5.farm"), "another name"
        await host.certify(authority.sign(host_key, {"rpi4.farm"}, "one r1", now - 2 * hour, now))
        assert refused("rpi4.farm"), "its time is over"
        stranger = HostAuthority(AesGcmCipher(bytes([1]) * 32))
        await host.certify(stranger.sign(host_key, {"rpi4.farm"}, "one r1", now, now + hour))
        assert refused("rpi4.farm"), "another farm's word"
        await host.certify(authority.sign(visitor.public, {"rpi4.farm"}, "one r1", now, now + hour))
        assert refused("rpi4.farm"), "sshd shows no certificate of another key"
        assert not visitor.refused(USER), "who knows it by its key comes in all the same"
    finally:
        room.sh(f"rm {there}; kill -HUP $(cat /run/sshd.pid)")
