"""An authority made for one farm, and the server's certificate signed by it."""

import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from boruta_farm.model.errors import ConfigError

LASTING: Final = timedelta(days=365)
BACKDATED: Final = timedelta(days=1)
"""Clocks of clients may be behind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFiles:
    """Name what was written: the authority for clients, certificate and key for the server."""

    authority: Path
    certificate: Path
    key: Path


def make_certificate(folder: Path, names: Sequence[str], now: datetime) -> CertificateFiles:
    """Write an authority and a certificate for these host names and addresses into a folder.

    The authority's own key is thrown away, so nothing else can ever be signed by it: a new
    certificate comes with a new authority. Raises ConfigError when the files exist already or
    cannot be written.
    """
    files = CertificateFiles(
        authority=folder / "ca.pem", certificate=folder / "farm.pem", key=folder / "farm.key"
    )
    signer, key = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
    issuer, subject = _name(f"Boruta farm {names[0]}"), _name(names[0])
    identity = x509.SubjectKeyIdentifier.from_public_key(signer.public_key())
    authority = (
        _certificate(issuer, issuer, signer, now)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(identity, critical=False)
        .sign(signer, hashes.SHA256())
    )
    certificate = (
        _certificate(subject, issuer, key, now)
        .add_extension(x509.SubjectAlternativeName([_host(n) for n in names]), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identity),
            critical=False,
        )
        .sign(signer, hashes.SHA256())
    )
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    _write(files.key, secret, 0o600)
    _write(files.certificate, certificate.public_bytes(Encoding.PEM), 0o644)
    _write(files.authority, authority.public_bytes(Encoding.PEM), 0o644)
    return files


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + LASTING)
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def _host(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes, mode: int) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
    except OSError as error:
        raise ConfigError(
            f"{path}: cannot be written: {error.strerror}; remove the old files, or choose "
            "another folder"
        ) from None
