"""The server's certificate: checked, served, and taken anew when its files change."""

import asyncio
import logging
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn

from cryptography import x509

from boruta_farm.clock import Clock
from boruta_farm.model.errors import ConfigError

logger = logging.getLogger(__name__)

LOOK_EVERY: Final = 10.0
"""Seconds between two looks at the files; SIGHUP makes the server look at once."""
EXPIRES_SOON: Final = timedelta(days=14)

Signature = tuple[tuple[int, int, int], ...]
"""What tells a changed file: inode, size and time of each."""


class Certificates:
    """Serve one certificate chain with its key.

    Handshakes begin on ``context``, which never changes, and are handed over to the newest
    context that was checked as a whole: files that do not fit each other, as in the moment
    between the replacement of one and of the other, never reach a client.
    """

    def __init__(
        self, certificate: Path, key: Path, clock: Clock, look_every: float = LOOK_EVERY
    ) -> None:
        """Load the files. Raises ConfigError in words for the person who started the server."""
        self._certificate = certificate
        self._key = key
        self._clock = clock
        self._look_every = look_every
        self._hurry = asyncio.Event()
        self.names: tuple[str, ...] = ()
        """The names that the certificate is for."""
        self._seen = self._signature()
        self._warned: Signature | None = None
        self._newest = self._load()
        self.context = self._load()
        self.context.sni_callback = self._hand_over

    def look_now(self) -> None:
        """Look at the files at once, changed or not."""
        self._hurry.set()

    async def watch(self) -> NoReturn:
        """Take changed files until cancelled; ones that cannot be used are told in the log."""
        while True:
            hurried = await self._pause()
            signature = self._signature()
            if hurried or signature != self._seen:
                self._renew(signature)

    def _renew(self, signature: Signature) -> None:
        try:
            self._newest = self._load()
        except ConfigError as error:
            if signature != self._warned:
                logger.error("the certificate in use stays: %s", error.message)
            self._warned = signature
            return
        self._seen = signature
        logger.info("the certificate was loaded anew")

    async def _pause(self) -> bool:
        """Wait for the next look; return whether somebody asked for it."""
        try:
            async with asyncio.timeout(self._look_every):
                await self._hurry.wait()
        except TimeoutError:
            return False
        self._hurry.clear()
        return True

    def _hand_over(
        self, connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _old: ssl.SSLContext
    ) -> None:
        connection.context = self._newest

    def _load(self) -> ssl.SSLContext:
        """Return a context with the files as they are now. Raises ConfigError."""
        _check_readable("tls_key", self._key)
        _check_readable("tls_certificate", self._certificate)
        _check_private(self._key)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            # Without a password function OpenSSL would ask at the terminal.
            context.load_cert_chain(self._certificate, self._key, password=lambda: b"")
            certificate = x509.load_pem_x509_certificate(self._certificate.read_bytes())
            self._tell(certificate)
            self.names = _names_in(certificate)
        except ssl.SSLError as error:
            raise ConfigError(
                f"tls_certificate: {self._certificate} and tls_key: {self._key} cannot be used "
                f"({error.reason or error}); both must be PEM, the certificate with its chain, "
                "the key its own and without a password"
            ) from None
        except (OSError, ValueError) as error:
            raise ConfigError(
                f"tls_certificate: {self._certificate} cannot be used: {error}"
            ) from None
        return context

    def _tell(self, certificate: x509.Certificate) -> None:
        until = certificate.not_valid_after_utc
        left = until - self._clock.now()
        level = logging.WARNING if left < EXPIRES_SOON else logging.DEBUG
        name = certificate.subject.rfc4514_string()
        logger.log(level, "the certificate of %s is valid until %s", name, _show(until))

    def _signature(self) -> Signature:
        found = []
        for path in (self._certificate, self._key):
            try:
                status = path.stat()
            except OSError:
                # A file that is gone for a moment is being replaced; loading tells of others.
                found.append((0, 0, 0))
            else:
                found.append((status.st_ino, status.st_size, status.st_mtime_ns))
        return tuple(found)


def _names_in(certificate: x509.Certificate) -> tuple[str, ...]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return ()
    return tuple(found.value.get_values_for_type(x509.DNSName))


def _check_readable(setting: str, path: Path) -> None:
    """Name the one file that cannot be read: OpenSSL does not tell which of the two it was."""
    try:
        path.open("rb").close()
    except OSError as error:
        remedy = "name the PEM file; boruta config certificate makes one to begin with"
        if isinstance(error, PermissionError):
            remedy = (
                "let the server's user or its group read it, for instance: "
                f"chgrp boruta {path}; chmod 640 {path}"
            )
        raise ConfigError(
            f"{setting}: {path} cannot be read ({error.strerror}); {remedy}"
        ) from None


def _check_private(key: Path) -> None:
    try:
        mode = key.stat().st_mode
    except OSError as error:
        raise ConfigError(f"tls_key: {key} cannot be read ({error.strerror})") from None
    if mode & stat.S_IRWXO:
        raise ConfigError(
            f"tls_key: {key} can be read by everybody on this machine; run: chmod o= {key}"
        )


def _show(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
