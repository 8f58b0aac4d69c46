"""What the system's SSH server is set to, as far as session users depend on it."""

import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from boruta_farm.dryad.proc.mounts import find_mount
from boruta_farm.dryad.users.tools import run
from boruta_farm.model.errors import BoardError

MEMORY: Final = frozenset({"tmpfs", "ramfs"})
HOST_KEYS: Final = (
    "ssh_host_ed25519_key.pub",
    "ssh_host_ecdsa_key.pub",
    "ssh_host_rsa_key.pub",
)
FOLDER: Final = Path("/etc/ssh")
CERTIFICATE: Final = Path("/run/boruta/host_certificate.pub")
"""Where sshd finds what the farm vouches for its host key, once HostCertificate names it."""
CERTIFICATE_FORM: Final = re.compile(
    r"(?:ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp(?:256|384|521))-cert-v01@openssh\.com "
    r"[A-Za-z0-9+/]{100,262144}={0,2}"
)
COMMAND: Final = "/usr/sbin/sshd"


class SshServer:
    """Ask ``sshd -T`` for the settings in force; an sshd that does not answer warns only."""

    def warnings(self, name: str, key_file: Path) -> Iterator[str]:
        """Yield what would keep a session user out, or is unwise."""
        try:
            settings = self.settings(name)
        except BoardError as error:
            yield f"the SSH server's settings are not known: {error.message}"
            return
        if settings.get("pubkeyauthentication") == "no":
            yield "sshd: PubkeyAuthentication is 'no': nobody can log in; set it to 'yes'"
        if not self._looked_for(settings, name, key_file) and not _in_home(settings):
            files = settings.get("authorizedkeysfile", "")
            yield (
                f"sshd: AuthorizedKeysFile is {files!r}: session keys are not found; add "
                f"{key_file.parent}/%u"
            )
        if settings.get("exposeauthinfo", "no") != "yes":
            yield (
                "sshd: ExposeAuthInfo is 'no': of a shared session nobody can tell who is there, "
                "and to part with one ends all connections; set it to 'yes'"
            )
        if settings.get("permituserenvironment", "no") != "no":
            yield "sshd: PermitUserEnvironment lets users change how programs start; set it to 'no'"

    def looks_at(self, name: str, key_file: Path) -> bool:
        """Tell whether sshd reads the key file itself, without a link in the home."""
        try:
            return self._looked_for(self.settings(name), name, key_file)
        except BoardError:
            return False

    def settings(self, name: str) -> dict[str, str]:
        """Return the settings for one user, names in lower case. Raises BoardError."""
        output = run(COMMAND, "-T", "-C", f"user={name},host=localhost,addr=127.0.0.1")
        pairs = (line.partition(" ") for line in output.splitlines())
        return {key.lower(): value.strip() for key, _, value in pairs}

    def host_key(self) -> str | None:
        """Return the key by which clients know this machine, one line, None when there is none."""
        for name in HOST_KEYS:
            try:
                return " ".join((FOLDER / name).read_text().split()[:2])
            except OSError:
                continue
        return None

    def certify(self, line: str) -> None:
        """Replace the certificate that is shown beside the host key. Raises BoardError.

        OpenSSH before 9.8 reads the file for every connection, and takes no certificate of another
        key than its own. It stays when the job ends: it names an end itself, and one machine may
        serve several boards.
        """
        if not CERTIFICATE_FORM.fullmatch(line):
            raise BoardError("what the farm sent is no certificate of a host key")
        new = CERTIFICATE.with_name(f".{CERTIFICATE.name}.{secrets.token_hex(4)}")
        try:
            CERTIFICATE.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            with os.fdopen(os.open(new, flags, 0o644), "w") as file:
                file.write(f"{line}\n")
            new.replace(CERTIFICATE)
        except OSError as error:
            new.unlink(missing_ok=True)
            raise BoardError(
                f"{CERTIFICATE}: the certificate cannot be written: {error.strerror}"
            ) from error

    def _looked_for(self, settings: dict[str, str], name: str, key_file: Path) -> bool:
        patterns = settings.get("authorizedkeysfile", "").split()
        return any(pattern.replace("%u", name) == str(key_file) for pattern in patterns)


def _in_home(settings: dict[str, str]) -> bool:
    patterns = settings.get("authorizedkeysfile", ".ssh/authorized_keys").split()
    return any(p in (".ssh/authorized_keys", "%h/.ssh/authorized_keys") for p in patterns)


def on_tmpfs(folder: Path) -> bool:
    """Tell whether a folder, or where it will be made, lies in memory."""
    mount = find_mount(str(folder))
    return mount is not None and mount.kind in MEMORY
