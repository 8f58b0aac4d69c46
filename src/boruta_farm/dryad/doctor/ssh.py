"""The board's SSH server: that it answers, lets the session user in, and serves old clients."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from boruta_farm.dryad.config import AgentConfig
from boruta_farm.dryad.findings import Finding, advice, good, wrong
from boruta_farm.dryad.sshd import read_banner
from boruta_farm.dryad.users.keys import FOLDER as KEYS
from boruta_farm.dryad.users.sshd import CERTIFICATE, SshServer
from boruta_farm.model.errors import BoardError
from boruta_farm.model.worker import Reach

FILE = "/etc/ssh/sshd_config.d/boruta.conf"
NOLOGIN = (Path("/run/nologin"), Path("/etc/nologin"))
"""While one of them is there, pam_nologin lets nobody but root in."""

OLD_ALGORITHM = "ssh-rsa"
RELOAD = "systemctl reload ssh"
NEEDED = {
    "pubkeyauthentication": "PubkeyAuthentication",
    "permittty": "PermitTTY",
}


async def check_ssh(config: AgentConfig) -> tuple[Finding, ...]:
    """Connect to the SSH server, then read its settings for the session user."""
    findings = []
    try:
        banner = await read_banner(config.ssh_address)
    except BoardError as error:
        remedy = "systemctl enable --now ssh, or correct ssh_address"
        findings.append(wrong("ssh", error.message, remedy))
    else:
        findings.append(good("ssh", f"{config.ssh_address} answers: {banner}"))
    findings.extend(closed(NOLOGIN))
    findings.extend(_settings(config, SshServer()))
    return tuple(findings)


def closed(places: Iterable[Path]) -> Iterator[Finding]:
    """Tell whether the machine lets nobody in just now."""
    for place in places:
        if place.exists():
            yield wrong(
                "ssh",
                f"{place} is there: nobody but root can log in",
                f"wait until the machine has started (or is down), or remove {place}",
            )


def _settings(config: AgentConfig, server: SshServer) -> Iterator[Finding]:
    name = config.user.name
    try:
        settings = server.settings(name)
    except BoardError as error:
        yield advice(
            "ssh",
            f"the settings of sshd cannot be read: {error.message}",
            "run the doctor as root, once sshd was started; sshd -t names a line that is wrong",
        )
        return
    yield from judge(settings, name)
    key_file = KEYS / name
    unwise = [words for words in server.warnings(name, key_file) if "PubkeyAuth" not in words]
    for words in unwise:
        fact, _, remedy = words.removeprefix("sshd: ").rpartition("; ")
        yield advice("ssh", fact or words, f"{remedy} in {FILE}, then: {RELOAD}")
    if server.host_key() is None:
        yield wrong("ssh", "sshd has no host key", "ssh-keygen -A")
    if config.reach is Reach.OUTBOUND and not settings.get("listenaddress", "").startswith("127."):
        yield advice(
            "ssh",
            "users come through the agent, but sshd listens to the network as well",
            f"nothing must; to close it, ListenAddress 127.0.0.1 in {FILE}, then: {RELOAD}",
        )


def judge(settings: Mapping[str, str], name: str) -> Iterator[Finding]:
    """Judge the settings in force for the session user, as ``sshd -T`` tells them."""
    for key, spelled in NEEDED.items():
        if settings.get(key, "yes") == "no":
            yield wrong(
                "ssh",
                f"{spelled} is 'no' for {name}: no session can be used",
                _match(name, f"{spelled} yes"),
            )
    yield from _doors(settings, name)
    accepted = settings.get("pubkeyacceptedalgorithms", "").split(",")
    if OLD_ALGORITHM in accepted:
        yield good("ssh", "old clients that sign with ssh-rsa (Weles) can log in")
    else:
        yield advice(
            "ssh",
            "old clients that sign with ssh-rsa only (Weles) cannot log in; OpenSSH 8.8 and newer "
            "refuse them",
            _match(name, f"PubkeyAcceptedAlgorithms +{OLD_ALGORITHM}"),
        )
    if "subsystem" in settings and "sftp" not in settings["subsystem"]:
        yield advice(
            "ssh",
            "there is no sftp subsystem: scp and sshfs (Weles, Festral) do not work",
            f"Subsystem sftp internal-sftp in {FILE}, then: {RELOAD}",
        )
    if settings.get("hostcertificate") != str(CERTIFICATE):
        yield advice(
            "ssh",
            "people know this board by its host key alone: sshd shows no certificate of the farm, "
            "by which one line of known_hosts knows all boards",
            f"HostCertificate {CERTIFICATE} in {FILE}, above Match, then: {RELOAD}",
        )
    if settings.get("forcecommand", "none") != "none":
        yield wrong(
            "ssh",
            f"ForceCommand {settings['forcecommand']!r} replaces what users run",
            f"take {name} out of the Match block that sets it, then: {RELOAD}",
        )


def _doors(settings: Mapping[str, str], name: str) -> Iterator[Finding]:
    """Judge the lists of who may log in."""
    for key, spelled in (("allowusers", "AllowUsers"), ("allowgroups", "AllowGroups")):
        if key in settings and name not in settings[key].split():
            yield wrong(
                "ssh",
                f"{spelled} {settings[key]!r} does not name {name}: sshd refuses the session user",
                f"add {name} to {spelled} in the file that sets it, then: {RELOAD}",
            )
    if name in settings.get("denyusers", "").split():
        yield wrong(
            "ssh",
            f"DenyUsers names {name}",
            f"remove {name} from DenyUsers, then: {RELOAD}",
        )


def _match(name: str, line: str) -> str:
    return f"in {FILE}: Match User {name}\n{'':17}{line}\nthen: {RELOAD}"
