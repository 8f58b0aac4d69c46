"""The guide, followed from the packages to a lent board and to purge, on a booted machine."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.packaging.booted import Machine, booted

FARM = "https://farm.example:8487"
TOKEN = "boruta_[a-z]_[A-Za-z0-9]*_[A-Za-z0-9_-]*"
LOG = "journalctl -u boruta -u dryad -u dryad-helper --no-pager -o cat"
SETTINGS = """\
users = true
enrolment = "invited"
tls_certificate = "/etc/boruta/farm.pem"
tls_key = "/etc/boruta/farm.key"
"""

PROBE = """\
sed -e 's|^ExecStart=.*|ExecStart=/usr/bin/python3 /root/probe.py|' \\
    -e 's|^Restart=.*|Type=oneshot|' -e 's|^ProtectHome=.*||' \\
    /lib/systemd/system/boruta.service > /etc/systemd/system/probe.service
cat > /root/probe.py <<END
import ctypes
print(f"told={int(ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) >= 0)}")
END
chmod 755 /root && chmod 644 /root/probe.py && systemctl daemon-reload
"""
"""Ask the kernel about its clock with the rights of the server's unit."""
RACK = """\
set -e
boruta agent invite 2>/dev/null |
    dryad join http://127.0.0.1:8487 --conf /etc/boruta/{name}.conf -c device_type={name}
sed -i -e '/^\\[user\\]/,/^\\[/s|^#* *name = .*|name = "lab-{name}"|' \\
    -e '/^\\[user\\]/,/^\\[/s|^#* *uids = .*|uids = "{uids}"|' /etc/boruta/{name}.conf
dryad config check --conf /etc/boruta/{name}.conf
systemctl enable --now dryad-helper@{name} dryad@{name}
"""
CONTROLLER = """\
set -e
cat > /etc/systemd/system/controller.service <<END
[Service]
Environment=PYTHONPATH=/usr/lib/dryad/site:{sources}
ExecStart=/usr/bin/python3 -m boruta_farm.testing.stm_emulator /run/controller
END
mkdir -p /etc/systemd/system/dryad-stm.service.d
cat > /etc/systemd/system/dryad-stm.service.d/line.conf <<END
[Service]
ExecStart=
ExecStart=/usr/bin/dryad stm -serve -tty /run/controller
DeviceAllow=char-pts rw
END
systemctl daemon-reload && systemctl start controller
until [ -e /run/controller ]; do :; done
chmod 666 /run/controller
systemctl enable --now dryad-stm.socket dryad-stm-user.socket
"""
"""An emulated controller behind a terminal, in place of the MuxPi's serial line."""


@pytest.fixture
def machine(packages: Path, tmp_path: Path) -> Iterator[Machine]:
    with booted(tmp_path, *packages.glob("*.deb")) as one:
        yield one


@pytest.mark.prove
def test_the_guide_leads_from_the_packages_to_a_lent_board_and_back(machine: Machine) -> None:
    machine("echo '127.0.0.1 farm.example' >> /etc/hosts")
    machine("dpkg -i *.deb")

    # Nothing loops before it is configured.
    for unit in ("dryad", "dryad-helper"):
        machine(f"systemctl start {unit}")
        shown = machine(f"systemctl show -p ActiveState -p Result -p ConditionResult {unit}")
        assert "ActiveState=inactive" in shown
        assert "ConditionResult=no" in shown
    assert "dryad join" in machine("dryad doctor", status=1) + machine("dryad --help")

    # The server: a key that only root can read is named before the service stumbles over it.
    machine("boruta config certificate /etc/boruta --host farm.example")
    machine("sed -i 's/^api_addr.*/api_addr = \"0.0.0.0:8487\"/' /etc/boruta/boruta.toml")
    machine("cat >> /etc/boruta/boruta.toml", stdin=SETTINGS)
    assert "good for the user boruta" in machine("boruta config check /etc/boruta/boruta.toml")
    machine("chmod 600 /etc/boruta/farm.key")
    told = machine("boruta config check /etc/boruta/boruta.toml", status=1)
    assert told.startswith("boruta: tls_key: /etc/boruta/farm.key cannot be read")
    machine("chmod 640 /etc/boruta/farm.key && systemctl restart boruta")
    # The log shows the very line to be typed, and the token to be pasted.
    command = machine.logged("boruta", "^ *boruta login https")
    assert command == f"boruta login {FARM} --ca-file /etc/boruta/ca.pem"
    once = machine.logged("boruta", "-o", TOKEN)
    machine("systemctl is-active boruta boruta-relay")
    machine.logged("boruta", "serving on")
    machine(command, stdin=f"\ufeff{once}\r\n")
    assert "admin" in machine("boruta whoami"), "the profile is all that later commands need"
    # The unit lets the server see which boot this is, and what the kernel says of the clock.
    assert "cannot be read" not in machine(LOG)
    machine(PROBE)
    assert machine("systemctl start probe && journalctl -u probe -o cat | grep told=") == "told=1\n"
    invited = machine("boruta user add ann")
    assert f"boruta login {FARM} --ca-file ca.pem" in invited

    # The board.
    join = f"dryad join {FARM} --ca-file /etc/boruta/ca.pem -c device_type=x"
    told = machine(join, stdin="boruta_j_0000_wrong\n", status=1)
    assert "unknown" in told
    assert "wrong" not in told
    machine("test ! -e /etc/boruta/dryad.conf")
    invitation = machine(f"boruta agent invite --for 1h 2>/dev/null | grep -o '{TOKEN}'").strip()
    machine(join, stdin=f"{invitation}\n")
    assert machine("stat -c '%U:%G %a' /etc/boruta/dryad.conf").strip() == "root:dryad 640"
    assert machine("stat -c '%U:%G %a' /var/lib/dryad/credential").strip() == "dryad:dryad 600"
    machine(f"! grep -r {invitation} /etc /var/lib/dryad")
    assert "good for the user dryad" in machine("dryad config check")
    machine("systemctl enable --now dryad-helper dryad && systemctl start ssh")
    machine.logged("dryad", "registered as")
    doctor = machine("dryad doctor")
    assert "knows this board by its credential" in doctor
    assert "this board can be lent" in doctor

    # Lent, as whoever comes by the profile.
    machine("boruta worker idle --all")
    lent = machine("boruta ssh --wait 60s -c device_type=x -- 'id -un; echo done'")
    assert "boruta-user\ndone" in lent

    # A site's relay, by its unit: as nobody that stays, with a credential that outlives it.
    authority = "BORUTA_CA_FILE=/etc/boruta/ca.pem"
    machine(f"printf 'BORUTA_SERVER={FARM}\n{authority}\n' > /etc/boruta/site-lab-b.conf")
    machine("systemctl start boruta-site@lab-b")
    credential = machine.logged("boruta-site@lab-b", "^credential = ")
    machine.logged("boruta-site@lab-b", "lab-b")
    site = f'\n[site.lab-b]\naddress = "127.0.0.1"\n{credential}\n'
    machine("cat >> /etc/boruta/boruta.toml", stdin=site)
    machine("boruta config check /etc/boruta/boruta.toml")
    machine("systemctl restart boruta || (journalctl -u boruta -n 30; false)")
    machine("systemctl restart boruta-site@lab-b")
    machine.logged("boruta-site@lab-b", f"connected to {FARM}")
    machine("systemctl stop boruta-site@lab-b")

    # What the doctor must not overlook.
    machine("chmod 600 /etc/boruta/dryad.conf && chown root:root /etc/boruta/dryad.conf")
    assert "WRONG" in machine("dryad doctor", status=1)
    machine("chgrp dryad /etc/boruta/dryad.conf && chmod 640 /etc/boruta/dryad.conf")
    machine("boruta agent revoke $(boruta workers -o ids)")
    revoked = machine("dryad doctor", status=1)
    assert "was revoked" in revoked
    assert "can be lent" not in revoked
    again = machine("boruta agent invite --uuid $(boruta workers -o ids) 2>/dev/null")
    machine("systemctl stop dryad")
    # A token in the file serves too: for the service's user, and for nobody else.
    machine(f"sed -i '1i join_token = \"{again.strip()}\"' /etc/boruta/dryad.conf")
    machine("systemctl start dryad; dryad config check")
    machine("until dryad doctor; do systemctl is-active dryad; done")
    machine("chmod 644 /etc/boruta/dryad.conf")
    assert "chmod g-w,o=" in machine("dryad config check", status=1)
    assert again.strip() not in machine(LOG)

    # And gone, key and all.
    purged = machine("dpkg --purge dryad boruta-server")
    assert "the farm still knows this board" in purged
    left = "/etc/boruta /var/lib/dryad /var/lib/boruta-sessions /var/lib/boruta /run/boruta"
    left += " /var/lib/boruta-site /var/lib/private/boruta-site"
    machine(f"rm /etc/boruta/site-lab-b.conf; rmdir /etc/boruta; ! ls -d {left}")
    machine("! getent passwd dryad boruta boruta-user; ! getent group dryad boruta")


@pytest.mark.prove
def test_several_boards_on_one_machine_and_the_controller_of_a_muxpi(machine: Machine) -> None:
    machine("dpkg -i *.deb")
    machine.logged("boruta", "serving on")
    for name, uids in (("one", "64000-64099"), ("two", "64100-64199")):
        machine(RACK.format(name=name, uids=uids))
        machine.logged(f"dryad@{name}", "registered as")
    machine("systemctl start ssh && boruta worker idle --all")
    for name in ("one", "two"):
        lent = machine(f"boruta ssh --wait 60s -c device_type={name} -- 'id -un; echo done'")
        assert f"lab-{name}\ndone" in lent
    machine("systemctl is-active dryad@one dryad-helper@one dryad@two dryad-helper@two")
    # One that fails is started again, and its neighbour does not notice.
    before = machine("systemctl show -p MainPID dryad@two")
    machine("kill -9 $(systemctl show -p MainPID --value dryad@one)")
    machine("until systemctl show -p NRestarts dryad@one | grep -q =1; do :; done")
    assert machine("systemctl show -p MainPID dryad@two") == before

    sources = Path(__file__).parents[2] / "src"
    machine(CONTROLLER.format(sources=sources))
    assert machine("stat -c '%G %a' /run/stm.socket /run/stm-user.socket") == (
        "dryad 660\nstm 660\n"
    )
    machine("systemctl is-active dryad-stm", status=3)
    machine("runuser -u nobody -- dryad stm -dut", status=1)
    machine("runuser -u nobody -G stm -- dryad stm -dut")
    assert machine("systemctl is-active dryad-stm") == "active\n"
    machine.logged("controller", '"card": "dut"')
