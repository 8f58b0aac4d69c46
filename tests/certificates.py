"""Authorities and certificates for tests, made at run time."""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Files:
    """Name a certificate's two files."""

    certificate: Path
    key: Path

    @property
    def serial(self) -> int:
        """Return the certificate's number."""
        return x509.load_pem_x509_certificate(self.certificate.read_bytes()).serial_number


class Authority:
    """Sign certificates for 127.0.0.1 and localhost; ``file`` is what clients are given."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        self._key = generate_private_key(SECP256R1())
        self._name = _name(name)
        self.file = folder / f"{name}.pem"
        made = (
            _builder(self._name, self._name, self._key, 30 * DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_signing_only(), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False
            )
        )
        certificate = made.sign(self._key, hashes.SHA256())
        self.file.write_bytes(certificate.public_bytes(Encoding.PEM))

    def issue(self, files: Files, lasting: timedelta = 30 * DAY) -> Files:
        """Write a fresh certificate and key, in place of what the files held."""
        key = generate_private_key(SECP256R1())
        names: list[x509.GeneralName] = [
            x509.DNSName("localhost"),
            x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        ]
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        made = (
            _builder(_name("farm.example"), self._name, key, lasting)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(issuer, critical=False)
        )
        certificate = made.sign(self._key, hashes.SHA256())
        files.certificate.write_bytes(certificate.public_bytes(Encoding.PEM))
        files.key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        files.key.chmod(0o600)
        return files


def files_in(folder: Path) -> Files:
    """Return where a certificate of this folder lies."""
    return Files(folder / "farm.pem", folder / "farm.key")


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name, issuer: x509.Name, key: EllipticCurvePrivateKey, lasting: timedelta
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 2 * DAY)
        .not_valid_after(now + lasting)
    )


def _signing_only() -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=True,
        crl_sign=True,
        encipher_only=False,
        decipher_only=False,
    )
